"""Both ways of finding victims agree, and what they agree on is right."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.api.policy import BUDGETS, PodDisruptionBudget
from shoal.scheduler.config.plugin_arguments import DefaultPreemptionArgs
from shoal.scheduler.cycle.evaluation import Evaluation
from shoal.scheduler.effects import Evict
from shoal.scheduler.framework import filtering
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.points import PluginSpec
from shoal.scheduler.framework.profile import Profile, ProfileSpec, build_profiles
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SUCCESS, Status
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.objects import Objects
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import NodeInfo
from shoal.testing.builders import PodBuilder, make_node, make_pod

BASE = DEFAULT_PROFILES[0]


def incoming(deci_cpu: int, has_gpu: bool, priority: int) -> PodBuilder:
    gpu = {"example.com/gpu": "1"} if has_gpu else {}
    return make_pod().req({"cpu": f"{deci_cpu}00m", **gpu}).priority(priority)


def placed(deci_cpu: int, has_gpu: bool, priority: int, app: str, hour: int | None) -> PodBuilder:
    pod = incoming(deci_cpu, has_gpu, priority)
    if app:
        pod = pod.labels(app=app)
    return pod if hour is None else pod.status(startTime=f"2026-01-01T0{hour}:00:00Z")


INCOMING = st.builds(incoming, st.integers(1, 20), st.booleans(), st.integers(0, 5))
PLACED = st.builds(
    placed,
    st.integers(1, 10),
    st.booleans(),
    st.integers(0, 4),
    st.sampled_from(["", "a", "b"]),
    st.none() | st.integers(0, 3),
)
ALLOWED = st.dictionaries(st.sampled_from(["a", "b", ""]), st.integers(0, 2), max_size=2)


class Easygoing:
    """Refuses no node, one by one: with it nothing can be judged by columns."""

    name = "Easygoing"

    def __init__(self, arguments: object, handle: Handle) -> None:
        pass

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status:
        return SUCCESS


class Bench:
    """One cluster, and a profile for each way."""

    def __init__(self, *nodes: dict[str, str], arguments: object = None) -> None:
        self.cache = Cache()
        self.objects = Objects()
        self.handle = Handle(self.cache.snapshot, WaitingPods(), self.objects)
        registry = in_tree_registry()
        registry.register("Easygoing", Easygoing)
        plugins = tuple(
            replace(each, arguments=arguments) if each.name == "DefaultPreemption" else each
            for each in BASE.plugins
        )
        specs = (
            ProfileSpec("columns", plugins),
            ProfileSpec("one by one", (*plugins, PluginSpec("Easygoing"))),
        )
        profiles = build_profiles(specs, registry, self.handle)
        self.columns, self.one_by_one = profiles["columns"], profiles["one by one"]
        for number, capacity in enumerate(nodes):
            self.cache.set_node(make_node(f"n{number}").capacity(capacity).obj())

    def place(self, pod: PodBuilder, node_name: str) -> PodInfo:
        info = pod_info.of(pod.node(node_name).obj())
        self.cache.add(info, node_name)
        return info

    def budget(self, app: str, allowed: int) -> None:
        raw = {
            "metadata": {"name": f"for-{app}", "namespace": "default"},
            "spec": {"selector": {"matchLabels": {"app": app} if app else {}}},
            "status": {"disruptionsAllowed": allowed},
        }
        budget = msgspec.convert(raw, PodDisruptionBudget)
        self.objects.set(BUDGETS, budget.metadata.key, budget)

    def preempt(self, profile: Profile, pod: PodInfo) -> tuple[str, list[str], str] | None:
        """Node, victims and message; None where the pod fits."""
        evaluation = Evaluation(profile.points, pod, self.cache.snapshot)
        if isinstance(evaluation.choose(), int):
            return None
        state = evaluation.state.clone()
        result, status = filtering.run_post_filters(profile.points, state, pod, evaluation)
        assert result is not None
        victims = [each.pod.name for each in result.effects if isinstance(each, Evict)]
        return result.nominated_node_name or "", victims, status.message

    def check(self, pod: PodInfo) -> None:
        before = self.cache.snapshot.requested.copy()
        found = self.preempt(self.columns, pod)
        assert found == self.preempt(self.one_by_one, pod)
        assert (self.cache.snapshot.requested == before).all()


@settings(max_examples=150, deadline=None)
@given(data=st.data(), allowed=ALLOWED)
def test_columns_and_dry_runs_agree_while_the_cluster_changes(
    data: st.DataObject, allowed: dict[str, int]
) -> None:
    count = data.draw(st.integers(1, 4))
    bench = Bench(*[{"cpu": "2", "pods": "5", "example.com/gpu": "1"}] * count)
    for app, left in allowed.items():
        bench.budget(app, left)
    standing: list[PodInfo] = []
    for _ in range(3):
        for pod in data.draw(st.lists(PLACED, max_size=6)):
            standing.append(bench.place(pod, f"n{data.draw(st.integers(0, count - 1))}"))
        bench.check(pod_info.of(data.draw(INCOMING).obj()))
        if standing:
            gone = standing.pop(data.draw(st.integers(0, len(standing) - 1)))
            bench.cache.remove(gone.uid)
        bench.check(pod_info.of(data.draw(INCOMING).obj()))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_both_heed_nominated_pods(data: st.DataObject) -> None:
    bench = Bench(*[{"cpu": "2"}] * 3)
    for pod in data.draw(st.lists(PLACED, min_size=3, max_size=9)):
        bench.place(pod, f"n{data.draw(st.integers(0, 2))}")
    for pod in data.draw(st.lists(INCOMING, max_size=3)):
        bench.handle.nominations.set(pod_info.of(pod.obj()), f"n{data.draw(st.integers(0, 2))}")
    bench.check(pod_info.of(data.draw(INCOMING).obj()))


def test_of_equal_victims_the_one_that_started_last_goes() -> None:
    bench = Bench({"cpu": "2"})
    bench.place(make_pod("old").req(cpu="1").status(startTime="2026-01-01T00:00:00Z"), "n0")
    bench.place(make_pod("new").req(cpu="1").status(startTime="2026-01-02T00:00:00Z"), "n0")
    pod = pod_info.of(make_pod("high").req(cpu="1").priority(1).obj())
    assert bench.preempt(bench.columns, pod) == ("n0", ["new"], "")


def test_a_start_that_becomes_known_later_counts() -> None:
    bench = Bench({"cpu": "2"})
    pods = {name: make_pod(name).req(cpu="1").node("n0") for name in ("a", "b")}
    for each in pods.values():
        bench.place(each, "n0")
    pod = pod_info.of(make_pod("high").req(cpu="1").priority(1).obj())
    assert bench.preempt(bench.columns, pod) == ("n0", ["b"], "")
    started = pods["b"].status(startTime="2026-01-01T00:00:00Z")
    bench.cache.update(pod_info.of(started.obj()), "n0")
    assert bench.preempt(bench.columns, pod) == ("n0", ["a"], "")


@pytest.mark.parametrize("labels", [{}, {"app": "other"}])
def test_a_budget_protects_only_pods_that_it_selects(labels: dict[str, str]) -> None:
    bench = Bench({"cpu": "1"}, {"cpu": "1"})
    bench.budget("db", 0)
    bench.budget("", 0)
    bench.place(make_pod("selected").req(cpu="1").labels(app="db"), "n0")
    bench.place(make_pod("free").req(cpu="1").labels(**labels), "n1")
    pod = pod_info.of(make_pod("high").req(cpu="1").priority(1).obj())
    assert bench.preempt(bench.columns, pod) == ("n1", ["free"], "")


def test_fewer_protected_victims_outweigh_everything_else() -> None:
    bench = Bench({"cpu": "2"}, {"cpu": "2"})
    bench.budget("db", 1)
    for name in ("a", "b"):
        bench.place(make_pod(name).req(cpu="1").labels(app="db"), "n0")
    bench.place(make_pod("dear").req(cpu="2").priority(5), "n1")
    pod = pod_info.of(make_pod("high").req(cpu="2").priority(9).obj())
    assert bench.preempt(bench.columns, pod) == ("n1", ["dear"], "")


def test_dry_runs_end_when_there_are_candidates_enough() -> None:
    arguments = DefaultPreemptionArgs(
        min_candidate_nodes_percentage=0, min_candidate_nodes_absolute=1
    )
    bench = Bench({"cpu": "1"}, {"cpu": "1"}, arguments=arguments)
    bench.place(make_pod("dear").req(cpu="1").priority(2), "n0")
    bench.place(make_pod("cheap").req(cpu="1").priority(1), "n1")
    pod = pod_info.of(make_pod("high").req(cpu="1").priority(9).obj())
    assert bench.preempt(bench.one_by_one, pod) == ("n0", ["dear"], "")
    assert bench.preempt(bench.columns, pod) == ("n1", ["cheap"], "")
