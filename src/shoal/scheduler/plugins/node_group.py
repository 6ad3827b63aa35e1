"""NodeGroup: pods go where the affinity of their queue lets them, by the groups of nodes.

A node's group is its label `volcano.sh/nodegroup-name`; a pod's queue is that of its PodGroup. A
queue with a required affinity has its pods on nodes of the groups that it requires or prefers, and
on no others, not even those without a group; a required anti-affinity keeps them off a group, what
is preferred ranks the rest. A queue without any affinity has that of the nearest one above.

Source of the fields and reasons: Volcano v1.15, pkg/scheduler/plugins/nodegroup, which also keeps a
queue that only prefers, or only avoids, off every group that it does not name; here such a queue
goes anywhere else.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shoal.api.resource import Resource
from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroup
from shoal.api.volcano.queue import QUEUES, ROOT, NodeGroupTerms, Queue, QueueAffinity
from shoal.scheduler.config.plugin_arguments import NodeGroupArgs, QueuesWithoutAffinity
from shoal.scheduler.framework.cluster_event import (
    NODE,
    ActionType,
    ClusterEvent,
    QueueingHint,
    Registration,
    resource_name,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import MAX_NODE_SCORE, MIN_NODE_SCORE, PreFilterResult, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP, SUCCESS, Status, unresolvable
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot
from shoal.scheduler.state.topologies import NO_DOMAIN, Topology

_NO_GROUP, _WRONG_GROUP, _NO_AFFINITY = 1, 2, 3
_REJECTIONS = {
    _NO_GROUP: unresolvable("node group label not found"),
    _WRONG_GROUP: unresolvable("node does not satisfy the node group affinity"),
    _NO_AFFINITY: unresolvable("node group affinity not specified"),
}
_NEUTRAL = (MIN_NODE_SCORE + MAX_NODE_SCORE) // 2


@dataclass(frozen=True, slots=True)
class _Affinity:
    """Names of groups."""

    required: frozenset[str]
    preferred: frozenset[str]
    forbidden: frozenset[str]
    avoided: frozenset[str]


class NodeGroup:
    name = "NodeGroup"
    filter_reads = Reads.CLUSTER
    score_reads = Reads.CLUSTER
    needs: Sequence[Resource[Any]] = (POD_GROUPS, QUEUES)

    def __init__(self, arguments: NodeGroupArgs, handle: Handle) -> None:
        self._others = arguments.queues_without_affinity
        self._inherits = arguments.inherits
        self._objects = handle.objects
        self._known: dict[str, _Affinity | None] = {}
        self._known_at = -1

    def sign(self, pod: PodInfo) -> Hashable:
        """The queue; members of a group that is not known yet are alike all the same."""
        group = _group_of(pod)
        if not group:
            return ()
        known = self._objects.get(POD_GROUPS, pod.namespace, group)
        return (pod.namespace, group) if known is None else known.spec.queue

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        queue = self._queue_of(pod)
        is_free = self._others is QueuesWithoutAffinity.ANYWHERE
        if not queue or (is_free and self._affinity_of(queue) is None):
            return None, SKIP
        return None, SUCCESS

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        topology = nodes.snapshot.topologies.get(keys.NODE_GROUP)
        affinity = self._affinity_of(self._queue_of(pod))
        codes = self._codes_without(topology) if affinity is None else _codes(affinity, topology)
        return codes[topology.of_row[nodes.rows]]

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        return _REJECTIONS[reason_code]

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> Status:
        affinity = self._affinity_of(self._queue_of(pod))
        ranks = affinity is not None and (affinity.preferred or affinity.avoided)
        return SUCCESS if ranks else SKIP

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        """100 for a preferred group, 0 for one to avoid, 50 for all others."""
        topology = nodes.snapshot.topologies.get(keys.NODE_GROUP)
        scores = np.full(topology.size, _NEUTRAL, np.int64)
        affinity = self._affinity_of(self._queue_of(pod))
        if affinity is not None:
            scores[_domains(affinity.preferred, topology)] = MAX_NODE_SCORE
            scores[_domains(affinity.avoided, topology)] = MIN_NODE_SCORE
        return scores[topology.of_row[nodes.rows]]

    def events_to_register(self) -> Sequence[Registration]:
        changed = ActionType.ADD | ActionType.UPDATE
        node_changed = ActionType.ADD | ActionType.UPDATE_NODE_LABEL
        return (
            Registration(ClusterEvent(NODE, node_changed)),
            Registration(ClusterEvent(resource_name(QUEUES), changed), _affinity_changed),
            Registration(ClusterEvent(resource_name(POD_GROUPS), changed), _own_group_moved),
        )

    def _queue_of(self, pod: PodInfo) -> str:
        """Empty where the pod is in no group, or its group is not known."""
        group = _group_of(pod)
        known = self._objects.get(POD_GROUPS, pod.namespace, group) if group else None
        return known.spec.queue if known is not None else ""

    def _affinity_of(self, queue: str) -> _Affinity | None:
        generation = self._objects.generation(QUEUES)
        if self._known_at != generation:
            self._known_at = generation
            self._known = {}
        if queue not in self._known:
            self._known[queue] = self._find(queue)
        return self._known[queue]

    def _find(self, name: str) -> _Affinity | None:
        """The queue's own, or that of the nearest one above."""
        seen: set[str] = set()
        while name not in seen:
            seen.add(name)
            queue = self._objects.get(QUEUES, "", name)
            affinity = _read(queue.spec.affinity) if queue is not None else None
            if affinity is not None or queue is None or not self._inherits or name == ROOT:
                return affinity
            name = queue.parent
        return None

    def _codes_without(self, topology: Topology) -> IntArray:
        """By domain, for a queue that says nothing."""
        codes = np.full(topology.size, _NO_AFFINITY, np.int64)
        if self._others is not QueuesWithoutAffinity.NOWHERE:
            codes[NO_DOMAIN] = 0
        if self._others is QueuesWithoutAffinity.ANYWHERE:
            codes[:] = 0
        return codes


def _codes(affinity: _Affinity, topology: Topology) -> IntArray:
    """By domain."""
    codes = np.zeros(topology.size, np.int64)
    if affinity.required:
        codes[:] = _WRONG_GROUP
        codes[NO_DOMAIN] = _NO_GROUP
        codes[_domains(affinity.required | affinity.preferred, topology)] = 0
    codes[_domains(affinity.forbidden, topology)] = _WRONG_GROUP
    return codes


def _domains(groups: frozenset[str], topology: Topology) -> list[int]:
    """Of groups that nodes are in."""
    found = (topology.domain(group) for group in groups)
    return [domain for domain in found if domain != NO_DOMAIN]


def _read(affinity: QueueAffinity | None) -> _Affinity | None:
    """None where it names no group."""
    if affinity is None:
        return None
    wanted = affinity.node_group_affinity or NodeGroupTerms()
    unwanted = affinity.node_group_anti_affinity or NodeGroupTerms()
    found = _Affinity(
        required=frozenset(wanted.required_during_scheduling_ignored_during_execution),
        preferred=frozenset(wanted.preferred_during_scheduling_ignored_during_execution),
        forbidden=frozenset(unwanted.required_during_scheduling_ignored_during_execution),
        avoided=frozenset(unwanted.preferred_during_scheduling_ignored_during_execution),
    )
    return found if found.required | found.preferred | found.forbidden | found.avoided else None


def _group_of(pod: PodInfo) -> str:
    return pod.object.metadata.annotations.get(keys.GROUP_NAME, "")


def _affinity_changed(pod: PodInfo, before: Queue | None, after: Queue) -> QueueingHint:
    """Of any queue, because those below have it, too."""
    own = (after.spec.affinity, after.spec.parent)
    is_same = before is not None and (before.spec.affinity, before.spec.parent) == own
    return QueueingHint.SKIP if is_same else QueueingHint.QUEUE


def _own_group_moved(pod: PodInfo, before: PodGroup | None, after: PodGroup) -> QueueingHint:
    """It came, or went to another queue."""
    meta = after.metadata
    is_own = (meta.namespace, meta.name) == (pod.namespace, _group_of(pod))
    is_moved = before is None or before.spec.queue != after.spec.queue
    return QueueingHint.QUEUE if is_own and is_moved else QueueingHint.SKIP
