"""Plugins that raise, answer nonsense or never return: it costs their own verdict, not the cycle
of anybody else."""

from typing import Any

import numpy as np
import pytest

from shoal.base.clock import SystemClock
from shoal.base.watchdog import Watchdog
from shoal.scheduler.effects import Bind, PodRef, SetCondition, UnscheduledReason
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.cluster_event import (
    NODE_ADD,
    POD,
    ActionType,
    ClusterEvent,
    Registration,
)
from shoal.scheduler.framework.guarded import Guard
from shoal.scheduler.framework.plugin import (
    PostFilterResult,
    PreFilterResult,
    Reads,
)
from shoal.scheduler.framework.status import SUCCESS, Code, Status
from shoal.testing import Rehearsal, make_node, make_pod
from tests.plugins import answering, plugin

POD_A = make_pod("a").req(cpu="1")
NODES = [make_node(name).capacity(cpu="4", memory="8Gi") for name in ("n1", "n2")]
ELSEWHERE = Bind(PodRef("default", "a", "a"), "n9", "Mine")


def rehearse(*plugins: Any, **options: Any) -> Rehearsal:
    rehearsal = Rehearsal(*plugins, **options)
    rehearsal.add(*NODES, POD_A)
    rehearsal.run()
    return rehearsal


def vector_filter(answer: Any, **more: Any) -> dict[str, Any]:
    rejection = answering(statuses.unschedulable("no"))
    return {
        "filter_rows": answer if callable(answer) else answering(answer),
        "filter_status": rejection,
        "filter_reads": Reads.NODE,
        **more,
    }


def vector_score(answer: Any, **more: Any) -> dict[str, Any]:
    return {"score_rows": answering(answer), "score_reads": Reads.NODE, **more}


def reserving(answer: Any) -> dict[str, Any]:
    return {"reserve": answering(answer), "unreserve": answering(None)}


FILTER = 'running "Mine" filter plugin: '
WRONG = 'plugin "Mine" gave a wrong answer in '
NO_STATUS = "None, where a Status is due"

NONSENSE: dict[str, tuple[dict[str, Any], str]] = {
    "pre-filter-none": (
        {"pre_filter": answering(None)},
        f'running PreFilter plugin "Mine": {WRONG}PreFilter: None, where a pair (PreFilterResult '
        "or None, Status) is due",
    ),
    "pre-filter-list": (
        {"pre_filter": answering((PreFilterResult(["n1"]), SUCCESS))},  # type: ignore[arg-type]
        f'running PreFilter plugin "Mine": {WRONG}PreFilter: a PreFilterResult, where a '
        "PreFilterResult with a set is due",
    ),
    "filter-none": ({"filter": answering(None)}, f"{FILTER}{WRONG}Filter: {NO_STATUS}"),
    "filter-true": (
        {"filter": answering(True)},
        f"{FILTER}{WRONG}Filter: True, where a Status is due",
    ),
    "filter-wait": (
        {"filter": answering(Status(Code.WAIT))},
        f"{FILTER}{WRONG}Filter: a Status with code Wait, which has no meaning there",
    ),
    "filter-unknown-code": (
        {"filter": answering(Status(7))},  # type: ignore[arg-type]
        f"{FILTER}{WRONG}Filter: a Status whose code is 7, not a Code",
    ),
    "filter-reasons": (
        {"filter": answering(Status(Code.UNSCHEDULABLE, "no"))},  # type: ignore[arg-type]
        f"{FILTER}{WRONG}Filter: a Status whose reasons are no tuple of texts",
    ),
    "rows-list": (
        vector_filter([0, 0]),
        f"{FILTER}{WRONG}Filter: a list, where an array is due",
    ),
    "rows-length": (
        vector_filter(np.zeros(3, np.int64)),
        f"{FILTER}{WRONG}Filter: an array of shape (3,) for 2 rows",
    ),
    "rows-dtype": (
        vector_filter(np.zeros(2)),
        f"{FILTER}{WRONG}Filter: an array of float64, where whole numbers are due",
    ),
    "rows-nan": (
        vector_filter(np.full(2, np.nan)),
        f"{FILTER}{WRONG}Filter: an array with NaN or infinity",
    ),
    "rows-reason": (
        vector_filter(np.ones(2, np.int64), filter_status=answering(SUCCESS)),
        f"{FILTER}{WRONG}Filter: Success for a node that it rejected",
    ),
    "pre-score": (
        {"pre_score": answering(None)},
        f'running PreScore plugin "Mine": {WRONG}PreScore: {NO_STATUS}',
    ),
    "score-bare": (
        {"score": answering(5)},
        f'running Score plugin "Mine": {WRONG}Score: 5, where a pair (score, Status) is due',
    ),
    "score-nan": (
        {"score": answering((float("nan"), SUCCESS))},
        f'running Score plugin "Mine": {WRONG}Score: nan, where a whole number is due',
    ),
    "score-huge": (
        {"score": answering((2**63, SUCCESS))},
        f'running Score plugin "Mine": {WRONG}Score: {2**63}, which is beyond 64 bits',
    ),
    "score-range": (
        {"score": answering((101, SUCCESS))},
        'plugin "Mine" returns an invalid score 101, it should in the range of [0, 100] after '
        "normalizing",
    ),
    "scores-dtype": (
        vector_score(np.array(["1", "2"])),
        f'running Score plugin "Mine": {WRONG}Score: an array of <U1, where whole numbers are due',
    ),
    "normalize-none": (
        vector_score(np.ones(2, np.int64), normalize_scores=answering(None)),
        f'running Normalize on Score plugin "Mine": {WRONG}NormalizeScore: None, where an array '
        "is due",
    ),
    "normalize-range": (
        vector_score(np.ones(2, np.int64), normalize_scores=lambda state, pod, scores: scores - 2),
        'plugin "Mine" returns an invalid score -1, it should in the range of [0, 100] after '
        "normalizing",
    ),
    "reserve": (
        reserving(None),
        f'running Reserve plugin "Mine": {WRONG}Reserve: {NO_STATUS}',
    ),
    "permit-bare": (
        {"permit": answering(SUCCESS)},
        f'running Permit plugin "Mine": {WRONG}Permit: a bare Status, where a pair (Status, '
        "seconds) is due",
    ),
    "permit-nan": (
        {"permit": answering((Status(Code.WAIT), float("nan")))},
        f'running Permit plugin "Mine": {WRONG}Permit: nan seconds to wait',
    ),
    "pre-bind": (
        {"pre_bind": answering(([], SUCCESS))},
        f'running PreBind plugin "Mine": {WRONG}PreBind: a list, where a tuple of PatchPod is due',
    ),
    "bind-nothing": (
        {"bind": answering((None, SUCCESS))},
        f'running Bind plugin "Mine": {WRONG}Bind: Success without a Bind',
    ),
    "bind-elsewhere": (
        {"bind": answering((ELSEWHERE, SUCCESS))},
        f'running Bind plugin "Mine": {WRONG}Bind: a Bind of default/a to n9, which is another '
        "binding",
    ),
}


@pytest.mark.parametrize(("points", "text"), NONSENSE.values(), ids=NONSENSE.keys())
def test_nonsense_is_an_error_that_names_the_plugin_and_the_point(
    points: dict[str, Any], text: str
) -> None:
    without = ("DefaultBinder",) if "bind" in points else ()
    rehearsal = rehearse(plugin(**points), without=without)
    assert rehearsal.message_of("a") == text
    told = [each for each in rehearsal.effects if isinstance(each, SetCondition)]
    assert told[-1].reason is UnscheduledReason.SCHEDULER_ERROR


def raising(*_: object) -> Any:
    raise RuntimeError("boom")


def ending(*_: object) -> Any:
    raise SystemExit(3)


def interrupting(*_: object) -> Any:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("points", "text"),
    [
        ({"pre_filter": raising}, 'running PreFilter plugin "Mine": boom'),
        ({"filter": raising}, 'running "Mine" filter plugin: boom'),
        (vector_filter(raising), 'running "Mine" filter plugin: boom'),
        (
            vector_filter(np.ones(2, np.int64), filter_status=raising),
            'running "Mine" filter plugin: boom',
        ),
        ({"pre_score": raising}, 'running PreScore plugin "Mine": boom'),
        ({"score": raising}, 'running Score plugin "Mine": boom'),
        (
            {"score": answering((1, SUCCESS)), "normalize_scores": raising},
            'running Normalize on Score plugin "Mine": boom',
        ),
        ({"reserve": raising, "unreserve": raising}, 'running Reserve plugin "Mine": boom'),
        ({"permit": raising}, 'running Permit plugin "Mine": boom'),
        ({"pre_bind": raising}, 'running PreBind plugin "Mine": boom'),
        ({"bind": raising}, 'running Bind plugin "Mine": boom'),
        (
            {"filter": ending},
            'running "Mine" filter plugin: plugin "Mine" tried to end the program in Filter',
        ),
        (
            {"score": interrupting},
            'running Score plugin "Mine": plugin "Mine" tried to end the program in Score',
        ),
    ],
)
def test_what_a_plugin_raises_is_an_error_of_that_plugin(points: dict[str, Any], text: str) -> None:
    rehearsal = rehearse(plugin(**points), without=("DefaultBinder",) if "bind" in points else ())
    assert rehearsal.message_of("a") == text


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (raising, "boom"),
        (answering(None), "None, where a pair (PostFilterResult or None, Status) is due"),
        (answering((PostFilterResult(7), SUCCESS)), "a nominated node that is no name"),  # type: ignore[arg-type]
        (
            answering((PostFilterResult("n1", ("evict b",)), SUCCESS)),  # type: ignore[arg-type]
            "a PostFilterResult whose effects are none",
        ),
    ],
)
def test_a_post_filter_that_fails_is_told_with_why_no_node_would_do(answer: Any, text: str) -> None:
    rehearsal = Rehearsal(plugin(post_filter=answer))
    rehearsal.add(*NODES, POD_A.req(cpu="9"))
    rehearsal.run()
    assert rehearsal.message_of("a").startswith("0/2 nodes are available: 2 Insufficient cpu.")
    assert rehearsal.message_of("a").endswith(text)


@pytest.mark.parametrize(
    ("points", "text"),
    [
        (
            {"pre_filter": answering((None, SUCCESS)), "sign": raising},
            'plugin "Mine" raised RuntimeError in sign: boom',
        ),
        (
            {"pre_filter": answering((None, SUCCESS)), "sign": lambda pod: pod.labels},
            "plugin \"Mine\" raised TypeError in sign: unhashable type: 'dict'",
        ),
        ({"post_bind": raising}, 'plugin "Mine" raised RuntimeError in PostBind: boom'),
        (
            {"pre_enqueue": answering(None)},
            f"{WRONG}PreEnqueue: {NO_STATUS}",
        ),
        (
            {"less": raising},
            'plugin "Mine" raised RuntimeError in QueueSort: boom',
        ),
        (
            {"sort_key": lambda queued: queued.pod.labels},
            'plugin "Mine" raised TypeError in QueueSort: '
            "'<' not supported between instances of 'dict' and 'dict'",
        ),
    ],
)
def test_slips_that_no_pod_shows_are_reported_once(points: dict[str, Any], text: str) -> None:
    heard: list[str] = []
    without = ("PrioritySort",) if {"less", "sort_key"} & set(points) else ()
    rehearsal = Rehearsal(plugin(**points), without=without, guard=Guard(report=heard.append))
    rehearsal.add(*NODES, POD_A, make_pod("b").req(cpu="1"), make_pod("c").req(cpu="1"))
    rehearsal.run()
    assert heard == [text]
    is_gated = "pre_enqueue" in points
    assert [rehearsal.node_of(pod) is None for pod in "abc"] == [is_gated] * 3


def test_pods_that_cannot_be_sorted_go_by_priority_and_time() -> None:
    order: list[str] = []

    def less(left: Any, right: Any) -> bool:
        raise RuntimeError("boom")

    def reserve(state: Any, pod: Any, node_name: str) -> Status:
        order.append(pod.name)
        return SUCCESS

    mine = plugin(less=less, reserve=reserve, unreserve=answering(None))
    rehearsal = Rehearsal(mine, without=("PrioritySort",))
    rehearsal.add(make_pod("low"), make_pod("high").priority(9), NODES[0])
    rehearsal.run()
    assert order == ["high", "low"]


def test_a_hint_that_answers_nonsense_counts_as_help() -> None:
    heard: list[str] = []
    mine = plugin(
        filter=answering(statuses.unschedulable("no")),
        events_to_register=answering([Registration(NODE_ADD, answering(None))]),
    )
    rehearsal = Rehearsal(mine, guard=Guard(report=heard.append))
    rehearsal.add(NODES[0], POD_A)
    rehearsal.run()
    rehearsal.add(NODES[1])
    rehearsal.run()
    assert len(rehearsal.events_of("a")) == 2
    assert heard == [f"{WRONG}a queueing hint: None, where a QueueingHint is due"]


def test_data_without_clone_is_refused_where_it_is_written() -> None:
    def pre_filter(state: Any, pod: Any, snapshot: Any) -> Any:
        state.write("Mine", {"seen": 1})
        return None, SUCCESS

    rehearsal = rehearse(plugin(pre_filter=pre_filter))
    assert rehearsal.message_of("a") == (
        'running PreFilter plugin "Mine": cycle state takes data with a method clone, and a dict '
        "has none"
    )


def test_data_that_fails_to_clone_is_lost_to_its_own_plugin() -> None:
    class Data:
        clone = staticmethod(raising)

    def pre_filter(state: Any, pod: Any, snapshot: Any) -> Any:
        state.write("Mine", Data())
        return None, SUCCESS

    def permit(state: Any, pod: Any, node_name: str) -> Any:
        return state.read("Mine", Data)

    rehearsal = rehearse(plugin(pre_filter=pre_filter, permit=permit))
    assert rehearsal.message_of("a") == (
        "running Permit plugin \"Mine\": cycle state lost 'Mine' when it was cloned: boom"
    )


def for_ever(*_: object) -> Any:
    while True:
        pass


@pytest.mark.parametrize(
    ("points", "point"),
    [
        ({"pre_filter": for_ever}, "PreFilter"),
        ({"filter": for_ever}, "Filter"),
        (vector_filter(for_ever), "Filter"),
        ({"score": for_ever}, "Score"),
        ({"permit": for_ever}, "Permit"),
    ],
)
def test_an_endless_loop_is_interrupted_and_the_scheduler_goes_on(
    points: dict[str, Any], point: str
) -> None:
    guard = Guard(call=Watchdog(0.02, SystemClock()).call)
    rehearsal = rehearse(plugin(**points), guard=guard)
    assert rehearsal.message_of("a").endswith(f'plugin "Mine" took longer than 0.02s in {point}')
    assert rehearsal.node_of("a") is None


def test_a_broken_plugin_fails_only_the_pods_it_is_asked_about() -> None:
    def judge(state: Any, pod: Any, node: Any) -> Status:
        if pod.name == "a":
            raise RuntimeError("boom")
        return SUCCESS

    rehearsal = Rehearsal(plugin(filter=judge))
    rehearsal.add(*NODES, POD_A, make_pod("b").req(cpu="1"))
    rehearsal.run()
    assert (rehearsal.node_of("a"), rehearsal.node_of("b") is None) == (None, False)


def test_events_that_are_none_are_refused_when_the_profile_is_built() -> None:
    wrong = [ClusterEvent(POD, ActionType.DELETE)]
    with pytest.raises(ValueError, match="a ClusterEvent, where a Registration"):
        Rehearsal(plugin(filter=answering(SUCCESS), events_to_register=answering(wrong)))
