"""Some rows of the node table with their columns, as a vectorised plugin judges them.

The rows are a run of the table (a slice, whose columns are views) or a list of numbers (whose
columns are copies); a plugin need not care. Columns are gathered when they are first asked for,
once for all plugins. Every array is as long as the rows; columns of several resources have the
resource as their first axis. A row may stand in the list more than once, and rows without a node
are blank (`is_present` is False there).
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shoal.scheduler.state.node_row import NodeRow
from shoal.scheduler.state.node_table import NON_ZERO_ROWS, BoolArray, IntArray, NodeTable

if TYPE_CHECKING:
    from shoal.scheduler.state.snapshot import NodeInfo, Snapshot

Rows = slice | npt.NDArray[np.intp]
"""Which rows of the table: a run of them, or their numbers."""


class NodeRows:
    """Made by `Snapshot.select`. Nothing here may be written to."""

    __slots__ = (
        "_allocatable",
        "_chosen",
        "_numbers",
        "_row",
        "_rows",
        "_table",
        "_taken",
        "size",
        "snapshot",
    )

    def __init__(
        self,
        snapshot: "Snapshot",
        table: NodeTable,
        rows: Rows | None,
        size: int,
        chosen: BoolArray | None = None,
    ) -> None:
        """Instead of `rows` a mask over the table, of which the numbers are found when somebody
        asks."""
        self.snapshot = snapshot
        self.size = size
        """How many rows."""
        self._rows = rows
        self._chosen = chosen
        self._table = table
        self._taken: IntArray | None = None
        self._allocatable: IntArray | None = None
        self._numbers: npt.NDArray[np.intp] | None = None
        self._row: NodeRow | None = None

    @property
    def rows(self) -> Rows:
        """What indexes a column of the table to get these rows."""
        rows = self._rows
        if rows is None:
            assert self._chosen is not None
            rows = self._rows = np.flatnonzero(self._chosen)
        return rows

    @property
    def only_row(self) -> NodeRow:
        """Of one row, as plain numbers."""
        if self._row is None:
            rows = self.rows
            number = rows.start if isinstance(rows, slice) else int(rows[0])
            self._row = NodeRow(self.snapshot, self._table, number)
        return self._row

    @property
    def numbers(self) -> npt.NDArray[np.intp]:
        """Of the rows, one by one."""
        if self._numbers is None:
            rows = self.rows
            is_run = isinstance(rows, slice)
            self._numbers = np.arange(rows.start, rows.stop) if is_run else rows
        return self._numbers

    @property
    def allocatable(self) -> IntArray:
        """By resource (see `Snapshot.resources`): milli-cores of cpu, bytes, whole units."""
        if self._allocatable is None:
            self._allocatable = _columns(self._table.allocatable, self.rows)
        return self._allocatable

    @property
    def requested(self) -> IntArray:
        """By resource: exact requests of the pods on each node."""
        return self.taken[NON_ZERO_ROWS:]

    @property
    def non_zero(self) -> IntArray:
        """Cpu (0) and memory (1) with the defaults of containers that ask for none."""
        return self.taken[:NON_ZERO_ROWS]

    @property
    def taken(self) -> IntArray:
        """`non_zero` above `requested`."""
        if self._taken is None:
            self._taken = _columns(self._table.taken, self.rows)
        return self._taken

    @property
    def is_present(self) -> BoolArray:
        return self._table.is_present[self.rows]

    @property
    def is_unschedulable(self) -> BoolArray:
        return self._table.is_unschedulable[self.rows]

    @property
    def taint_set(self) -> IntArray:
        """Indices of `Snapshot.taint_sets`."""
        return self._table.taint_set[self.rows]

    def node(self, position: int) -> "NodeInfo":
        """The node of the row at this position. Raises LookupError where there is none."""
        return self.snapshot.node(int(self.numbers[position]))

    def where(self, chosen: BoolArray) -> "NodeRows":
        """Only the rows where `chosen`, which is as long as these, is True."""
        return self.snapshot.select(self.numbers[chosen])

    def with_requested(self, requested: IntArray) -> "NodeRows":
        """The same rows as if this were requested there, by resource; all else is as it is."""
        supposed = NodeRows(self.snapshot, self._table, self._rows, self.size, self._chosen)
        supposed._taken = np.concatenate((self.non_zero, requested))
        return supposed


def _columns(array: IntArray, rows: Rows) -> IntArray:
    if not isinstance(rows, slice):
        # `take` gathers columns several times as fast as indexing does.
        return array.take(rows, axis=1)
    view = array[:, rows]
    view.setflags(write=False)
    return view
