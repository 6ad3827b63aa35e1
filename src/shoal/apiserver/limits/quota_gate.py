"""`QuotaGate`: no write that a ResourceQuota has no room for gets to the store.

What is in use is counted from the store itself, with the writes that are under way, so that of
two writes for one free place one is refused, and a write that fails has never counted. A quota's
status only shows what a controller has counted; nothing is decided by it.
Source of the verdicts: Kubernetes v1.36, apiserver/pkg/admission/plugin/resourcequota.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import lru_cache

import msgspec

from shoal.api.core import RESOURCE_QUOTAS, ResourceQuota
from shoal.api.meta import Object
from shoal.api.pod import Pod
from shoal.api.quota.allowance import Allowance, allowance_of, excess, lack, wanted
from shoal.api.quota.amounts import Usage
from shoal.api.quota.objects import NEVER_COUNTED, READ_AS, count
from shoal.api.resource import JsonObject
from shoal.api.status import forbidden
from shoal.apiserver.limits.tally import Charge, KindTally
from shoal.apiserver.requests import Target
from shoal.base.clock import Clock
from shoal.store.protocol import Encoder, Entry, Store

Write = Callable[[Encoder], Awaitable[Entry]]


class QuotaGate:
    """Asked by the verbs that write, with the write in hand."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._tallies: dict[str, dict[str, KindTally]] = {}
        """By namespace, then by kind; only of namespaces with quotas."""

    @property
    def tallied_namespaces(self) -> Collection[str]:
        """What is kept in memory."""
        return self._tallies.keys()

    async def carry_out(
        self,
        target: Target,
        new: JsonObject,
        old: JsonObject | None,
        encode: Encoder,
        write: Write,
    ) -> Entry:
        """Calls `write` with an encoder. `old` is what `new` takes the place of. Raises ApiError
        (403) where there is no room, and whatever `write` raises."""
        quotas = self._quotas(target)
        if not quotas:
            return await write(encode)
        tally = self._tally(target)
        charge = Charge(encode, self._admit(target, tally, quotas, new, old))
        if not charge.taken:
            return await write(encode)
        tally.begin(charge)
        writing = asyncio.ensure_future(write(charge.encode))
        writing.add_done_callback(lambda done: _settle(tally, charge, done))
        # Who is cancelled has written all the same: the room is taken until that is known.
        return await asyncio.shield(writing)

    def check(self, target: Target, new: JsonObject, old: JsonObject | None) -> None:
        """As `carry_out` where nothing is to be written."""
        quotas = self._quotas(target)
        if quotas:
            self._admit(target, self._tally(target), quotas, new, old)

    def _quotas(self, target: Target) -> Sequence[Allowance]:
        """Those that are about the target's kind, by name."""
        bucket, namespace = target.served.bucket, target.namespace
        if not namespace or bucket in NEVER_COUNTED:
            return ()
        found = [_allowance(entry.value, bucket) for entry in self._entries(namespace)]
        return [allowance for allowance in found if allowance.hard]

    def _entries(self, namespace: str) -> Sequence[Entry]:
        return self._store.list(f"{RESOURCE_QUOTAS.group_resource}/{namespace}/").entries

    def _tally(self, target: Target) -> KindTally:
        bucket, namespace = target.served.bucket, target.namespace
        tallies = self._tallies.get(namespace)
        if tallies is None:
            # Those of namespaces that have lost their quotas, or are gone, go.
            self._tallies = {name: t for name, t in self._tallies.items() if self._entries(name)}
            tallies = self._tallies[namespace] = {}
        tally = tallies.get(bucket)
        if tally is None:
            tally = tallies[bucket] = KindTally(self._store, bucket, namespace)
        return tally

    def _admit(
        self,
        target: Target,
        tally: KindTally,
        quotas: Sequence[Allowance],
        new: JsonObject,
        old: JsonObject | None,
    ) -> Mapping[str, Usage]:
        """What the write takes of each quota. Raises ApiError."""
        bucket, now = target.served.bucket, self._clock.now()
        obj = _read(bucket, new)
        counted = count(bucket, obj, now)
        why = lack(quotas, obj, counted) if old is None and isinstance(obj, Pod) else ""
        before = count(bucket, _read(bucket, old), now) if old is not None else None
        taken = wanted(quotas, counted, before) if not why else {}
        if taken:
            tally.refresh(quotas, now)
            for allowance in quotas:
                more = taken.get(allowance.name)
                why = why or (excess(allowance, more, tally.used(allowance.name)) if more else "")
        if why:
            raise forbidden(target.group_resource, new["metadata"]["name"], why)
        return taken


@lru_cache(maxsize=512)
def _allowance(value: bytes, bucket: str) -> Allowance:
    return allowance_of(msgspec.json.decode(value, type=ResourceQuota)).for_kind(bucket)


def _read(bucket: str, obj: JsonObject) -> Object:
    return msgspec.convert(obj, READ_AS.get(bucket, Object))


def _settle(tally: KindTally, charge: Charge, done: asyncio.Future[Entry]) -> None:
    tally.end(charge)
    if not done.cancelled():
        # Whoever waits is told; where nobody does any more, nobody is to be reminded of it.
        done.exception()
