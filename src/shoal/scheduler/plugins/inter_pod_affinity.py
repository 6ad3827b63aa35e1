"""InterPodAffinity: pods that must, or would rather, be near some pods and away from others.

Three questions keep a pod off a node: is what it must be near there (UnschedulableAndUnresolvable:
removing pods will not help), is nobody there whom it must be away from, and does nobody there want
to be away from it. Near is whatever node has the same value of a term's topology key. Answers come
from counts by row that are kept as pods come and go (`state.pod_counts`, `state.carried_terms`),
summed up by domain, so a cycle costs a few passes over arrays however many pods there are.

Source of rules, texts and formula: Kubernetes v1.36, pkg/scheduler/framework/plugins/
interpodaffinity.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shoal.api.core import NAMESPACES
from shoal.api.resource import Resource
from shoal.scheduler.config.plugin_arguments import InterPodAffinityArgs
from shoal.scheduler.framework.cluster_event import Registration
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import MAX_NODE_SCORE, PreFilterResult, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP, SUCCESS, Status, unresolvable, unschedulable
from shoal.scheduler.plugins.inter_pod_affinity_hints import InterPodAffinityHints
from shoal.scheduler.state.affinity_terms import AffinityTerm
from shoal.scheduler.state.carried_terms import REQUIRED_WEIGHT
from shoal.scheduler.state.namespaces import Namespaces
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import BoolArray, IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.pod_matcher import all_of
from shoal.scheduler.state.snapshot import Snapshot
from shoal.scheduler.state.topologies import FloatArray

_NOT_NEAR, _NOT_APART, _NOT_WANTED = 1, 2, 3
_REJECTIONS = {
    _NOT_NEAR: unresolvable("node(s) didn't match pod affinity rules"),
    _NOT_APART: unschedulable("node(s) didn't match pod anti-affinity rules"),
    _NOT_WANTED: unschedulable("node(s) didn't satisfy existing pods anti-affinity rules"),
}
_STATE_KEY = "InterPodAffinity/attraction"


@dataclass(frozen=True, slots=True)
class _Attraction:
    """By topology key, the sum of weights that speak for each domain."""

    by_key: dict[str, FloatArray]

    def clone(self) -> "_Attraction":
        return self


class _Weights:
    """Sums by topology key and row of what terms weigh."""

    def __init__(self, row_count: int) -> None:
        self._row_count = row_count
        self.by_key: dict[str, IntArray] = {}

    def add(self, key: str, by_row: IntArray, weight: int = 1) -> None:
        counts = by_row[: self._row_count]
        own = counts if weight == 1 else counts * weight
        known = self.by_key.get(key)
        self.by_key[key] = own if known is None else known + own


_SKIPPED = (None, SKIP)


class InterPodAffinity:
    name = "InterPodAffinity"
    filter_reads = Reads.CLUSTER
    score_reads = Reads.CLUSTER
    needs: Sequence[Resource[Any]] = (NAMESPACES,)

    def __init__(self, arguments: InterPodAffinityArgs, handle: Handle) -> None:
        self._hard_weight = arguments.hard_pod_affinity_weight
        self._ignores_others_wishes = arguments.ignore_preferred_terms_of_existing_pods
        self._namespaces = Namespaces(handle.objects)
        self._hints = InterPodAffinityHints(handle.snapshot, self._namespaces)

    def sign(self, pod: PodInfo) -> Hashable:
        # Labels count for every pod, because others may have terms about them.
        return (pod.label_class, pod.affinity_terms)

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        terms = pod.affinity_terms
        if terms.required or terms.required_anti:
            return None, SUCCESS
        if snapshot.carried_terms.required_anti.about(pod, self._namespaces):
            return None, SUCCESS
        return _SKIPPED

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        # Written over each other: what stands first in Kubernetes' order comes last.
        codes = np.zeros(nodes.size, np.int64)
        for is_near in self._unwanted(pod, nodes):
            np.putmask(codes, is_near, _NOT_WANTED)
        for is_near in self._unloved(pod.affinity_terms.required_anti, nodes):
            np.putmask(codes, is_near, _NOT_APART)
        if pod.affinity_terms.required:
            np.putmask(codes, ~self._has_company(pod, nodes), _NOT_NEAR)
        return codes

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        return _REJECTIONS[reason_code]

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> Status:
        preferred = pod.affinity_terms.preferred
        snapshot = nodes.snapshot
        if self._ignores_others_wishes and not preferred:
            return SKIP
        others = snapshot.carried_terms.attracting.about(pod, self._namespaces)
        if not preferred and not others:
            return SKIP
        weights = _Weights(snapshot.row_count)
        for weighted in preferred:
            matcher = self._namespaces.matcher(weighted.term)
            if matcher is not None:
                counts = snapshot.pod_counts.by_row(matcher)
                weights.add(weighted.term.topology_key, counts, weighted.weight)
        for carried in others:
            is_required = carried.weight == REQUIRED_WEIGHT
            weight = self._hard_weight if is_required else carried.weight
            if weight:
                counts = carried.rows.by_row(snapshot.row_count)
                weights.add(carried.term.topology_key, counts, weight)
        by_key = {
            key: snapshot.topologies.get(key).count(by_row)
            for key, by_row in weights.by_key.items()
        }
        if not any(sums.any() for sums in by_key.values()):
            return SKIP
        state.write(_STATE_KEY, _Attraction(by_key))
        return SUCCESS

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        """The weights of all terms, of the pod about those near and of those about the pod."""
        topologies = nodes.snapshot.topologies
        scores = np.zeros(nodes.size, np.float64)
        for key, sums in state.read(_STATE_KEY, _Attraction).by_key.items():
            scores += sums.take(topologies.get(key).of_row[nodes.rows])
        return scores.astype(np.int64)

    def normalize_scores(self, state: CycleState, pod: PodInfo, scores: IntArray) -> IntArray:
        """The lowest to 0 and the highest to 100, cut to whole numbers."""
        lowest = scores.min()
        span = scores.max() - lowest
        if span == 0:
            return np.zeros_like(scores)
        return (MAX_NODE_SCORE * ((scores - lowest) / span)).astype(np.int64)

    def events_to_register(self) -> Sequence[Registration]:
        return self._hints.registrations()

    def _unwanted(self, pod: PodInfo, nodes: NodeRows) -> Iterable[BoolArray]:
        """Rows near pods that must be away from this one."""
        snapshot = nodes.snapshot
        weights = _Weights(snapshot.row_count)
        for carried in snapshot.carried_terms.required_anti.about(pod, self._namespaces):
            weights.add(carried.term.topology_key, carried.rows.by_row(snapshot.row_count))
        for key, by_row in weights.by_key.items():
            yield _is_near(key, by_row, nodes)

    def _unloved(self, terms: Iterable[AffinityTerm], nodes: NodeRows) -> Iterable[BoolArray]:
        """Rows near pods that this one must be away from."""
        for term in terms:
            matcher = self._namespaces.matcher(term)
            if matcher is not None:
                yield _is_near(term.topology_key, nodes.snapshot.pod_counts.by_row(matcher), nodes)

    def _has_company(self, pod: PodInfo, nodes: NodeRows) -> BoolArray:
        """Rows near pods that match all terms of required affinity; the first pod of its kind,
        which would be such company itself, only has to have domains to be near in."""
        terms = pod.affinity_terms.required
        snapshot = nodes.snapshot
        topologies = [snapshot.topologies.get(term.topology_key) for term in terms]
        domains = [topology.of_row[nodes.rows] for topology in topologies]
        matchers = [self._namespaces.matcher(term) for term in terms]
        known = [each for each in matchers if each is not None]
        if len(known) < len(terms):
            return np.zeros(nodes.size, np.bool_)
        by_row = snapshot.pod_counts.by_row(all_of(known))[: snapshot.row_count]
        sums = [topology.count(by_row) for topology in topologies]
        if not any(each.any() for each in sums) and all(
            self._namespaces.matches(term, pod) for term in terms
        ):
            return np.logical_and.reduce([column != 0 for column in domains])
        return np.logical_and.reduce(
            [each.take(column) > 0 for each, column in zip(sums, domains, strict=True)]
        )


def _is_near(key: str, by_row: IntArray, nodes: NodeRows) -> BoolArray:
    """Rows in the same domain as a row that counts."""
    topology = nodes.snapshot.topologies.get(key)
    sums = topology.count(by_row[: nodes.snapshot.row_count])
    return (sums > 0).take(topology.of_row[nodes.rows])
