"""One row of the node table as plain numbers.

Equal pods that follow each other change one row at a time, and for one row NumPy's overhead is many
times the work; a plugin that wants to be quick there judges this instead of `NodeRows`.
"""

from typing import TYPE_CHECKING

from shoal.scheduler.state.node_table import NodeTable

if TYPE_CHECKING:
    from shoal.scheduler.state.node_rows import NodeRows
    from shoal.scheduler.state.snapshot import Snapshot


class NodeRow:
    """Made by `NodeRows.only_row`; holds as long as nothing changes."""

    __slots__ = ("allocatable", "row", "snapshot", "taken")

    def __init__(self, snapshot: "Snapshot", table: NodeTable, row: int) -> None:
        self.snapshot = snapshot
        self.row = row
        self.allocatable: list[int] = table.allocatable[:, row].tolist()
        """By resource (see `Snapshot.resources`): milli-cores of cpu, bytes, whole units."""
        self.taken: list[int] = table.taken[:, row].tolist()
        """Cpu and memory as scores count them, then exact requests by resource."""

    def as_rows(self) -> "NodeRows":
        """The same row for a vectorised judgement."""
        return self.snapshot.select(slice(self.row, self.row + 1))
