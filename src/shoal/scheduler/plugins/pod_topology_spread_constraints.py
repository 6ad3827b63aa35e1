"""Topology spread constraints, as they are asked: parsed, with their defaults.

Source of the rules: Kubernetes v1.36, pkg/scheduler/framework/plugins/podtopologyspread/common.go.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from shoal.api.pod import TopologySpreadConstraint
from shoal.api.selectors import Selector, from_label_selector
from shoal.scheduler.state.affinity_terms import same_labels
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.pod_matcher import PodMatcher

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"


class WhenUnsatisfiable(StrEnum):
    """What becomes of a pod that would spread too unevenly."""

    DO_NOT_SCHEDULE = "DoNotSchedule"
    SCHEDULE_ANYWAY = "ScheduleAnyway"


SYSTEM_DEFAULTS = (
    TopologySpreadConstraint(
        max_skew=3, topology_key=HOSTNAME, when_unsatisfiable=WhenUnsatisfiable.SCHEDULE_ANYWAY
    ),
    TopologySpreadConstraint(
        max_skew=5, topology_key=ZONE, when_unsatisfiable=WhenUnsatisfiable.SCHEDULE_ANYWAY
    ),
)


class SpreadConstraint(msgspec.Struct, frozen=True):
    """How evenly pods are to stand over the domains of a topology key."""

    topology_key: str
    max_skew: int
    min_domains: int
    """With fewer domains there is always one without pods, it is supposed."""
    matcher: PodMatcher | None
    """The pods that are counted; None counts none."""
    matches_self: bool
    """Whether the pod itself will be counted."""
    honors_affinity: bool
    """Count only on nodes that the pod's node selector and affinity allow."""
    honors_taints: bool
    """Count only on nodes whose taints the pod tolerates."""


def own_constraints(pod: PodInfo, when: WhenUnsatisfiable) -> tuple[SpreadConstraint, ...]:
    """Those of the pod itself."""
    return tuple(
        _parsed(each, from_label_selector(each.label_selector), pod)
        for each in pod.spec.topology_spread_constraints
        if each.when_unsatisfiable == when
    )


def default_constraints(
    defaults: Iterable[TopologySpreadConstraint], selector: Selector, pod: PodInfo
) -> tuple[SpreadConstraint, ...]:
    """Those of a pod that has none; `selector` is what its services and controller select."""
    return tuple(_parsed(each, selector, pod) for each in defaults)


def _parsed(
    constraint: TopologySpreadConstraint, selector: Selector | None, pod: PodInfo
) -> SpreadConstraint:
    if selector is not None:
        same = same_labels(constraint.match_label_keys, pod.labels)
        selector = Selector((*selector.requirements, *same))
    matcher = None
    if selector:
        # An empty selector counts nothing, although it matches the pod.
        matcher = PodMatcher(selector, frozenset((pod.namespace,)), counts_terminating=False)
    return SpreadConstraint(
        topology_key=constraint.topology_key,
        max_skew=constraint.max_skew,
        min_domains=1 if constraint.min_domains is None else constraint.min_domains,
        matcher=matcher,
        matches_self=selector is not None and selector.matches(pod.labels),
        honors_affinity=constraint.node_affinity_policy != "Ignore",
        honors_taints=constraint.node_taints_policy == "Honor",
    )
