"""Extenders in virtual time: pods are set aside while extenders think, and placed by their word."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec

from shoal.scheduler.config.configuration import ExtenderSection, ManagedResource
from shoal.scheduler.core import Scheduler, build_scheduler
from shoal.scheduler.effects import (
    AskExtenders,
    Bind,
    Effect,
    RecordEvent,
    SetCondition,
    UnscheduledReason,
)
from shoal.scheduler.events import (
    ExtendersAnswered,
    NodeAdded,
    NodeDeleted,
    PodAdded,
    PodDeleted,
    PodUpdated,
    Tick,
)
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.plugin import NodeStatuses
from shoal.scheduler.framework.profile import PluginSpec, ProfileSpec
from shoal.scheduler.framework.status import Code, Status
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.scheduler.queueing.rooms import Room
from shoal.testing.builders import make_node, make_pod

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FILTER = ExtenderSection(url_prefix="http://f", filter_verb="filter")
SCORER = ExtenderSection(url_prefix="http://s", prioritize_verb="prioritize", weight=1)
BINDER = ExtenderSection(url_prefix="http://b", bind_verb="bind")
POD = make_pod("a").uid("a").req(cpu="1")


def scheduler(*extenders: ExtenderSection, nodes: str = "n1 n2 n3") -> Scheduler:
    made = build_scheduler(DEFAULT_PROFILES, in_tree_registry(), extenders=extenders)
    for name in nodes.split():
        node = make_node(name).capacity(cpu="4", memory="8Gi", pods="10")
        made.handle(NodeAdded(node.obj()), NOW)
    return made


def asked(done: list[Effect]) -> AskExtenders:
    (asking,) = done
    assert isinstance(asking, AskExtenders)
    return asking


def ask(made: Scheduler) -> AskExtenders:
    made.handle(PodAdded(POD.obj()), NOW)
    return asked(made.handle(Tick(), NOW))


def bound(done: list[Effect]) -> list[str]:
    return [each.node_name for each in done if isinstance(each, Bind)]


def messages(done: list[Effect]) -> list[tuple[UnscheduledReason, str]]:
    return [(each.reason, each.message) for each in done if isinstance(each, SetCondition)]


def answer(asking: AskExtenders, *passed: str) -> ExtendersAnswered:
    return ExtendersAnswered(asking.pod, asking.node_names, passed)


def test_extenders_are_asked_about_nodes_that_plugins_pass() -> None:
    made = scheduler(FILTER, SCORER)
    full = make_pod("full").node("n2").req(cpu="4")
    made.handle(PodAdded(full.obj()), NOW)
    asking = ask(made)
    assert (asking.pod.name, asking.extenders, asking.node_names) == ("a", (0, 1), ("n1", "n3"))
    assert made.statistics()[Room.IN_FLIGHT] == 1


def test_the_pod_goes_to_a_node_that_extenders_passed() -> None:
    made = scheduler(FILTER)
    assert bound(made.handle(answer(ask(made), "n3"), NOW)) == ["n3"]


def test_scores_of_extenders_count_ten_times() -> None:
    made = scheduler(SCORER, nodes="n1 n2")
    made.handle(PodAdded(make_pod("busy").node("n2").req(cpu="3").obj()), NOW)
    passed = answer(ask(made), "n1", "n2")
    # Plugins put the empty node before the busy one: by more than 10, by less than 800.
    assert bound(made.handle(replace(passed, scores={"n2": 1}), NOW)) == ["n1"]
    made = scheduler(SCORER, nodes="n1 n2")
    made.handle(PodAdded(make_pod("busy").node("n2").req(cpu="3").obj()), NOW)
    passed = answer(ask(made), "n1", "n2")
    assert bound(made.handle(replace(passed, scores={"n2": 80}), NOW)) == ["n2"]


def test_reasons_of_extenders_stand_among_those_of_plugins() -> None:
    made = scheduler(FILTER)
    made.handle(PodAdded(make_pod("full").node("n2").req(cpu="4").obj()), NOW)
    refused = replace(answer(ask(made)), failed={"n1": "no GPU"}, unresolvable={"n3": "too old"})
    done = made.handle(refused, NOW)
    ((reason, message),) = messages(done)
    assert reason is UnscheduledReason.UNSCHEDULABLE
    assert message.startswith("0/3 nodes are available: 1 Insufficient cpu, 1 no GPU, 1 too old.")
    assert made.statistics()[Room.UNSCHEDULABLE] == 1


def test_any_event_wakes_a_pod_that_extenders_rejected() -> None:
    made = scheduler(FILTER)
    made.handle(replace(answer(ask(made)), failed={"n1": "no"}), NOW)
    later = NOW + timedelta(seconds=20)
    made.handle(NodeDeleted("n3"), later)
    assert asked(made.handle(Tick(), later)).node_names == ("n1", "n2")


def test_an_error_of_an_extender_is_the_pods() -> None:
    made = scheduler(FILTER)
    text = "failed filter with extender at URL http://f/filter, code 500"
    done = made.handle(replace(answer(ask(made)), error=text), NOW)
    assert messages(done) == [(UnscheduledReason.SCHEDULER_ERROR, text)]
    assert [each.note for each in done if isinstance(each, RecordEvent)] == [text]
    assert made.statistics()[Room.BACKOFF] == 1


def test_the_answer_meets_the_present_cluster() -> None:
    made = scheduler(FILTER)
    asking = ask(made)
    made.handle(PodAdded(make_pod("full").node("n1").req(cpu="4").obj()), NOW)
    made.handle(NodeDeleted("n3"), NOW)
    assert bound(made.handle(answer(asking, "n1", "n2", "n3"), NOW)) == ["n2"]


def test_nodes_that_came_meanwhile_are_asked_about_before_the_pod_is_given_up() -> None:
    made = scheduler(FILTER, nodes="n1")
    asking = ask(made)
    made.handle(NodeAdded(make_node("n9").capacity(cpu="4", memory="8Gi").obj()), NOW)
    again = asked(made.handle(replace(answer(asking), failed={"n1": "no"}), NOW))
    assert again.node_names == ("n1", "n9")
    assert bound(made.handle(answer(again, "n9"), NOW)) == ["n9"]


def test_a_pod_that_changes_while_extenders_think_keeps_its_place() -> None:
    made = scheduler(FILTER)
    asking = ask(made)
    made.handle(PodUpdated(POD.labels(x="y").obj()), NOW)
    assert made.handle(Tick(), NOW) == []
    assert bound(made.handle(answer(asking, "n1"), NOW)) == ["n1"]


def test_an_answer_about_a_pod_that_is_gone_means_nothing() -> None:
    made = scheduler(FILTER)
    asking = ask(made)
    made.handle(PodDeleted(POD.obj()), NOW)
    assert made.handle(answer(asking, "n1"), NOW) == []
    assert sum(made.statistics().values()) == 0


def test_an_answer_that_comes_twice_counts_once() -> None:
    made = scheduler(FILTER)
    asking = ask(made)
    made.handle(answer(asking, "n1"), NOW)
    assert made.handle(answer(asking, "n1"), NOW) == []


def test_only_pods_that_want_what_an_extender_manages_concern_it() -> None:
    managed = (ManagedResource(name="a.b/gpu"),)
    made = scheduler(
        msgspec.structs.replace(FILTER, managed_resources=managed),
        msgspec.structs.replace(BINDER, managed_resources=managed),
        nodes="",
    )
    node = make_node("n1").capacity({"cpu": "4", "memory": "8Gi", "a.b/gpu": "2"})
    made.handle(NodeAdded(node.obj()), NOW)
    made.handle(PodAdded(make_pod("plain").uid("plain").req(cpu="1").obj()), NOW)
    (plain,) = made.handle(Tick(), NOW)
    assert isinstance(plain, Bind)
    assert plain.extender is None
    made.handle(PodAdded(make_pod("gpu").uid("gpu").req({"a.b/gpu": "1"}).obj()), NOW)
    asking = asked(made.handle(Tick(), NOW))
    assert asking.extenders == (0,)
    (own,) = made.handle(answer(asking, "n1"), NOW)
    assert isinstance(own, Bind)
    assert own.extender == 1


def test_an_extender_that_only_binds_is_not_asked() -> None:
    made = scheduler(BINDER)
    made.handle(PodAdded(POD.obj()), NOW)
    (bind,) = made.handle(Tick(), NOW)
    assert isinstance(bind, Bind)
    assert bind.extender == 0


def test_post_filter_sees_what_extenders_rejected() -> None:
    seen: dict[str, Code] = {}

    class Looker:
        name = "Looker"

        def __init__(self, arguments: object, handle: object) -> None:
            pass

        def post_filter(
            self, state: object, pod: object, verdicts: NodeStatuses
        ) -> tuple[None, Status]:
            for code in (Code.UNSCHEDULABLE, Code.UNSCHEDULABLE_AND_UNRESOLVABLE):
                for row in verdicts.rows_with_code(code):
                    seen[verdicts.get(row).reasons[0]] = code
            return None, statuses.unschedulable("looked")

    registry = in_tree_registry()
    registry.register("Looker", Looker)
    plugins = (PluginSpec("Looker"), *DEFAULT_PROFILES[0].plugins)
    specs = [ProfileSpec("default-scheduler", plugins)]
    made = build_scheduler(specs, registry, extenders=[FILTER])
    for name in ("n1", "n2"):
        made.handle(NodeAdded(make_node(name).capacity(cpu="4", memory="8Gi").obj()), NOW)
    refused = replace(answer(ask(made)), failed={"n1": "no"}, unresolvable={"n2": "never"})
    made.handle(refused, NOW)
    assert seen == {"no": Code.UNSCHEDULABLE, "never": Code.UNSCHEDULABLE_AND_UNRESOLVABLE}
