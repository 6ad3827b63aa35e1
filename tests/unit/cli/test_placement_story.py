"""What `shoal explain` says of a pod's place."""

from datetime import UTC, datetime, timedelta

from shoal.api.core import Event
from shoal.cli.placement_story import (
    attempts_line,
    awaited_lines,
    candidate_table,
    node_table,
    own_node_line,
    refusal_table,
    standing,
)
from shoal.scheduler.explaining.explanation import Explanation, WayOut
from shoal.scheduler.explaining.lone_verdicts import EVERY_NODE, LEFT_OUT, Refusal, Refusals
from shoal.scheduler.explaining.score_sheet import ScoreSheet
from shoal.testing.builders import make_pod

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
FULL = Refusal("Unschedulable", "Fit", ("Insufficient cpu", "Too many pods"))
SHORT = Refusal("Unschedulable", "Fit", ("Insufficient cpu",))
TAINTED = Refusal("UnschedulableAndUnresolvable", "Taints", ("node(s) had a taint",))


def of_rejected(
    refusals: Refusals, way_out: WayOut | None = None, held_back_by: Refusal | None = None
) -> Explanation:
    return Explanation(
        3,
        refusals,
        None,
        [],
        "0/3 nodes are available.",
        ScoreSheet(),
        way_out,
        frozenset(),
        held_back_by,
    )


def of_fitting(**totals: int) -> Explanation:
    sheet = ScoreSheet({"Fit": totals}, totals)
    return Explanation(
        3, {"Fit": {"c": SHORT}}, None, sorted(totals), "", sheet, None, frozenset(), None
    )


def test_each_reason_is_counted_and_how_often_it_stands_alone() -> None:
    table = refusal_table(
        of_rejected({"Taints": {"a": TAINTED}, "Fit": {"a": SHORT, "b": FULL, "c": SHORT}})
    )
    assert table.rows == [
        ("Taints", 1, 0, "node(s) had a taint"),
        ("Fit", 3, 2, "Insufficient cpu"),
        ("Fit", 1, 1, "Too many pods"),
    ]


def test_what_is_refused_as_a_whole_counts_for_every_node() -> None:
    whole = {EVERY_NODE: Refusal("Unschedulable", "Gate", ("closed",))}
    assert refusal_table(of_rejected({"Gate": whole})).rows == [("Gate", 3, 3, "closed")]
    both = of_rejected({"Gate": whole, "Fit": {"a": SHORT}})
    assert refusal_table(both).rows == [("Gate", 3, 3, "closed"), ("Fit", 1, 0, "Insufficient cpu")]
    assert node_table(both, ["a", "b"]).rows == [
        ("a", "no", "Gate: closed; Fit: Insufficient cpu"),
        ("b", "no", "Gate: closed"),
    ]


def test_nodes_that_a_plugin_did_not_name_say_so() -> None:
    table = node_table(of_rejected({"Names": {"a": Refusal(LEFT_OUT)}}), ["a"])
    assert table.rows == [("a", "no", "Names: not among the nodes that it names")]


def test_a_pod_that_was_refused_before_is_not_said_to_be_on_its_way() -> None:
    told = make_pod("p").condition("PodScheduled", "False", "Unschedulable", "0/3: 3 no rack.")
    [line] = standing(told.obj(), of_fitting(a=5))
    assert "is being bound" not in line
    assert line.endswith("or it is refused by something that is not asked here.")


def test_victims_and_their_node_are_named() -> None:
    way_out = WayOut("b", ("default/x", "default/y"))
    assert standing(make_pod("p").obj(), of_rejected({}, way_out)) == [
        "  Now: 0/3 nodes are available.",
        "  Evicting default/x, default/y would make room on b.",
    ]


def test_what_the_condition_says_already_is_not_said_again() -> None:
    told = make_pod("p").condition(
        "PodScheduled", "False", "Unschedulable", "0/3 nodes are available. preemption: no"
    )
    way_out = WayOut(message="preemption: 0/3 nodes are available: 3 too small.")
    assert standing(told.obj(), of_rejected({}, way_out)) == [
        "  Evicting pods does not help: 0/3 nodes are available: 3 too small."
    ]


def test_a_pod_that_fits_waits_for_its_turn() -> None:
    assert standing(make_pod("p").obj(), of_fitting(a=5, b=9)) == [
        "  It would fit on 2 of 3 nodes now, best on b; it is being bound, or waits for its turn."
    ]


def test_a_pod_with_gates_is_held_back_by_them() -> None:
    gated = make_pod("p").gate("x.io/a").gate("x.io/b").obj()
    assert standing(gated, of_fitting(a=5)) == [
        "  It is held back by its scheduling gates until they go: x.io/a, x.io/b.",
        "  It would fit on 1 of 3 nodes now, best on a.",
    ]
    held = of_rejected({}, held_back_by=Refusal("Unschedulable", "Gate", ("closed",)))
    assert standing(make_pod("p").obj(), held)[0] == "  Gate keeps it out of the queue: closed."


def test_a_nominated_node_is_named() -> None:
    nominated = make_pod("p").status(nominatedNodeName="b").obj()
    assert standing(nominated, of_rejected({}))[0] == "  Node b is being cleared for it."


def test_attempts_are_counted_over_all_their_events() -> None:
    events = [
        Event(reason="FailedScheduling", count=3, last_timestamp=NOW - timedelta(minutes=3)),
        Event(reason="FailedScheduling", last_timestamp=NOW - timedelta(seconds=20)),
        Event(reason="Pulled", count=9),
    ]
    assert attempts_line(events, NOW) == ["  4 attempts failed so far, the last one 20s ago."]
    assert attempts_line(events[2:], NOW) == []


def test_what_is_awaited_stands_with_who_waits() -> None:
    assert awaited_lines({"Fit": ["a node is added", "a placed pod goes"]}) == [
        "  It is tried again after 5 minutes, or when one of these happens:",
        "    a node is added (Fit)",
        "    a placed pod goes (Fit)",
    ]
    assert awaited_lines({}) == []


def test_candidates_stand_best_first_with_the_pods_own_node() -> None:
    table = candidate_table(of_fitting(a=5, b=9), "a")
    assert table.heads == ("NODE", "TOTAL", "Fit")
    assert table.rows == [("b", 9, 9), ("a (its node)", 5, 5)]
    many = of_fitting(**{f"n{i:02}": 100 - i for i in range(20)})
    assert len(candidate_table(many).rows) == 10
    assert candidate_table(many, "n15").rows[-1] == ("n15 (its node)", 85, 85)
    assert len(candidate_table(many, every=True).rows) == 20


def test_the_pods_own_node_is_held_against_the_others() -> None:
    assert own_node_line(of_fitting(a=5, b=9), "a") == (
        "  Placed anew it would fit on 2 of 3 nodes; its own is number 2 of these."
    )
    assert own_node_line(of_fitting(a=5), "c") == (
        "  Placed anew it would fit on 1 of 3 nodes, and not on its own (Fit: Insufficient cpu)."
    )
