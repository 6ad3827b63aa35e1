"""Turns that hardly ever come, each of which once went wrong."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from shoal.api.node import Node
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.cluster_event import NODE_ADD, QueueingHint, Registration
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import PreFilterResult, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SUCCESS, Code, Status
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot
from shoal.testing.builders import make_node, make_pod
from shoal.testing.rehearsal import Rehearsal


class WaitsAMinute:
    name = "WaitsAMinute"
    unreserved: list[str]

    def __init__(self, arguments: Any, handle: Handle) -> None:
        WaitsAMinute.unreserved = []

    def reserve(self, state: CycleState, pod: PodInfo, node_name: str) -> Status:
        return SUCCESS

    def unreserve(self, state: CycleState, pod: PodInfo, node_name: str) -> None:
        self.unreserved.append(node_name)

    def permit(self, state: CycleState, pod: PodInfo, node_name: str) -> tuple[Status, float]:
        return Status(Code.WAIT), 60.0


def test_a_pod_that_somebody_else_binds_while_it_waits_for_permission_is_let_go() -> None:
    rehearsal = Rehearsal(WaitsAMinute)
    pod = make_pod("a").req(cpu="1")
    rehearsal.add(make_node("n1").capacity(cpu="4"), make_node("n2").capacity(cpu="2"), pod)
    rehearsal.run()
    rehearsal.add(pod.node("n2"))
    assert WaitsAMinute.unreserved == ["n1"]
    rehearsal.advance(61)
    assert (rehearsal.node_of("a"), rehearsal.message_of("a")) == ("n2", "")
    rehearsal.add(make_pod("large").req(cpu="4"))
    rehearsal.advance(61)
    assert WaitsAMinute.unreserved == ["n1", "n1"]


def test_a_pod_created_again_unseen_takes_back_what_its_former_self_reserved() -> None:
    rehearsal = Rehearsal(WaitsAMinute)
    pod = make_pod("a").req(cpu="1")
    rehearsal.add(make_node("n1").capacity(cpu="4"), pod)
    rehearsal.run()
    rehearsal.add(pod.uid("another"))
    assert WaitsAMinute.unreserved == ["n1"]


class NeedsItsDoor:
    """Rejects at Permit until the node that the pod names by an annotation comes."""

    name = "NeedsItsDoor"

    def __init__(self, arguments: Any, handle: Handle) -> None:
        self._snapshot = handle.snapshot

    def permit(self, state: CycleState, pod: PodInfo, node_name: str) -> tuple[Status, float]:
        door = pod.object.metadata.annotations["door"]
        is_there = self._snapshot.row(door) is not None
        return SUCCESS if is_there else statuses.unschedulable("no door"), 0.0

    def events_to_register(self) -> Sequence[Registration]:
        return (Registration(NODE_ADD, _is_own_door),)


def _is_own_door(pod: PodInfo, before: Node | None, after: Node) -> QueueingHint:
    is_own = pod.object.metadata.annotations["door"] == after.metadata.name
    return QueueingHint.QUEUE if is_own else QueueingHint.SKIP


def test_each_pod_is_asked_for_whose_rejector_says_nothing_of_what_is_equal_for_it() -> None:
    rehearsal = Rehearsal(NeedsItsDoor)
    rehearsal.add(make_node("n1").capacity(cpu="8"))
    rehearsal.add(*(make_pod(n).req(cpu="1").annotations(door=f"door-{n}") for n in "abc"))
    rehearsal.run()
    rehearsal.add(make_node("door-c").capacity(cpu="1"))
    rehearsal.advance(20)
    assert [rehearsal.node_of(name) is not None for name in "abc"] == [False, False, True]


class _Prepared:
    def clone(self) -> "_Prepared":
        return self


class ReadsNodesPrepared:
    name = "ReadsNodesPrepared"
    filter_reads = Reads.NODE

    def __init__(self, arguments: Any, handle: Handle) -> None:
        pass

    def sign(self, pod: PodInfo) -> str:
        return "all alike"

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        state.write("prepared", _Prepared())
        return None, SUCCESS

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        state.read("prepared", _Prepared)
        return np.zeros(nodes.size, np.int64)

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        return SUCCESS


def test_a_pod_that_pre_filter_rejects_leaves_nothing_behind_for_others() -> None:
    rehearsal = Rehearsal(ReadsNodesPrepared)
    rehearsal.add(make_node("n1").capacity(cpu="8"))
    rehearsal.add(make_pod("a").req(cpu="1").claim("missing"))
    rehearsal.run()
    rehearsal.add(make_pod("b").req(cpu="1"))
    rehearsal.run()
    assert 'persistentvolumeclaim "missing" not found' in rehearsal.message_of("a")
    assert rehearsal.node_of("b") == "n1"


def test_a_pod_that_no_longer_asks_for_a_gpu_gives_its_share_back() -> None:
    cache = Cache()
    count = {"alibabacloud.com/gpu-count": "1"}
    cache.set_node(make_node("n").capacity(count, cpu="8").obj())
    left = cache.snapshot.gpu_shares.left.copy()
    pod = make_pod("a").req(cpu="1").node("n")
    half = {"alibabacloud.com/gpu-milli": "500", "alibabacloud.com/gpu-index": "0"}
    cache.add(pod_info.of(pod.meta(annotations=half).obj()), "n")
    assert not np.array_equal(cache.snapshot.gpu_shares.left, left)
    cache.update(pod_info.of(pod.obj()), "n")
    cache.remove("a")
    assert np.array_equal(cache.snapshot.gpu_shares.left, left)
