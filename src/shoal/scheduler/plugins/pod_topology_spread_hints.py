"""Which changes may make room for a pod that PodTopologySpread rejected.

Source: Kubernetes v1.36, pkg/scheduler/framework/plugins/podtopologyspread/plugin.go.
"""

from collections.abc import Callable, Mapping, Sequence

from shoal.api.node import Node
from shoal.scheduler.framework.cluster_event import (
    NODE,
    POD,
    ActionType,
    ClusterEvent,
    QueueingHint,
    Registration,
)
from shoal.scheduler.plugins.pod_topology_spread_constraints import SpreadConstraint
from shoal.scheduler.state.pod_info import PodInfo

FindConstraints = Callable[[PodInfo], Sequence[SpreadConstraint]]


def registrations(hard_constraints: FindConstraints) -> Sequence[Registration]:
    """`hard_constraints` gives those of a pod."""
    pod_changed = (
        ActionType.ADD
        | ActionType.UPDATE_POD_LABEL
        | ActionType.UPDATE_POD_TOLERATION
        | ActionType.DELETE
    )
    node_changed = (
        ActionType.ADD
        | ActionType.DELETE
        | ActionType.UPDATE_NODE_LABEL
        | ActionType.UPDATE_NODE_TAINT
    )

    def pod_helps(pod: PodInfo, before: PodInfo | None, after: PodInfo | None) -> QueueingHint:
        helps = _pod_helps(pod, before, after, hard_constraints(pod))
        return QueueingHint.QUEUE if helps else QueueingHint.SKIP

    def node_helps(pod: PodInfo, before: Node | None, after: Node | None) -> QueueingHint:
        helps = _node_helps(before, after, hard_constraints(pod))
        return QueueingHint.QUEUE if helps else QueueingHint.SKIP

    return (
        Registration(ClusterEvent(POD, pod_changed), pod_helps),
        Registration(ClusterEvent(NODE, node_changed), node_helps),
    )


def _pod_helps(
    pod: PodInfo,
    before: PodInfo | None,
    after: PodInfo | None,
    constraints: Sequence[SpreadConstraint],
) -> bool:
    """A pod that is counted came, went, or began or ceased to be one."""
    known = [each for each in (before, after) if each is not None]
    if any(each.namespace != pod.namespace for each in known):
        return False
    if (
        before
        and after
        and after.uid == pod.uid
        and before.spec.tolerations != (after.spec.tolerations)
    ):
        return any(each.honors_taints for each in constraints)
    return any(_is_selected(each, before) != _is_selected(each, after) for each in constraints)


def _is_selected(constraint: SpreadConstraint, pod: PodInfo | None) -> bool:
    matcher = constraint.matcher
    return pod is not None and matcher is not None and matcher.selector.matches(pod.labels)


def _node_helps(
    before: Node | None, after: Node | None, constraints: Sequence[SpreadConstraint]
) -> bool:
    """A node that has all topology keys came or went, or is in other domains or has other taints
    now."""
    keys = [each.topology_key for each in constraints]
    earlier, later = _domains(before, keys), _domains(after, keys)
    if earlier != later:
        return True
    if earlier is None or before is None or after is None:
        return False
    honors_taints = any(each.honors_taints for each in constraints)
    return honors_taints and before.spec.taints != after.spec.taints


def _domains(node: Node | None, keys: Sequence[str]) -> list[str] | None:
    """Where the node is; None where it is not or lacks a key."""
    labels: Mapping[str, str] = node.metadata.labels if node else {}
    found = [labels[key] for key in keys if key in labels]
    return found if node and len(found) == len(keys) else None
