"""All that the scheduler can say about one pod on the cluster as it is.

The feasible nodes and the message come from the same `Evaluation` that places pods; what each
plugin says alone, and its scores, are asked on top of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shoal.base.guard import Failed, attempt
from shoal.scheduler.cycle.beside_nominated import BesideNominated
from shoal.scheduler.cycle.evaluation import Evaluation
from shoal.scheduler.effects import Evict
from shoal.scheduler.explaining.lone_verdicts import Refusal, Refusals, lone_refusals, refusal
from shoal.scheduler.explaining.score_sheet import ScoreSheet, score_sheet
from shoal.scheduler.framework import filtering
from shoal.scheduler.framework.extension_points import ExtensionPoints
from shoal.scheduler.framework.nominations import Nominations
from shoal.scheduler.framework.profile import Profile
from shoal.scheduler.framework.status import Code
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class WayOut:
    """What PostFilter plugins would do for a pod that fits nowhere: preemption, as a rule."""

    node_name: str = ""
    """The node that the pod would be nominated to; empty where nothing helps."""
    victims: tuple[str, ...] = ()
    """`namespace/name` of pods that would be evicted, sorted."""
    message: str = ""
    """Why nothing helps."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Of one pod; what is about nodes holds only where the queue lets it in."""

    node_count: int
    refusals: Refusals
    pre_filter: Refusal | None
    """Why no node was looked at."""
    feasible: Sequence[str]
    """Names of the nodes that would do, sorted."""
    message: str
    """Why none would; empty where one would."""
    scores: ScoreSheet
    way_out: WayOut | None
    """None where a node would do, where no plugin knows a way, or where something failed."""
    rejectors: frozenset[str]
    """Plugins whose events the pod would wait for."""
    held_back_by: Refusal | None
    """The PreEnqueue plugin that keeps the pod out of the queue."""


def judged(
    profile: Profile, snapshot: Snapshot, nominations: Nominations, pod: PodInfo
) -> tuple[ExtensionPoints, Evaluation]:
    """As a cycle would judge the pod now, and the points that it would use: they leave nominated
    pods their room."""
    evaluation = Evaluation(profile.points, pod, snapshot)
    if nominations:
        own = BesideNominated(snapshot, nominations).profile_for(pod, profile, evaluation)
        if own is not profile:
            return own.points, Evaluation(own.points, pod, snapshot)
    return profile.points, evaluation


def explain(
    profile: Profile, snapshot: Snapshot, nominations: Nominations, pod: PodInfo
) -> Explanation:
    """Leaves the cluster as it is. The pod must not be on a node of it."""
    points, evaluation = judged(profile, snapshot, nominations, pod)
    status = evaluation.judge()
    rows = evaluation.feasible_rows() if status.is_success else []
    message, rejectors = "", frozenset[str]()
    if status.code is Code.ERROR:
        message = status.message
    elif not rows:
        diagnosis = evaluation.diagnose()
        message = diagnosis.message
        rejectors = diagnosis.unschedulable_plugins | diagnosis.pending_plugins
    # Without any node nobody is asked for a way, as in a cycle.
    has_way_out = bool(snapshot.node_count) and not rows
    has_way_out = has_way_out and (status.is_success or status.is_rejected)
    return Explanation(
        node_count=snapshot.node_count,
        refusals=lone_refusals(points, snapshot, pod),
        pre_filter=None if status.is_success else refusal(status),
        feasible=sorted(snapshot.node(row).name for row in rows),
        message=message,
        scores=_scores(points, evaluation, pod, snapshot, rows),
        way_out=_way_out(points, evaluation, pod) if has_way_out else None,
        rejectors=rejectors,
        held_back_by=_held_back_by(points, pod),
    )


def _scores(
    points: ExtensionPoints,
    evaluation: Evaluation,
    pod: PodInfo,
    snapshot: Snapshot,
    rows: Sequence[int],
) -> ScoreSheet:
    if not rows:
        return ScoreSheet()
    return score_sheet(points, evaluation.state.clone(), pod, snapshot, rows)


def _way_out(points: ExtensionPoints, evaluation: Evaluation, pod: PodInfo) -> WayOut | None:
    if not points.post_filter:
        return None
    result, status = filtering.run_post_filters(points, evaluation.state.clone(), pod, evaluation)
    if result is None or not result.nominated_node_name:
        return WayOut(message=status.message)
    evicted = {str(each.pod) for each in result.effects if isinstance(each, Evict)}
    victims = evicted | {str(each.key) for each in result.victims}
    return WayOut(result.nominated_node_name, tuple(sorted(victims)), status.message)


def _held_back_by(points: ExtensionPoints, pod: PodInfo) -> Refusal | None:
    for plugin in points.pre_enqueue:
        status = attempt(plugin.pre_enqueue, pod)
        if isinstance(status, Failed):
            return Refusal("Error", plugin.name, (status.text,))
        if not status.is_success:
            return refusal(status.by(plugin.name))
    return None
