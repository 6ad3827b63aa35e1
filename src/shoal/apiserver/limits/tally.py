"""`KindTally`: what the objects of one kind take of the quotas of their namespace, to the write.

The store is the truth: the tally follows its events and adds the writes that are under way. Such a
write is known as a `Charge`, which learns its revision when the store accepts it; so it is
never counted twice, nor left out in between.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from shoal.api.meta import Object
from shoal.api.quota.allowance import Allowance
from shoal.api.quota.amounts import Usage, add
from shoal.api.quota.objects import READ_AS, Counted, count
from shoal.store.protocol import Compacted, Encoder, Store, StoreEventType


class Charge:
    """What a write under way takes. Its encoder stands in for the write's own."""

    def __init__(self, encode: Encoder, taken: Mapping[str, Usage]) -> None:
        """`taken` is by the quota's name, `encode` the write's own."""
        self._encode = encode
        self.taken = taken
        self.revision: int | None = None
        """None as long as the store has not judged the write."""

    def encode(self, revision: int) -> bytes:
        """Runs on the store's writer, which publishes the write after it."""
        self.revision = revision
        return self._encode(revision)


class KindTally:
    """All objects of a kind and namespace, and their sum by quota."""

    def __init__(self, store: Store, bucket: str, namespace: str) -> None:
        self._store = store
        self._bucket = bucket
        self._prefix = f"{bucket}/{namespace}/"
        self._type = READ_AS.get(bucket, Object)
        self._allowances: Sequence[Allowance] = ()
        self._objects: dict[str, Counted] = {}
        self._changing: dict[str, Object] = {}
        """Objects that will count as less by time alone."""
        self._totals: dict[str, Usage] = {}
        self._revision = -1
        self._under_way: list[Charge] = []

    def refresh(self, allowances: Sequence[Allowance], now: datetime) -> None:
        """Take in what has been written. `allowances` are those of all quotas of the namespace that
        are about this kind."""
        if allowances != self._allowances:
            self._allowances = allowances
            self._sum_up()
        try:
            self._follow(now)
        except Compacted:
            self._recount(now)
        self._revision = self._store.revision
        for key, obj in tuple(self._changing.items()):
            changes_at = self._objects[key].changes_at
            if changes_at is not None and changes_at < now:
                self._put(key, obj, now)

    def used(self, quota: str) -> Usage:
        """Of one quota, with what is under way."""
        total = dict(self._totals[quota])
        for each in self._under_way:
            if each.revision is None or each.revision > self._revision:
                add(total, each.taken.get(quota, {}))
        return total

    def begin(self, charge: Charge) -> None:
        self._under_way.append(charge)

    def end(self, charge: Charge) -> None:
        """The write is published, or has failed."""
        self._under_way.remove(charge)

    def read(self, value: bytes) -> Object:
        """A stored object as `count` wants it."""
        return msgspec.json.decode(value, type=self._type)

    def _follow(self, now: datetime) -> None:
        """Raises Compacted where too much has been written since."""
        if self._revision < 0:
            raise Compacted(0)
        watch = self._store.watch(self._prefix, after=self._revision)
        try:
            while (event := watch.next_nowait()) is not None:
                if event.type is StoreEventType.DELETED:
                    self._remove(event.key)
                else:
                    self._put(event.key, self.read(event.value), now)
        finally:
            watch.close()

    def _recount(self, now: datetime) -> None:
        self._changing.clear()
        entries = self._store.list(self._prefix).entries
        read = {entry.key: self.read(entry.value) for entry in entries}
        self._objects = {key: count(self._bucket, obj, now) for key, obj in read.items()}
        self._changing = {k: read[k] for k, each in self._objects.items() if each.changes_at}
        self._sum_up()

    def _sum_up(self) -> None:
        self._totals = {allowance.name: {} for allowance in self._allowances}
        for counted in self._objects.values():
            self._add(counted, 1)

    def _put(self, key: str, obj: Object, now: datetime) -> None:
        self._remove(key)
        counted = self._objects[key] = count(self._bucket, obj, now)
        self._add(counted, 1)
        if counted.changes_at is not None:
            self._changing[key] = obj

    def _remove(self, key: str) -> None:
        self._changing.pop(key, None)
        counted = self._objects.pop(key, None)
        if counted is not None:
            self._add(counted, -1)

    def _add(self, counted: Counted, times: int) -> None:
        for allowance in self._allowances:
            add(self._totals[allowance.name], allowance.share_of(counted), times)
