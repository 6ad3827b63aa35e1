"""PreScore, Score and NormalizeScore: run their plugins, with the framework's rules.

Source of the rules and texts: Kubernetes v1.36, pkg/scheduler/framework/runtime/framework.go and
pkg/scheduler/framework/plugins/helper/normalize_score.go.
"""

import numpy as np

from shoal.base.guard import Failed, attempt
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.extension_points import ExtensionPoints, ScoreSlot
from shoal.scheduler.framework.plugin import (
    MAX_NODE_SCORE,
    MIN_NODE_SCORE,
    Normalization,
)
from shoal.scheduler.framework.status import SUCCESS, Code, Status
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import BoolArray, IntArray
from shoal.scheduler.state.pod_info import PodInfo


def run_pre_scores(
    points: ExtensionPoints,
    state: CycleState,
    pod: PodInfo,
    feasible: NodeRows,
    *,
    only_cluster: bool = False,
) -> Status:
    """Anything but Success and Skip ends the cycle with an error. `only_cluster` asks those
    plugins alone that look beyond the pod."""
    skipped = state.skip_score
    for plugin in points.by_reading.further_pre_scores if only_cluster else points.pre_score:
        answer = attempt(plugin.pre_score, state, pod, feasible)
        if isinstance(answer, Failed):
            return _pre_score_error(plugin.name, answer.text)
        if answer.code is Code.SKIP:
            if plugin.name not in skipped:
                skipped = skipped | {plugin.name}
        elif not answer.is_success:
            return _pre_score_error(plugin.name, answer.message)
        elif plugin.name in skipped:
            skipped = skipped - {plugin.name}
    state.skip_score = skipped
    return SUCCESS


def _pre_score_error(plugin: str, text: str) -> Status:
    return statuses.error(f'running PreScore plugin "{plugin}": {text}', plugin)


def raw_scores(
    slot: ScoreSlot, state: CycleState, pod: PodInfo, nodes: NodeRows, is_feasible: BoolArray
) -> IntArray | Status:
    """The plugin's scores of the rows; `is_feasible` is as long as the table. Error ends the
    cycle."""
    asked = nodes
    chosen: BoolArray | None = None
    if slot.is_per_node:
        chosen = is_feasible[nodes.rows]
        asked = nodes.where(chosen)
    answer = attempt(slot.plugin.score_rows, state, pod, asked)
    if isinstance(answer, Failed):
        return score_error(slot.plugin.name, answer)
    if chosen is None:
        return answer
    scores = np.zeros(nodes.size, np.int64)
    scores[chosen] = answer
    return scores


def score_error(plugin: str, failed: Failed) -> Status:
    """What ends the cycle where a score plugin fails."""
    return statuses.error(f'running Score plugin "{plugin}": {failed.text}', plugin)


def normalized_by_rule(rule: Normalization, scores: IntArray, highest: int) -> IntArray:
    """`highest` is the highest raw score of any feasible node; integer division as in Go."""
    if rule is Normalization.NONE:
        return scores
    if highest == 0:
        return scores if rule is Normalization.HIGHEST else np.full_like(scores, MAX_NODE_SCORE)
    shares = scores * MAX_NODE_SCORE // highest
    return shares if rule is Normalization.HIGHEST else MAX_NODE_SCORE - shares


def normalized_by_plugin(
    slot: ScoreSlot, state: CycleState, pod: PodInfo, scores: IntArray
) -> IntArray | Status:
    """`scores` are those of all feasible nodes."""
    assert slot.custom is not None
    name = slot.plugin.name
    answer = attempt(slot.custom.normalize_scores, state, pod, scores)
    if isinstance(answer, Failed):
        return statuses.error(f'running Normalize on Score plugin "{name}": {answer.text}', name)
    return answer


def highest(slot: ScoreSlot, raw: IntArray, is_feasible: BoolArray) -> int:
    """What the slot's rule measures by; nothing where it has none."""
    if slot.custom is not None or slot.normalization is Normalization.NONE:
        return 0
    return int(np.where(is_feasible, raw, 0).max())


def normalized(
    slot: ScoreSlot,
    state: CycleState,
    pod: PodInfo,
    raw: IntArray,
    is_feasible: BoolArray,
    highest: int,
) -> IntArray | Status:
    """Scores of all rows; those that are not feasible mean nothing."""
    if slot.custom is None:
        scores = normalized_by_rule(slot.normalization, raw, highest)
        if slot.is_checked:
            return out_of_range(slot, scores[is_feasible]) or scores
        return scores
    own = normalized_by_plugin(slot, state, pod, raw[is_feasible])
    if isinstance(own, Status):
        return own
    if error := out_of_range(slot, own):
        return error
    scores = np.zeros(raw.size, np.int64)
    scores[is_feasible] = own
    return scores


def out_of_range(slot: ScoreSlot, scores: IntArray) -> Status | None:
    """An error where a normalised score is not 0 to 100."""
    # Read as unsigned, negative numbers are huge: one look for both bounds.
    if not slot.is_checked or not scores.size or scores.view(np.uint64).max() <= MAX_NODE_SCORE:
        return None
    wrong = next(s for s in scores.tolist() if not MIN_NODE_SCORE <= s <= MAX_NODE_SCORE)
    name = slot.plugin.name
    return statuses.error(
        f'plugin "{name}" returns an invalid score {wrong}, it should in the range of '
        f"[{MIN_NODE_SCORE}, {MAX_NODE_SCORE}] after normalizing",
        name,
    )
