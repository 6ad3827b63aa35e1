"""Pods that look at each other: constraints hold after every placement, and sharing never shows."""

from collections import Counter
from collections.abc import Hashable, Iterable
from unittest import TestCase

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from shoal.api.core import SERVICES
from shoal.scheduler.cycle.evaluation import Evaluation
from shoal.scheduler.cycle.evaluations import Evaluations
from shoal.scheduler.effects import Bind
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import PluginArguments
from shoal.scheduler.framework.profile import build_profiles
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SUCCESS, Status
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import NodeInfo
from shoal.testing.builders import NodeBuilder, PodBuilder, make_node, make_pod
from shoal.testing.rehearsal import Enabled, Rehearsal

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
KINDS = ("web", "db")


def template(kind: str, wish: str) -> PodBuilder:
    own, other = {"app": kind}, {"app": "db" if kind == "web" else "web"}
    pod = make_pod().labels(**own).req(cpu="100m")
    match wish:
        case "apart by host":
            return pod.pod_anti_affinity(HOST, own)
        case "apart by zone":
            return pod.pod_anti_affinity(ZONE, other)
        case "near":
            return pod.pod_affinity(ZONE, other)
        case "rather near":
            return pod.pod_affinity(ZONE, other, weight=5).pod_anti_affinity(HOST, own, weight=3)
        case "spread":
            return pod.spread(ZONE, own, 1).spread(HOST, own, 2)
        case "rather spread":
            return pod.spread(ZONE, own, when_unsatisfiable="ScheduleAnyway")
        case _:
            return pod


WISHES = (
    "none",
    "apart by host",
    "apart by zone",
    "near",
    "rather near",
    "spread",
    "rather spread",
)


def node(number: int, zone: str) -> NodeBuilder:
    """The first is so large that everybody would rather be there."""
    made = make_node(f"n{number}").capacity(cpu="1" if number else "100", pods="12")
    return made.zone(zone) if zone else made


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("schedule"), st.sampled_from(KINDS), st.sampled_from(WISHES)),
        st.tuples(st.just("node"), st.integers(0, 4), st.sampled_from(("a", "b", ""))),
        st.tuples(st.just("drop"), st.integers(0, 4), st.just(0)),
        st.tuples(st.just("finish"), st.integers(0, 30), st.just(0)),
    ),
    min_size=5,
    max_size=60,
)


def outcome(evaluation: Evaluation) -> tuple[object, object]:
    choice = evaluation.choose()
    if not isinstance(choice, int):
        return choice, evaluation.diagnose().message
    rows = evaluation.feasible_rows()
    return choice, {row: evaluation.scores().total(row) for row in rows} if len(rows) > 1 else {}


@given(STEPS)
@settings(max_examples=60)
def test_a_shared_evaluation_says_what_a_fresh_one_says(
    steps: list[tuple[str, object, object]],
) -> None:
    cache = Cache()
    handle = Handle(cache.snapshot, WaitingPods())
    profile = build_profiles(DEFAULT_PROFILES, in_tree_registry(), handle)["shoal"]
    shared = Evaluations(cache.snapshot)
    placed: list[str] = []
    for number, (step, first, second) in enumerate(steps):
        match step, first, second:
            case "node", int(which), str(zone):
                cache.set_node(node(which, zone).obj())
            case "drop", int(which), _:
                cache.remove_node(f"n{which}")
            case "finish", int(which), _ if placed:
                cache.forget(placed.pop(which % len(placed)))
            case "schedule", str(kind), str(wish):
                pod = pod_info.of(template(kind, wish).uid(f"p{number}").obj())
                kept = shared.get(profile, profile.points.signer.sign(pod), pod)
                fresh = Evaluation(profile.points, pod, cache.snapshot)
                assert outcome(kept) == outcome(fresh)
                choice = fresh.choose()
                if isinstance(choice, int):
                    cache.assume(pod, cache.snapshot.node(choice).name)
                    placed.append(pod.uid)
            case _:
                pass


class LaterNames:
    """Scores node by node, as most plugins of others do."""

    name = "LaterNames"

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        pass

    def sign(self, pod: PodInfo) -> Hashable:
        return ()

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> tuple[int, Status]:
        return int(node.name[-1]), SUCCESS


def test_a_node_that_is_feasible_again_has_the_score_that_it_had() -> None:
    rehearsal = Rehearsal(Enabled(LaterNames, weight=1000))
    rehearsal.add(*(make_node(name).zone(name[0]).capacity(cpu="9") for name in ("a1", "a2")))
    rehearsal.add(*(make_node(name).zone(name[0]).capacity(cpu="9") for name in ("b1", "b2")))
    own = {"app": "web"}
    rehearsal.add(*(make_pod(f"p{i}").labels(**own).spread(ZONE, own) for i in range(4)))
    rehearsal.run()
    assert [rehearsal.node_of(f"p{i}") for i in range(4)] == ["a2", "b2", "a2", "b2"]


class RelationsMachine(RuleBasedStateMachine):
    """Drives the whole scheduler; judges each binding by the pods that stand there."""

    def __init__(self) -> None:
        super().__init__()
        self.rehearsal = Rehearsal()
        self.zones: dict[str, str] = {}
        self.pods: dict[str, tuple[str, str]] = {}
        self.places: dict[str, str] = {}
        selector = {"selector": {"app": "db"}, "ports": [{"port": 80}]}
        self.rehearsal.put(
            SERVICES, {"metadata": {"name": "db", "namespace": "default"}, "spec": selector}
        )

    @rule(number=st.integers(0, 5), zone=st.sampled_from("abc"))
    def add_node(self, number: int, zone: str) -> None:
        name = f"n{number}"
        self.zones.setdefault(name, zone)
        self.rehearsal.add(node(number, self.zones[name]))

    @rule(kind=st.sampled_from(KINDS), wish=st.sampled_from(WISHES))
    def add_pod(self, kind: str, wish: str) -> None:
        pod = template(kind, wish)
        self.pods[pod.name] = kind, wish
        self.rehearsal.add(pod)

    @precondition(lambda self: self.pods)
    @rule(data=st.data())
    def delete_pod(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.pods)))
        del self.pods[name]
        self.places.pop(name, None)
        self.rehearsal.delete(make_pod(name))

    @rule(seconds=st.sampled_from((0, 10, 400)))
    def wait(self, seconds: int) -> None:
        for effect in self.rehearsal.advance(seconds):
            if isinstance(effect, Bind):
                self.check(effect.pod.name, effect.node_name)
                self.places[effect.pod.name] = effect.node_name

    def check(self, name: str, place: str) -> None:
        """`name` is about to be placed; the others are."""
        kind, wish = self.pods[name]
        zone = self.zones[place]
        there = [(self.pods[each], where) for each, where in self.places.items()]
        for (other_kind, other_wish), where in there:
            if "apart by host" in (wish, other_wish) and kind == other_kind:
                assert where != place
            if "apart by zone" in (wish, other_wish) and kind != other_kind:
                assert self.zones[where] != zone
        others = [self.zones[where] for (other, _), where in there if other != kind]
        if wish == "near":
            assert zone in others
        if wish == "spread":
            own = [where for (other, _), where in there if other == kind]
            self.check_skew(Counter(own), place, self.zones, 2)
            by_zone = Counter(self.zones[where] for where in own)
            self.check_skew(by_zone, zone, self.zones.values(), 1)

    def check_skew(
        self, counts: Counter[str], chosen: str, domains: Iterable[str], limit: int
    ) -> None:
        fewest = min(counts[each] for each in domains)
        assert counts[chosen] + 1 - fewest <= limit


class TestRelations(RelationsMachine.TestCase, TestCase):
    settings = settings(max_examples=60, stateful_step_count=40)
