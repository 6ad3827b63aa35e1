"""Which groups are to be tried, and what makes others be tried again.

Groups that were tried in vain are parked. What happens wakes all of them, those near whose members
a pod now stands, or those that waited for a victim; time wakes those that back off.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from shoal.api.meta import ObjectKey
from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.likeness import Likeness, is_judged_by_room, likeness_of
from shoal.scheduler.gangs.parking import Parking


class Waking:
    def __init__(self) -> None:
        self._active: dict[ObjectKey, Group] = {}
        self._does_wake_all = False
        self._does_wake_related = False
        self._does_binding_wake = False
        self._parking = Parking()
        self._related: dict[ObjectKey, Group] = {}
        """Parked groups to whose members pods nearby matter by more than the room they take."""
        self._backing_off: dict[ObjectKey, Group] = {}
        self._look_again_at: datetime | None = None
        self._awaiters: dict[str, list[Group]] = {}
        """Groups that wait for a victim to be gone, by its uid."""

    def has_work(self) -> bool:
        """Whether a round may change something."""
        return self._does_wake_all or self._does_wake_related or bool(self._active)

    def take_all(self) -> bool:
        """Whether something happened that may help any group; they are awake then."""
        were_all = self._does_wake_all
        if were_all:
            self._does_wake_all = False
            for group in list(self._parking.heads()):
                self.wake(group)
        return were_all

    def take_related(self) -> None:
        """Wakes those that want to be near a pod, where one has found its node."""
        if self._does_wake_related:
            self._does_wake_related = False
            for group in list(self._related.values()):
                self.wake(group)

    def awake(self) -> list[Group]:
        """Groups that are not parked, in the order in which they were woken."""
        return list(self._active.values())

    def parked_heads(self) -> Iterator[Group]:
        """Groups that were tried in vain, but for those that are equal to an older one of them."""
        return self._parking.heads()

    def wake_next(self, likeness: Likeness) -> Group | None:
        """The next of equal groups, of which one has just found what it wanted."""
        group = self._parking.next_alike(likeness)
        if group is not None:
            self.wake(group)
        return group

    def next_retry(self) -> datetime | None:
        """When a group is due because of the time alone."""
        times = [self._look_again_at, *(each.retry_at for each in self._backing_off.values())]
        return min((each for each in times if each is not None), default=None)

    def look_again(self, at: datetime) -> None:
        """The passing of time may help groups then."""
        if self._look_again_at is None or at < self._look_again_at:
            self._look_again_at = at

    def back_off(self, group: Group, until: datetime) -> None:
        """Leave the group alone until then."""
        group.retry_at = until
        self._backing_off[group.key] = group
        self._active.pop(group.key, None)

    def wake_due(self, now: datetime) -> None:
        """Groups whose back-off is over, or all where time itself has changed something."""
        if self._look_again_at is not None and self._look_again_at <= now:
            self._look_again_at = None
            self._does_wake_all = True
        due = [
            each for each in self._backing_off.values() if each.retry_at and each.retry_at <= now
        ]
        for group in due:
            del self._backing_off[group.key]
            group.retry_at = None
            self.wake(group)

    def park(self, group: Group, *, is_special: bool) -> None:
        """Leave the group alone until something changes. `is_special`: what it found says nothing
        of groups that are equal to it."""
        if self._active.pop(group.key, None) is not None and _may_be_tried(group):
            self._parking.add(group, None if is_special else likeness_of(group))
            if not all(is_judged_by_room(each.pod) for each in group.waiting()):
                self._related[group.key] = group

    def wake_all(self) -> None:
        """Something happened that may help any group."""
        self._does_wake_all = True

    def wake_related(self) -> None:
        """A pod stands on a node: this may help groups that want to be near it."""
        self._does_wake_related = bool(self._related)

    def wake_when_bound(self) -> None:
        """The next binding that succeeds may help any group: members that are being bound cannot
        be victims before."""
        self._does_binding_wake = True

    def await_victims(self, group: Group, victims: Iterable[str]) -> None:
        """The group has pods with these uids evicted, and takes their room when they are gone."""
        for uid in victims:
            group.awaited.add(uid)
            self._awaiters.setdefault(uid, []).append(group)

    def binding_succeeded(self) -> None:
        """Of a member of any group."""
        if self._does_binding_wake:
            self._does_binding_wake = False
            self.wake_all()

    def victim_leaves(self, uid: str) -> Sequence[Group]:
        """A victim is gone, or cannot be evicted; those that waited for it."""
        groups = self._awaiters.pop(uid, [])
        for group in groups:
            group.awaited.discard(uid)
            self.wake(group)
        return groups

    def wake(self, group: Group) -> None:
        """Whether there is anything to try is found out by the round."""
        self._parking.remove(group)
        self._related.pop(group.key, None)
        if _may_be_tried(group):
            self._active[group.key] = group
        else:
            self._active.pop(group.key, None)

    def drop(self, group: Group) -> None:
        """It is gone."""
        self._parking.remove(group)
        for room in (self._active, self._backing_off, self._related):
            room.pop(group.key, None)


def _may_be_tried(group: Group) -> bool:
    return (
        group.is_known
        and group.retry_at is None
        and (group.waiting_count > 0 or group.phase is PodGroupPhase.PENDING)
    )
