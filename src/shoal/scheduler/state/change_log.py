"""Which rows of the node table changed, in order, so that holders of results redo only those.

A holder remembers how many changes it has seen and asks for the rows since. The log keeps a
bounded number of changes; who asks for older ones is told to look at everything.
"""

import numpy as np
import numpy.typing as npt

RowNumbers = npt.NDArray[np.intp]

_KEPT = 2**15


class ChangeLog:
    def __init__(self) -> None:
        self._rows: RowNumbers = np.zeros(2 * _KEPT, np.intp)
        self._first = 0
        """Number of the first change kept."""
        self.count = 0
        """Changes so far."""

    def note(self, row: int) -> None:
        position = self.count - self._first
        if position == self._rows.size:
            self._rows[:_KEPT] = self._rows[_KEPT:]
            self._first += _KEPT
            position = _KEPT
        self._rows[position] = row
        self.count += 1

    def since(self, seen: int) -> RowNumbers | None:
        """Rows of the changes after the first `seen`, oldest first, a row as often as it changed;
        a view, to be used at once. None where that is too long ago."""
        if seen < self._first:
            return None
        return self._rows[seen - self._first : self.count - self._first]
