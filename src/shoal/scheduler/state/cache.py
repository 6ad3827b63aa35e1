"""Which pods stand where: placed ones that the API server told of, and assumed ones.

A pod is assumed from the moment the scheduler has chosen its node until the API server confirms
the binding, or the binding fails and it is forgotten. Its states, and what may happen in each, are
drawn in docs/states/scheduler-cache.md.

Assumptions: every pod has one uid for its whole life; an assumed pod leaves only by `add` (it was
bound, perhaps elsewhere), `forget` or `remove` and never by the passing of time; pods may be told
of before their node is, and outlive it.
"""

from collections.abc import Generator, Iterable
from contextlib import ExitStack, contextmanager
from datetime import datetime
from enum import StrEnum

import msgspec

from shoal.api.node import Node
from shoal.base.transitions import follow
from shoal.scheduler.state.node_table import NodeTable
from shoal.scheduler.state.pod_index import PodIndex
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot


class CacheState(StrEnum):
    """What the cache knows of a pod."""

    INITIAL = "Initial"
    """Not in the cache."""
    ASSUMED = "Assumed"
    ADDED = "Added"
    DELETED = "Deleted"
    """Left the cache for good."""


class CacheEvent(StrEnum):
    """What the scheduler or the API server say of it."""

    ASSUME = "assume"
    FORGET = "forget"
    ADD = "add"
    UPDATE = "update"
    REMOVE = "remove"


_TRANSITIONS: dict[tuple[CacheState, CacheEvent], CacheState] = {
    (CacheState.INITIAL, CacheEvent.ASSUME): CacheState.ASSUMED,
    (CacheState.INITIAL, CacheEvent.ADD): CacheState.ADDED,
    (CacheState.ASSUMED, CacheEvent.FORGET): CacheState.INITIAL,
    (CacheState.ASSUMED, CacheEvent.ADD): CacheState.ADDED,
    (CacheState.ASSUMED, CacheEvent.REMOVE): CacheState.DELETED,
    (CacheState.ADDED, CacheEvent.UPDATE): CacheState.ADDED,
    (CacheState.ADDED, CacheEvent.REMOVE): CacheState.DELETED,
}


def next_state(state: CacheState, event: CacheEvent, pod: str = "") -> CacheState:
    """Total; raises IllegalTransition, which names the pod, for an event that the state cannot
    have."""
    return follow(_TRANSITIONS, state, event, "pod", pod)


class _Standing(msgspec.Struct, frozen=True):
    pod: PodInfo
    node_name: str
    state: CacheState


class Cache:
    """The only writer of the node table and of the indices over its pods."""

    def __init__(self) -> None:
        self._table = NodeTable()
        self._standings: dict[str, _Standing] = {}
        self._pods_by_node: dict[str, dict[str, PodInfo]] = {}
        self.snapshot = Snapshot(self._table, self._pods_by_node, self.supposing)
        self._indices: tuple[PodIndex, ...] = (
            self.snapshot.host_ports,
            self.snapshot.images,
            self.snapshot.volumes,
            self.snapshot.gpu_shares,
            self.snapshot.scv_memory,
            self.snapshot.topologies,
            self.snapshot.carried_terms,
            self.snapshot.pod_counts,
        )
        self._special_indices = self._indices[:-1]
        """Those that plain pods do not concern: all but the counts by labels."""

    def node(self, name: str) -> Node | None:
        row = self._table.row_of.get(name)
        return None if row is None else self._table.nodes[row]

    def pod(self, uid: str) -> PodInfo | None:
        standing = self._standings.get(uid)
        return standing and standing.pod

    def state_of(self, uid: str) -> CacheState:
        """Initial for every pod that is not here, gone ones included."""
        standing = self._standings.get(uid)
        return standing.state if standing else CacheState.INITIAL

    def is_assumed(self, uid: str) -> bool:
        return self.state_of(uid) is CacheState.ASSUMED

    def set_node(self, node: Node) -> None:
        """Add the node, or take over its changes."""
        name = node.metadata.name
        row = self._table.row_of.get(name)
        if row is not None:
            if self._table.update_node(node):
                for index in self._indices:
                    index.set_node(row, node)
            return
        row = self._table.add_node(node)
        for index in self._indices:
            index.set_node(row, node)
        for pod in self._pods_by_node.get(name, {}).values():
            self._count(row, pod)

    def remove_node(self, name: str) -> None:
        """Its pods stay known until each is removed, as they are in the API server."""
        row = self._table.row_of.get(name)
        if row is None:
            return
        for pod in self._pods_by_node.get(name, {}).values():
            self._discount(row, pod)
        for index in self._indices:
            index.remove_node(row)
        self._table.remove_node(name)

    def touch_node(self, name: str) -> None:
        """Something that plugins look up, and that is called like a node, changed: what is known
        of the node's row is outdated. Without such a node, that of any row stands for what
        plugins say who look beyond rows."""
        if self._table.row_count:
            self._table.touch(self._table.row_of.get(name, 0))

    @contextmanager
    def supposing(
        self, without: Iterable[PodInfo] = (), plus: Iterable[tuple[PodInfo, str]] = ()
    ) -> Generator[None]:
        """While it lasts, pods that stand on nodes are taken off and others, each with the name
        of a node that has a row, put on; everything is as before when it ends. Only for a look at
        rows: who keeps results meanwhile keeps wrong ones."""
        with ExitStack() as undo:
            for pod in without:
                node_name = self._standings[pod.uid].node_name
                self._take_off(pod, node_name)
                undo.callback(self._put_on, pod, node_name)
            for pod, node_name in plus:
                self._put_on(pod, node_name)
                undo.callback(self._take_off, pod, node_name)
            yield

    def assume(self, pod: PodInfo, node_name: str) -> None:
        """Count the pod on the node before the API server knows."""
        self._step(pod.uid, CacheEvent.ASSUME)
        self._stand(pod, node_name, CacheState.ASSUMED)

    def forget(self, uid: str) -> None:
        """Take an assumption back."""
        self._step(uid, CacheEvent.FORGET)
        self._leave(uid)

    def add(self, pod: PodInfo, node_name: str) -> None:
        """The API server says the pod stands on the node: confirms or corrects an assumption."""
        self._step(pod.uid, CacheEvent.ADD)
        self._replace(pod, node_name)

    def update(self, pod: PodInfo, node_name: str) -> None:
        self._step(pod.uid, CacheEvent.UPDATE)
        self._replace(pod, node_name)

    def remove(self, uid: str) -> None:
        self._step(uid, CacheEvent.REMOVE)
        self._leave(uid)

    def _step(self, uid: str, event: CacheEvent) -> None:
        next_state(self.state_of(uid), event, uid)

    def _replace(self, pod: PodInfo, node_name: str) -> None:
        before = self._standings.get(pod.uid)
        # A pod that asks for the same on the same node leaves the table's row untouched, so
        # confirming a binding does not outdate anybody's results.
        if before and before.node_name == node_name and _stands_alike(before.pod, pod):
            self._standings[pod.uid] = _Standing(pod, node_name, CacheState.ADDED)
            self._pods_by_node[node_name][pod.uid] = pod
            row = self._table.row_of.get(node_name)
            if row is not None and _start_time(before.pod) != _start_time(pod):
                self._table.start_changes.note(row)
            return
        if before:
            self._leave(pod.uid)
        self._stand(pod, node_name, CacheState.ADDED)

    def _stand(self, pod: PodInfo, node_name: str, state: CacheState) -> None:
        self._standings[pod.uid] = _Standing(pod, node_name, state)
        self._put_on(pod, node_name)

    def _leave(self, uid: str) -> None:
        standing = self._standings.pop(uid)
        self._take_off(standing.pod, standing.node_name)

    def _put_on(self, pod: PodInfo, node_name: str) -> None:
        pods = self._pods_by_node.get(node_name)
        if pods is None:
            pods = self._pods_by_node[node_name] = {}
        pods[pod.uid] = pod
        row = self._table.row_of.get(node_name)
        if row is not None:
            self._count(row, pod)

    def _take_off(self, pod: PodInfo, node_name: str) -> None:
        pods = self._pods_by_node[node_name]
        del pods[pod.uid]
        if not pods:
            del self._pods_by_node[node_name]
        row = self._table.row_of.get(node_name)
        if row is not None:
            self._discount(row, pod)

    def _count(self, row: int, pod: PodInfo) -> None:
        self._table.place(row, pod.request)
        self.snapshot.pod_counts.add_pod(row, pod)
        if not pod.is_plain:
            for index in self._special_indices:
                index.add_pod(row, pod)

    def _discount(self, row: int, pod: PodInfo) -> None:
        self._table.displace(row, pod.request)
        self.snapshot.pod_counts.remove_pod(row, pod)
        if not pod.is_plain:
            for index in self._special_indices:
                index.remove_pod(row, pod)


def _start_time(pod: PodInfo) -> datetime | None:
    return pod.object.status.start_time


def _stands_alike(before: PodInfo, after: PodInfo) -> bool:
    return (
        before.request == after.request
        and before.is_plain == after.is_plain
        and before.labels == after.labels
        and before.object.is_deleting == after.object.is_deleting
    )
