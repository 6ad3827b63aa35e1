"""Groups that were tried in vain, by what makes them equal.

Of equal groups only the oldest is woken when something changes: where it finds nothing, none of
the others does; where it does, the next one is. So a change costs as much as there are kinds of
groups, and not as much as there are groups.
"""

import heapq
from collections.abc import Iterator

from shoal.api.meta import ObjectKey
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.likeness import Likeness


class Parking:
    """Every group stands here once at most."""

    def __init__(self) -> None:
        self._alone: dict[ObjectKey, Group] = {}
        self._alike: dict[Likeness, list[tuple[str, str, Group]]] = {}
        """The oldest first; groups that have left are still in it until they come up."""
        self._likeness: dict[ObjectKey, Likeness] = {}

    def __contains__(self, group: Group) -> bool:
        return group.key in self._alone or group.key in self._likeness

    def heads(self) -> Iterator[Group]:
        """Groups that nobody equal stands before."""
        yield from self._alone.values()
        for likeness in list(self._alike):
            head = self._head(likeness)
            if head is not None:
                yield head

    def add(self, group: Group, likeness: Likeness | None) -> None:
        """None for a group that is like no other."""
        self.remove(group)
        if likeness is None:
            self._alone[group.key] = group
            return
        self._likeness[group.key] = likeness
        line = self._alike.setdefault(likeness, [])
        heapq.heappush(line, (group.age_key, group.uid, group))

    def remove(self, group: Group) -> None:
        """Unknown ones are fine."""
        self._alone.pop(group.key, None)
        self._likeness.pop(group.key, None)

    def next_alike(self, likeness: Likeness) -> Group | None:
        """The oldest of equal groups."""
        return self._head(likeness)

    def _head(self, likeness: Likeness) -> Group | None:
        line = self._alike.get(likeness, [])
        while line:
            _, _, group = line[0]
            if self._likeness.get(group.key) == likeness:
                return group
            heapq.heappop(line)
        self._alike.pop(likeness, None)
        return None
