"""Groups that were tried in vain, by what makes them equal.

Of equal groups only the oldest is woken when something changes: where it finds nothing, none of
the others does; where it does, the next one is. So a change costs as much as there are kinds of
groups, and not as much as there are groups.
"""

import heapq
from collections.abc import Iterator

from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.likeness import Likeness

_Entry = tuple[str, str, int, Group]
"""Age, uid, a number that no other entry has, and the group."""


class _Line:
    """Equal groups, the oldest first; those that have left stay until they come up."""

    def __init__(self) -> None:
        self.entries: list[_Entry] = []
        self.entered: set[Group] = set()

    def enter(self, group: Group, number: int) -> None:
        """Once at most, however often it leaves and comes back."""
        if group not in self.entered:
            self.entered.add(group)
            heapq.heappush(self.entries, (group.age_key, group.uid, number, group))

    def drop_first(self) -> None:
        self.entered.remove(heapq.heappop(self.entries)[-1])


class Parking:
    """Every group stands here once at most."""

    def __init__(self) -> None:
        self._alone: dict[Group, None] = {}
        self._alike: dict[Likeness, _Line] = {}
        self._likeness: dict[Group, Likeness] = {}
        self._number = 0

    def __contains__(self, group: Group) -> bool:
        return group in self._alone or group in self._likeness

    def heads(self) -> Iterator[Group]:
        """Groups that nobody equal stands before."""
        yield from self._alone
        for likeness in list(self._alike):
            head = self._head(likeness)
            if head is not None:
                yield head

    def add(self, group: Group, likeness: Likeness | None) -> None:
        """None for a group that is like no other."""
        self.remove(group)
        if likeness is None:
            self._alone[group] = None
            return
        self._likeness[group] = likeness
        self._number += 1
        self._alike.setdefault(likeness, _Line()).enter(group, self._number)

    def remove(self, group: Group) -> None:
        """Unknown ones are fine."""
        self._alone.pop(group, None)
        self._likeness.pop(group, None)

    def next_alike(self, likeness: Likeness) -> Group | None:
        """The oldest of equal groups."""
        return self._head(likeness)

    def _head(self, likeness: Likeness) -> Group | None:
        line = self._alike.get(likeness)
        while line is not None and line.entries:
            *_, group = line.entries[0]
            if self._likeness.get(group) == likeness:
                return group
            line.drop_first()
        self._alike.pop(likeness, None)
        return None
