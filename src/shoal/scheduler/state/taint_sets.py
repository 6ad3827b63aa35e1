"""Taints, interned: nodes with the same taints share a number.

A cluster has thousands of nodes but few distinct sets of taints, so a plugin judges each set once
and spreads the answer over the column of numbers.
"""

from collections.abc import Sequence

from shoal.api.node import Taint


class TaintSets:
    """Numbers stay valid for good; the empty set is 0."""

    def __init__(self) -> None:
        self._sets: list[tuple[Taint, ...]] = [()]
        self._number_of: dict[tuple[tuple[str, str, str], ...], int] = {(): 0}

    def intern(self, taints: Sequence[Taint]) -> int:
        """Order counts: the first untolerated taint is the one that rejects."""
        identity = tuple((each.key, each.value, each.effect) for each in taints)
        number = self._number_of.setdefault(identity, len(self._sets))
        if number == len(self._sets):
            self._sets.append(tuple(taints))
        return number

    @property
    def sets(self) -> Sequence[tuple[Taint, ...]]:
        """Indexed by number."""
        return self._sets
