"""A heap whose entries can be found and removed by key."""

import heapq
import itertools
from collections.abc import Hashable, Iterator
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class KeyedHeap(Generic[K, V]):
    """Lowest order first; entries of equal order leave in the order they came.

    Removed and replaced entries stay in the heap until they come up or outnumber the others, so
    every operation takes logarithmic time on average.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[Any, int, K]] = []
        self._entries: dict[K, tuple[int, V]] = {}
        self._count = itertools.count()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[V]:
        """The values, in no order that means anything."""
        return (value for _, value in self._entries.values())

    def push(self, key: K, order: Any, value: V) -> None:
        """Add the value, in place of one of the same key. Orders must compare with each other."""
        number = next(self._count)
        self._entries[key] = (number, value)
        heapq.heappush(self._heap, (order, number, key))
        self._forget_removed()

    def peek(self) -> V | None:
        """The value that `pop` would give; None where the heap is empty."""
        heap, entries = self._heap, self._entries
        while heap:
            _, number, key = heap[0]
            entry = entries.get(key)
            if entry is not None and entry[0] == number:
                return entry[1]
            heapq.heappop(heap)
        return None

    def pop(self) -> V:
        """Raises IndexError where the heap is empty."""
        value = self.peek()
        if value is None:
            raise IndexError("pop from an empty heap")
        _, _, key = heapq.heappop(self._heap)
        del self._entries[key]
        return value

    def remove(self, key: K) -> V | None:
        """The value that was there, if any."""
        entry = self._entries.pop(key, None)
        self._forget_removed()
        return entry[1] if entry else None

    def _forget_removed(self) -> None:
        if len(self._heap) > 2 * len(self._entries) + 64:
            self._heap = [item for item in self._heap if self._is_live(item)]
            heapq.heapify(self._heap)

    def _is_live(self, item: tuple[Any, int, K]) -> bool:
        entry = self._entries.get(item[2])
        return entry is not None and entry[0] == item[1]
