"""Plugins that count pods are told of each one that is supposed away or back."""

from dataclasses import dataclass

import pytest

from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.dry_run import DryRun
from shoal.scheduler.framework.extension_points import sort_out
from shoal.scheduler.framework.nominations import Nominations
from shoal.scheduler.framework.plugin import PreFilterResult, WeightedPlugin
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SUCCESS, Code, Status, error, unschedulable
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.in_tree import in_tree_registry
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import NodeInfo, Snapshot
from shoal.testing.builders import make_node, make_pod


@dataclass
class Names:
    names: frozenset[str]

    def clone(self) -> "Names":
        return Names(self.names)


class NotBeside:
    """Refuses a node with a pod called `rival`, by a list that it keeps itself."""

    name = "NotBeside"

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        found = frozenset(each.name for node in snapshot.nodes() for each in node.pods)
        state.write(self.name, Names(found))
        return None, SUCCESS

    def add_pod(self, state: CycleState, pod: PodInfo, added: PodInfo, node: NodeInfo) -> Status:
        if added.name == "unwelcome":
            return error("no idea how to add it")
        assert added in node.pods
        state.read(self.name, Names).names |= {added.name}
        return SUCCESS

    def remove_pod(
        self, state: CycleState, pod: PodInfo, removed: PodInfo, node: NodeInfo
    ) -> Status:
        assert removed not in node.pods
        state.read(self.name, Names).names -= {removed.name}
        return SUCCESS

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status:
        if "rival" in state.read(self.name, Names).names:
            return unschedulable("beside its rival")
        return SUCCESS


class Scene:
    """One node with a rival, and a pod that is to go there."""

    def __init__(self) -> None:
        self.cache = Cache()
        self.cache.set_node(make_node("n").capacity(cpu="1").obj())
        self.rival = pod_info.of(make_pod("rival").node("n").obj())
        self.cache.add(self.rival, "n")
        self.pod = pod_info.of(make_pod("pod").req(cpu="1").obj())
        self.nominations = Nominations()
        handle = Handle(self.cache.snapshot, WaitingPods())
        names = ("PrioritySort", "NodeResourcesFit", "DefaultBinder")
        plugins = [in_tree_registry().build(name, None, handle) for name in names]
        self.points = sort_out("s", [WeightedPlugin(each) for each in (*plugins, NotBeside())])
        self.state = CycleState()
        for plugin in self.points.pre_filter:
            plugin.pre_filter(self.state, self.pod, self.cache.snapshot)

    def dry_run(self) -> DryRun:
        snapshot = self.cache.snapshot
        return DryRun(self.points, snapshot, self.nominations, self.state, self.pod, 0)


def test_a_pod_that_is_taken_off_is_in_nobodys_way_until_it_is_put_back() -> None:
    scene = Scene()
    with scene.dry_run() as run:
        assert run.judge() == unschedulable("beside its rival").by("NotBeside")
        assert run.take_off(scene.rival).is_success
        assert run.judge().is_success
        assert run.put_back(scene.rival).is_success
        assert not run.judge().is_success
        run.take_off(scene.rival)
    assert [each.name for each in scene.cache.snapshot.node(0).pods] == ["rival"]
    with scene.dry_run() as run:
        assert not run.judge().is_success


@pytest.mark.parametrize(("cpu", "passes"), [("0", True), ("1", False)])
def test_a_nominated_pod_must_leave_room_for_it_too(cpu: str, passes: bool) -> None:
    scene = Scene()
    scene.nominations.set(pod_info.of(make_pod("other").req(cpu=cpu).obj()), "n")
    with scene.dry_run() as run:
        run.take_off(scene.rival)
        assert run.judge().is_success is passes
        assert run.judge_with_nominated().is_success is passes
    assert scene.cache.snapshot.requested[0].tolist() == [0]


def test_a_plugin_that_fails_to_count_is_an_error() -> None:
    scene = Scene()
    scene.nominations.set(pod_info.of(make_pod("unwelcome").obj()), "n")
    with scene.dry_run() as run:
        status = run.judge()
    assert status.code is Code.ERROR
    assert status.message == (
        'running AddPod on PreFilter plugin "NotBeside": no idea how to add it'
    )
