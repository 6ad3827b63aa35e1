"""How many of something stand on each row: a dictionary while they are few, an array, too, when
they are many.

There are thousands of such counts (each wish of each controller's pods is one), most of them of a
few rows; an array for each would fill the memory, and a dictionary alone be slow to judge by.
"""

import numpy as np

from shoal.scheduler.state.node_table import IntArray

_SPARSE = 32
"""An array is kept where more than one in this many rows counts: what is kept then is bounded by
the number of pods."""


class RowCounts:
    __slots__ = ("_array", "_counts")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._array: IntArray | None = None

    def __bool__(self) -> bool:
        return bool(self._counts)

    def add(self, row: int) -> None:
        self._counts[row] = self._counts.get(row, 0) + 1
        if self._array is not None:
            if row < self._array.size:
                self._array[row] += 1
            else:
                self._array = None

    def remove(self, row: int) -> None:
        """One that was added."""
        count = self._counts[row] - 1
        if count:
            self._counts[row] = count
        else:
            del self._counts[row]
        if self._array is not None:
            self._array[row] -= 1

    def add_to(self, array: IntArray) -> None:
        """Add all counts to an array that is long enough."""
        array[list(self._counts)] += np.fromiter(self._counts.values(), np.int64)

    def by_row(self, row_count: int) -> IntArray:
        """As long as asked, which must cover every row that counts; not to be written to."""
        if self._array is not None and self._array.size >= row_count:
            return self._array[:row_count]
        array = np.zeros(row_count, np.int64)
        self.add_to(array)
        self._array = array if len(self._counts) * _SPARSE > row_count else None
        return array
