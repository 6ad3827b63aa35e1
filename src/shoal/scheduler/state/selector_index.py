"""Finds the few of many selectors that labels may match.

A selector that demands a value of a label can match only what has that label, so it is filed under
it; labels are held against the selectors filed under them and those that demand no value.
"""

from collections.abc import Iterable
from typing import Generic, TypeVar

from shoal.api.selectors import Selector

T = TypeVar("T")

LabelPair = tuple[str, str]


def demanded_labels(selector: Selector) -> list[LabelPair] | None:
    """Labels one of which everything that matches has; None where the selector demands none."""
    demands = [each for each in selector.requirements if each.operator == "In"]
    if not demands:
        return None
    least = min(demands, key=lambda each: len(each.values))
    return [(least.key, value) for value in least.values]


class SelectorIndex(Generic[T]):
    """Values, which must be hashable, by selector."""

    def __init__(self) -> None:
        self._filed: dict[LabelPair | None, dict[T, None]] = {}

    def add(self, selector: Selector, value: T) -> None:
        for label in _places(selector):
            self._filed.setdefault(label, {})[value] = None

    def remove(self, selector: Selector, value: T) -> None:
        """With the selector that it was added with."""
        for label in _places(selector):
            filed = self._filed[label]
            del filed[value]
            if not filed:
                del self._filed[label]

    def candidates(self, labels: Iterable[LabelPair]) -> list[T]:
        """All whose selector may match, each once where no key has two labels."""
        filed = self._filed
        found = [*filed.get(None, ())]
        for label in labels:
            if label in filed:
                found += filed[label]
        return found


def _places(selector: Selector) -> list[LabelPair] | list[None]:
    labels = demanded_labels(selector)
    return [None] if labels is None else labels
