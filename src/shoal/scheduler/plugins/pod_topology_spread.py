"""PodTopologySpread: pods that stand evenly over zones, hosts or any other domains.

A hard constraint keeps a pod off domains that have too many of its kind already, compared to the
domain with the fewest; a soft one costs such domains score. Pods that have no constraints at all
get soft ones by default, where services or a controller say which pods are their kind.

Source of rules, texts and formula: Kubernetes v1.36, pkg/scheduler/framework/plugins/
podtopologyspread.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from shoal.api.node_affinity import required_nodes
from shoal.api.resource import Resource
from shoal.api.selectors import Selector
from shoal.scheduler.config.plugin_arguments import PodTopologySpreadArgs, SpreadDefaulting
from shoal.scheduler.framework.cluster_event import Registration
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import MAX_NODE_SCORE, PreFilterResult, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP, SUCCESS, Status, unresolvable, unschedulable
from shoal.scheduler.plugins import default_selectors
from shoal.scheduler.plugins.default_selectors import DefaultSelectors, known_controller
from shoal.scheduler.plugins.pod_topology_spread_constraints import (
    HOSTNAME,
    SYSTEM_DEFAULTS,
    SpreadConstraint,
    WhenUnsatisfiable,
    default_constraints,
    own_constraints,
)
from shoal.scheduler.plugins.pod_topology_spread_frame import (
    ConstraintFrame,
    SpreadFrame,
    build_frames,
)
from shoal.scheduler.plugins.pod_topology_spread_hints import registrations
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import BoolArray, IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot
from shoal.scheduler.state.topologies import NO_DOMAIN, FloatArray, Topology

_SKEWED, _NO_LABEL = 1, 2
_REASON = "node(s) didn't match pod topology spread constraints"
_REJECTIONS = {
    _SKEWED: unschedulable(_REASON),
    _NO_LABEL: unresolvable(f"{_REASON} (missing required label)"),
}
_FRAME_KEYS = {
    WhenUnsatisfiable.DO_NOT_SCHEDULE: "PodTopologySpread/hard",
    WhenUnsatisfiable.SCHEDULE_ANYWAY: "PodTopologySpread/soft",
}
_SKIPPED = (None, SKIP)
_SCORING_KEY = "PodTopologySpread/scoring"


@dataclass(frozen=True, slots=True)
class _Scoring:
    """What the scores of one cycle are made of."""

    points: tuple[tuple[Topology | None, FloatArray], ...]
    """For each constraint, what a node gets: by domain of the topology, by row without one."""
    is_ignored: BoolArray | None
    """Feasible nodes that lack a topology key; None where there are none."""

    def clone(self) -> "_Scoring":
        return self


class PodTopologySpread:
    name = "PodTopologySpread"
    filter_reads = Reads.CLUSTER
    score_reads = Reads.CLUSTER

    def __init__(self, arguments: PodTopologySpreadArgs, handle: Handle) -> None:
        self._is_system_defaulted = arguments.defaulting_type is SpreadDefaulting.SYSTEM
        defaults = SYSTEM_DEFAULTS if self._is_system_defaulted else arguments.default_constraints
        self._defaults = {
            when: tuple(each for each in defaults if each.when_unsatisfiable == when)
            for when in WhenUnsatisfiable
        }
        self.needs: Sequence[Resource[Any]] = default_selectors.READ if defaults else ()
        self._selectors = DefaultSelectors(handle.objects)

    def sign(self, pod: PodInfo) -> Hashable:
        spec = pod.spec
        own = spec.topology_spread_constraints
        if not own and not self.needs:
            return ()
        wishes = (required_nodes(spec), tuple(spec.tolerations))
        if own:
            return (pod.label_class, msgspec.json.encode(own), wishes)
        owner = known_controller(pod)
        return (pod.label_class, owner and (owner.kind, owner.name), wishes)

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        if not self._may_concern(pod, WhenUnsatisfiable.DO_NOT_SCHEDULE):
            return _SKIPPED
        frame = self._frame(state, pod, snapshot, WhenUnsatisfiable.DO_NOT_SCHEDULE)
        return (None, SUCCESS) if frame else _SKIPPED

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        snapshot = nodes.snapshot
        codes = np.zeros(nodes.size, np.int64)
        # Written over each other, so that the first constraint that fails has the last word.
        hard = state.read(_FRAME_KEYS[WhenUnsatisfiable.DO_NOT_SCHEDULE], SpreadFrame)
        for frame in reversed(hard.constraints):
            constraint = frame.constraint
            sums = frame.sums(snapshot)
            lowest = 0.0
            if frame.domains.size >= max(constraint.min_domains, 1):
                lowest = sums.take(frame.domains).min()
            is_skewed = sums + (constraint.matches_self - lowest) > constraint.max_skew
            column = frame.topology.of_row[nodes.rows]
            np.putmask(codes, is_skewed.take(column), _SKEWED)
            np.putmask(codes, column == NO_DOMAIN, _NO_LABEL)
        return codes

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        return _REJECTIONS[reason_code]

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> Status:
        if not self._may_concern(pod, WhenUnsatisfiable.SCHEDULE_ANYWAY):
            return SKIP
        snapshot = nodes.snapshot
        frame = self._frame(state, pod, snapshot, WhenUnsatisfiable.SCHEDULE_ANYWAY)
        if frame is None:
            return SKIP
        columns = [each.topology.of_row[nodes.rows] for each in frame.constraints]
        is_ignored: BoolArray | None = None
        scored_count = nodes.size
        if self._requires_all_keys(pod):
            is_scored = np.logical_and.reduce([column != NO_DOMAIN for column in columns])
            scored_count = int(np.count_nonzero(is_scored))
            if scored_count < nodes.size:
                columns = [column[is_scored] for column in columns]
                is_ignored = ~is_scored
        points = [
            _host_points(each, scored_count, snapshot)
            if each.constraint.topology_key == HOSTNAME
            else _domain_points(each, column, snapshot)
            for each, column in zip(frame.constraints, columns, strict=True)
        ]
        state.write(_SCORING_KEY, _Scoring(tuple(points), is_ignored))
        return SUCCESS

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        """Pods of the same kind nearby, weighed by the number of domains; the lower the better.
        Rounded half up, which for such numbers is what Go's math.Round does."""
        scores = np.zeros(nodes.size, np.float64)
        for topology, points in state.read(_SCORING_KEY, _Scoring).points:
            if topology is None:
                scores += points[nodes.rows]
            else:
                scores += points.take(topology.of_row[nodes.rows])
        return np.floor(scores + 0.5).astype(np.int64)

    def normalize_scores(self, state: CycleState, pod: PodInfo, scores: IntArray) -> IntArray:
        """100 for the lowest, less in proportion for the others; nothing for ignored nodes."""
        is_ignored = state.read(_SCORING_KEY, _Scoring).is_ignored
        counted = scores if is_ignored is None else scores[~is_ignored]
        if not counted.size:
            return np.zeros_like(scores)
        highest = counted.max()
        if highest == 0:
            normalized = np.full_like(scores, MAX_NODE_SCORE)
        else:
            normalized = MAX_NODE_SCORE * (highest + counted.min() - scores) // highest
        if is_ignored is not None:
            normalized[is_ignored] = 0
        return normalized

    def events_to_register(self) -> Sequence[Registration]:
        return registrations(self._hard_constraints)

    def _may_concern(self, pod: PodInfo, when: WhenUnsatisfiable) -> bool:
        """A quick look, which every cycle of every pod takes."""
        if pod.object.spec.topology_spread_constraints:
            return True
        return bool(self._defaults[when]) and self._selectors.know_any()

    def _hard_constraints(self, pod: PodInfo) -> tuple[SpreadConstraint, ...]:
        when = WhenUnsatisfiable.DO_NOT_SCHEDULE
        return self._constraints(pod, when, self._default_selector(pod, when))

    def _constraints(
        self, pod: PodInfo, when: WhenUnsatisfiable, selector: Selector | None
    ) -> tuple[SpreadConstraint, ...]:
        if pod.spec.topology_spread_constraints:
            return own_constraints(pod, when)
        return default_constraints(self._defaults[when], selector, pod) if selector else ()

    def _default_selector(self, pod: PodInfo, when: WhenUnsatisfiable) -> Selector | None:
        """None or an empty one where there are no default constraints for the pod."""
        if pod.spec.topology_spread_constraints or not self._defaults[when]:
            return None
        return self._selectors.get(pod)

    def _requires_all_keys(self, pod: PodInfo) -> bool:
        """The system's defaults also spread over hosts that are in no zone."""
        return bool(pod.spec.topology_spread_constraints) or not self._is_system_defaulted

    def _frame(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot, when: WhenUnsatisfiable
    ) -> SpreadFrame | None:
        """None where the pod has no such constraints. Kept until a node changes, or what default
        constraints select."""
        selector = self._default_selector(pod, when)
        if not selector and not pod.spec.topology_spread_constraints:
            return None
        key = _FRAME_KEYS[when]
        generation = snapshot.node_generation
        frame = _known_frame(state, key)
        if frame is None or (frame.node_generation, frame.selector) != (generation, selector):
            frames = build_frames(
                self._constraints(pod, when, selector),
                pod,
                snapshot,
                requires_all_keys=self._requires_all_keys(pod),
            )
            frame = SpreadFrame(generation, selector, frames)
            state.write(key, frame)
        return frame if frame.constraints else None


def _known_frame(state: CycleState, key: str) -> SpreadFrame | None:
    try:
        return state.read(key, SpreadFrame)
    except LookupError:
        return None


def _host_points(
    frame: ConstraintFrame, scored_count: int, snapshot: Snapshot
) -> tuple[None, FloatArray]:
    """Hosts are told apart by their rows: pods count where they are, and each is a domain."""
    points = _points(frame, frame.pods_by_row(snapshot), scored_count)
    points[frame.topology.of_row[: points.size] == NO_DOMAIN] = 0
    return None, points


def _domain_points(
    frame: ConstraintFrame, column: IntArray, snapshot: Snapshot
) -> tuple[Topology, FloatArray]:
    """`column` are the domains of the nodes that are scored; those without the label are one of
    their own here, as in Kubernetes."""
    domain_count = int(np.count_nonzero(np.bincount(column, minlength=1)))
    points = _points(frame, frame.sums(snapshot), domain_count)
    points[NO_DOMAIN] = 0
    return frame.topology, points


def _points(frame: ConstraintFrame, counts: IntArray | FloatArray, domain_count: int) -> FloatArray:
    """The more domains there are, the more a pod weighs; a larger skew levels differences."""
    weight = math.log(domain_count + 2)
    return np.asarray(counts * weight + (frame.constraint.max_skew - 1), np.float64)
