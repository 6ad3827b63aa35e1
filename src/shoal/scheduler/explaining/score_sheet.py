"""What each score plugin gives each node that would do, as it enters the total.

`cycle.node_scores` keeps only sums, because nothing more is needed to choose a node; people want
to see where a total comes from. The rules are the same, so the totals are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from shoal.scheduler.framework import scoring
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.extension_points import ExtensionPoints, ScoreSlot
from shoal.scheduler.framework.status import Status
from shoal.scheduler.state.node_table import BoolArray, IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class ScoreSheet:
    """Scores, normalised and multiplied by the plugin's weight."""

    by_plugin: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, dict[str, int]])
    """Then by name of the node; a plugin that has nothing to say about the pod is not here."""
    totals: Mapping[str, int] = field(default_factory=dict[str, int])
    """By name of the node."""
    error: str = ""
    """Why there are no scores."""

    @property
    def ranking(self) -> Sequence[str]:
        """Names of the nodes, the best first."""
        return sorted(self.totals, key=lambda name: (-self.totals[name], name))

    @property
    def best(self) -> Sequence[str]:
        """Names of the nodes with the highest total, sorted."""
        highest = max(self.totals.values(), default=0)
        return sorted(name for name, total in self.totals.items() if total == highest)


def score_sheet(
    points: ExtensionPoints,
    state: CycleState,
    pod: PodInfo,
    snapshot: Snapshot,
    feasible: Sequence[int],
) -> ScoreSheet:
    """`state` is as the filters left it; `feasible` are the rows that they let pass."""
    is_feasible = np.zeros(snapshot.row_count, np.bool_)
    is_feasible[feasible] = True
    nodes = snapshot.where(is_feasible, len(feasible))
    status = scoring.run_pre_scores(points, state, pod, nodes)
    if not status.is_success:
        return ScoreSheet(error=status.message)
    names = [snapshot.node(row).name for row in feasible]
    totals = np.zeros(len(names), np.int64)
    by_plugin: dict[str, Mapping[str, int]] = {}
    for slot in points.score:
        if slot.plugin.name in state.skip_score:
            continue
        scores = _scores(slot, state, pod, snapshot, is_feasible)
        if isinstance(scores, Status):
            return ScoreSheet(error=scores.message)
        weighted = scores * slot.weight
        totals += weighted
        by_plugin[slot.plugin.name] = dict(zip(names, weighted.tolist(), strict=True))
    return ScoreSheet(by_plugin, dict(zip(names, totals.tolist(), strict=True)))


def _scores(
    slot: ScoreSlot, state: CycleState, pod: PodInfo, snapshot: Snapshot, is_feasible: BoolArray
) -> IntArray | Status:
    """0 to 100 for each feasible row, or an error."""
    raw = scoring.raw_scores(slot, state, pod, snapshot.all_rows(), is_feasible)
    if isinstance(raw, Status):
        return raw
    highest = scoring.highest(slot, raw, is_feasible)
    scores = scoring.normalized(slot, state, pod, raw, is_feasible, highest)
    return scores if isinstance(scores, Status) else scores[is_feasible]
