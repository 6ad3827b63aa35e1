"""What a controller did and its informer has not shown yet.

An informer lags behind the controller's own writes. A controller that counts pods before its last
creates have arrived would make them twice, so it notes each write here and waits until it has
been seen, or until it is so old that the watch must have lost it. Source of the idea:
kube-controller-manager's ControllerExpectations; here by name and uid instead of by count, so
that a write seen twice cannot settle two expectations.
"""

from datetime import datetime, timedelta

import msgspec

from shoal.api.meta import ObjectKey

EXPIRY = timedelta(minutes=5)


class _Expected(msgspec.Struct):
    until: datetime
    created: set[str]
    """Names that must appear."""
    deleted: set[str]
    """Uids that must vanish or be marked as deleting."""


class Expectations:
    """Per owner: the writes that are still to be seen."""

    def __init__(self) -> None:
        self._by_owner: dict[ObjectKey, _Expected] = {}

    def expect_created(self, owner: ObjectKey, name: str, now: datetime) -> None:
        self._of(owner, now).created.add(name)

    def expect_deleted(self, owner: ObjectKey, uid: str, now: datetime) -> None:
        self._of(owner, now).deleted.add(uid)

    def observe_created(self, owner: ObjectKey, name: str) -> None:
        expected = self._by_owner.get(owner)
        if expected is not None:
            expected.created.discard(name)

    def observe_deleted(self, owner: ObjectKey, uid: str) -> None:
        expected = self._by_owner.get(owner)
        if expected is not None:
            expected.deleted.discard(uid)

    def forget(self, owner: ObjectKey) -> None:
        """The owner is gone."""
        self._by_owner.pop(owner, None)

    def is_settled(self, owner: ObjectKey, now: datetime) -> bool:
        expected = self._by_owner.get(owner)
        if expected is None:
            return True
        if (expected.created or expected.deleted) and now < expected.until:
            return False
        del self._by_owner[owner]
        return True

    def _of(self, owner: ObjectKey, now: datetime) -> _Expected:
        expected = self._by_owner.get(owner)
        if expected is None:
            expected = self._by_owner[owner] = _Expected(now + EXPIRY, set(), set())
        expected.until = now + EXPIRY
        return expected
