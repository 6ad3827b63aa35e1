"""The points that judge one row at a time by plain numbers, beside the vectorised form.

Equal pods that follow each other change one row between them, and for one row the overhead of
arrays is most of the work. Only in-tree plugins that every pod meets are worth a second form; their
tests hold both forms to each other. The guard around other plugins leaves it out.
"""

from typing import Protocol, runtime_checkable

from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import Plugin
from shoal.scheduler.state.node_row import NodeRow
from shoal.scheduler.state.pod_info import PodInfo


@runtime_checkable
class RowFilterPlugin(Plugin, Protocol):
    """A vectorised filter that can also judge a single row, without the overhead of arrays."""

    def filter_row(self, state: CycleState, pod: PodInfo, node: NodeRow) -> int:
        """What `filter_rows` says of the row."""
        ...


@runtime_checkable
class RowScorePlugin(Plugin, Protocol):
    """A vectorised score plugin that can also score a single row."""

    def score_row(self, state: CycleState, pod: PodInfo, node: NodeRow) -> int:
        """What `score_rows` says of the row."""
        ...
