"""Which changes may make room for a pod that InterPodAffinity rejected.

Source of the events: Kubernetes v1.36, pkg/scheduler/framework/plugins/interpodaffinity/plugin.go.
Unlike there, terms of other pods about the waiting one count as well, and so does the end of the
last company of a pod that may be the first of its kind: such pods need not wait for the time-out.
"""

from collections.abc import Sequence

from shoal.api.node import Node
from shoal.scheduler.framework.cluster_event import (
    NODE,
    POD,
    ActionType,
    ClusterEvent,
    QueueingHint,
    Registration,
)
from shoal.scheduler.state.affinity_terms import AffinityTerm
from shoal.scheduler.state.namespaces import Namespaces
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot


class InterPodAffinityHints:
    """The plugin's part in the queue."""

    def __init__(self, snapshot: Snapshot, namespaces: Namespaces) -> None:
        self._snapshot = snapshot
        self._namespaces = namespaces

    def registrations(self) -> Sequence[Registration]:
        pod_changed = ActionType.ADD | ActionType.UPDATE_POD_LABEL | ActionType.DELETE
        node_changed = ActionType.ADD | ActionType.UPDATE_NODE_LABEL
        return (
            Registration(ClusterEvent(POD, pod_changed), self._pod_helps),
            Registration(ClusterEvent(NODE, node_changed), self._node_helps),
        )

    def _pod_helps(
        self, pod: PodInfo, before: PodInfo | None, after: PodInfo | None
    ) -> QueueingHint:
        if after is not None and after.uid == pod.uid:
            return QueueingHint.QUEUE  # Its own labels changed.
        was_company = before is not None and self._is_company(pod, before)
        is_company = after is not None and self._is_company(pod, after)
        helps = was_company != is_company or (
            before is not None and self._repels(pod, before) and not self._still_repels(pod, after)
        )
        return QueueingHint.QUEUE if helps else QueueingHint.SKIP

    def _is_company(self, pod: PodInfo, other: PodInfo) -> bool:
        terms = pod.affinity_terms.required
        return bool(terms) and all(self._namespaces.matches(term, other) for term in terms)

    def _still_repels(self, pod: PodInfo, other: PodInfo | None) -> bool:
        return other is not None and self._repels(pod, other)

    def _repels(self, pod: PodInfo, other: PodInfo) -> bool:
        return any(
            self._namespaces.matches(term, other) for term in pod.affinity_terms.required_anti
        ) or any(self._namespaces.matches(term, pod) for term in other.affinity_terms.required_anti)

    def _node_helps(self, pod: PodInfo, before: Node | None, after: Node) -> QueueingHint:
        labels = after.metadata.labels
        near, apart = pod.affinity_terms.required, self._apart(pod)
        if before is None:
            helps = all(term.topology_key in labels for term in near)
        else:
            earlier = before.metadata.labels
            helps = any(
                key in labels and earlier.get(key) != labels[key]
                for key in (term.topology_key for term in near)
            ) or any(
                key in earlier and labels.get(key) != earlier[key]
                for key in (term.topology_key for term in apart)
            )
        return QueueingHint.QUEUE if helps else QueueingHint.SKIP

    def _apart(self, pod: PodInfo) -> list[AffinityTerm]:
        others = self._snapshot.carried_terms.required_anti.about(pod, self._namespaces)
        return [*pod.affinity_terms.required_anti, *(each.term for each in others)]
