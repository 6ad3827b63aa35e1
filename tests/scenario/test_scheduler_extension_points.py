"""A user's plugin at every extension point: when it is asked, with what, and what comes of it."""

from typing import Any

import numpy as np
import pytest

from shoal.scheduler import effects
from shoal.scheduler.effects import Bind, Evict, PatchPod, PodRef, SetCondition, UnscheduledReason
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.plugin import PostFilterResult, PreFilterResult, Reads
from shoal.scheduler.framework.status import SKIP, SUCCESS, Code, Status
from shoal.scheduler.queueing.rooms import Room
from shoal.testing import Enabled, Rehearsal, make_node, make_pod
from tests.plugins import answering, noting, plugin

POD = make_pod("a").req(cpu="1")
BIG_POD = make_pod("a").req(cpu="9")
N1, N2 = (make_node(name).capacity(cpu="4", memory="8Gi") for name in ("n1", "n2"))
NO = statuses.unschedulable("no")
NEVER = statuses.unresolvable("never")
BROKEN = statuses.error("broken")


class Witness:
    """Is at every point, and writes down what it is asked."""

    name = "Witness"
    asked: list[tuple[Any, ...]]

    def __init__(self, arguments: Any, handle: Any) -> None:
        self.asked = []
        self.arguments = arguments
        self.handle = handle

    def pre_enqueue(self, pod: Any) -> Status:
        self.asked.append(("PreEnqueue", pod.name))
        return SUCCESS

    def sign(self, pod: Any) -> None:
        self.asked.append(("sign", pod.name))

    def less(self, left: Any, right: Any) -> bool:
        self.asked.append(("QueueSort", *sorted((left.pod.name, right.pod.name))))
        return left.pod.name > right.pod.name

    def pre_filter(self, state: Any, pod: Any, snapshot: Any) -> tuple[None, Status]:
        self.asked.append(("PreFilter", pod.name, snapshot.node_count))
        return None, SUCCESS

    def filter(self, state: Any, pod: Any, node: Any) -> Status:
        self.asked.append(("Filter", pod.name, node.name))
        return SUCCESS

    def pre_score(self, state: Any, pod: Any, nodes: Any) -> Status:
        names = [nodes.node(position).name for position in range(nodes.size)]
        self.asked.append(("PreScore", pod.name, names))
        return SUCCESS

    def score(self, state: Any, pod: Any, node: Any) -> tuple[int, Status]:
        self.asked.append(("Score", pod.name, node.name))
        return len(node.pods) + 7, SUCCESS

    def normalize_scores(self, state: Any, pod: Any, scores: Any) -> Any:
        self.asked.append(("NormalizeScore", pod.name, scores.tolist()))
        return scores

    def reserve(self, state: Any, pod: Any, node_name: str) -> Status:
        self.asked.append(("Reserve", pod.name, node_name))
        return SUCCESS

    def unreserve(self, state: Any, pod: Any, node_name: str) -> None:
        self.asked.append(("Unreserve", pod.name, node_name))

    def permit(self, state: Any, pod: Any, node_name: str) -> tuple[Status, float]:
        self.asked.append(("Permit", pod.name, node_name))
        return SUCCESS, 0

    def pre_bind(self, state: Any, pod: Any, node_name: str) -> tuple[tuple[PatchPod, ...], Status]:
        self.asked.append(("PreBind", pod.name, node_name))
        return (PatchPod(effects.ref(pod.object), (("went-to", node_name),)),), SUCCESS

    def bind(self, state: Any, pod: Any, node_name: str, before: Any) -> tuple[Bind, Status]:
        self.asked.append(("Bind", pod.name, node_name, len(before)))
        return Bind(effects.ref(pod.object), node_name, self.name, before), SUCCESS

    def post_bind(self, state: Any, pod: Any, node_name: str) -> None:
        self.asked.append(("PostBind", pod.name, node_name))

    def post_filter(self, state: Any, pod: Any, rejected: Any) -> tuple[None, Status]:
        rows = rejected.rows_with_code(Code.UNSCHEDULABLE)
        self.asked.append(("PostFilter", pod.name, list(rows)))
        return None, statuses.unschedulable("no way out")


# Of each point the user's plugin is the only one, and nothing stands behind its messages.
ALONE = ("PrioritySort", "DefaultBinder", "DefaultPreemption")


def witnessed(*objects: Any) -> Rehearsal:
    rehearsal = Rehearsal(Witness, without=ALONE)
    rehearsal.add(*objects)
    rehearsal.run()
    return rehearsal


def asked(rehearsal: Rehearsal) -> list[tuple[Any, ...]]:
    """In cycles; the queue asks besides."""
    told = rehearsal.plugins["Witness"].asked
    return [each for each in told if each[0] not in ("PreEnqueue", "QueueSort", "sign")]


def rehearse(*plugins: Any, pod: Any = POD) -> Rehearsal:
    rehearsal = Rehearsal(*plugins, without=("DefaultPreemption",))
    rehearsal.add(N1, N2, pod)
    rehearsal.run()
    return rehearsal


def last_condition(rehearsal: Rehearsal) -> SetCondition:
    return [each for each in rehearsal.effects if isinstance(each, SetCondition)][-1]


def test_a_pod_that_is_placed_passes_every_point_in_order() -> None:
    rehearsal = witnessed(N1, N2, POD)
    told = rehearsal.plugins["Witness"].asked
    assert sorted(told[:2]) == [("PreEnqueue", "a"), ("sign", "a")]
    assert asked(rehearsal) == [
        ("PreFilter", "a", 2),
        ("Filter", "a", "n1"),
        ("Filter", "a", "n2"),
        ("PreScore", "a", ["n1", "n2"]),
        ("Score", "a", "n1"),
        ("Score", "a", "n2"),
        ("NormalizeScore", "a", [7, 7]),
        ("Reserve", "a", "n1"),
        ("Permit", "a", "n1"),
        ("PreBind", "a", "n1"),
        ("Bind", "a", "n1", 1),
        ("PostBind", "a", "n1"),
    ]
    assert rehearsal.pod("a").metadata.annotations == {"went-to": "n1"}


def test_a_pod_that_fits_nowhere_passes_post_filter() -> None:
    rehearsal = witnessed(N1, make_pod("b").req(cpu="2").node("n1"), POD.req(cpu="2"))
    assert asked(rehearsal)[-1] == ("PostFilter", "a", [0])
    assert rehearsal.message_of("a") == "0/1 nodes are available: 1 Insufficient cpu. no way out"


def test_a_single_feasible_node_is_not_scored() -> None:
    assert "Score" not in {point for point, *_ in asked(witnessed(N1, POD))}


def test_queue_sort_decides_who_goes_first() -> None:
    rehearsal = witnessed(POD, make_pod("b").req(cpu="1"), N1)
    assert ("QueueSort", "a", "b") in rehearsal.plugins["Witness"].asked
    assert [each[1] for each in asked(rehearsal) if each[0] == "Reserve"] == ["b", "a"]


def test_a_binding_that_fails_unreserves_and_is_tried_again() -> None:
    rehearsal = Rehearsal(Witness, without=ALONE)
    rehearsal.fail_next_bind("conflict")
    rehearsal.add(N1, POD)
    rehearsal.run()
    assert asked(rehearsal)[-2:] == [("Bind", "a", "n1", 1), ("Unreserve", "a", "n1")]
    assert rehearsal.message_of("a") == "conflict"
    rehearsal.advance(3)
    assert asked(rehearsal)[-1] == ("PostBind", "a", "n1")


def test_a_plugin_gets_its_arguments_and_the_handle() -> None:
    rehearsal = Rehearsal(Enabled(Witness, arguments={"rack": "r"}), without=ALONE)
    rehearsal.add(N1, N2)
    made = rehearsal.plugins["Witness"]
    assert made.arguments == {"rack": "r"}
    assert [node.name for node in made.handle.snapshot.nodes()] == ["n1", "n2"]


class TestPreEnqueue:
    @pytest.mark.parametrize("answer", [NO, NEVER, BROKEN, Status(Code.PENDING)])
    def test_anything_but_success_keeps_a_pod_out_without_a_word(self, answer: Status) -> None:
        rehearsal = rehearse(plugin(pre_enqueue=answering(answer)))
        assert rehearsal.effects == []
        assert rehearsal.scheduler.statistics()[Room.UNSCHEDULABLE] == 1

    def test_a_gated_pod_is_asked_about_again_when_it_changes(self) -> None:
        def is_ready(pod: Any) -> Status:
            return SUCCESS if pod.labels else NO

        rehearsal = rehearse(plugin(pre_enqueue=is_ready))
        rehearsal.add(POD.labels(ready="yes"))
        rehearsal.run()
        assert rehearsal.node_of("a") == "n1"


class TestPreFilter:
    def test_skip_leaves_out_the_filter_of_that_plugin_only(self) -> None:
        log: list[str] = []
        rehearse(
            plugin("A", pre_filter=answering((None, SKIP)), filter=noting(log, "A", SUCCESS)),
            plugin("B", filter=noting(log, "B", SUCCESS)),
        )
        assert log == ["B", "B"]

    def test_unschedulable_lets_the_others_run_and_then_rejects(self) -> None:
        log: list[str] = []
        rehearsal = rehearse(
            plugin("A", pre_filter=noting(log, "A", (None, NO))),
            plugin(
                "B",
                pre_filter=noting(log, "B", (None, SUCCESS)),
                filter=noting(log, "filter", SUCCESS),
                post_filter=noting(log, "post", (None, statuses.unschedulable("B cannot help"))),
            ),
        )
        assert log == ["A", "B", "post"]
        assert rehearsal.message_of("a") == "0/2 nodes are available: no. B cannot help"

    def test_unresolvable_ends_the_round(self) -> None:
        log: list[str] = []
        rehearsal = rehearse(
            plugin("A", pre_filter=answering((None, NEVER))),
            plugin("B", pre_filter=noting(log, "B", (None, SUCCESS))),
        )
        assert log == []
        assert rehearsal.message_of("a") == "0/2 nodes are available: never."

    def test_an_error_ends_the_cycle(self) -> None:
        rehearsal = rehearse(plugin(pre_filter=answering((None, BROKEN))))
        assert rehearsal.message_of("a") == 'running PreFilter plugin "Mine": broken'
        assert last_condition(rehearsal).reason is UnscheduledReason.SCHEDULER_ERROR

    def test_only_nodes_that_every_result_names_are_filtered(self) -> None:
        log: list[str] = []

        def judge(state: Any, pod: Any, node: Any) -> Status:
            log.append(node.name)
            return SUCCESS

        named = [PreFilterResult(frozenset(names)) for names in (("n1", "n2"), ("n2", "n3"))]
        rehearsal = rehearse(
            plugin("A", pre_filter=answering((named[0], SUCCESS)), filter=judge),
            plugin("B", pre_filter=answering((named[1], SUCCESS))),
        )
        assert log == ["n2"]
        assert rehearsal.node_of("a") == "n2"

    def test_results_without_a_common_node_reject(self) -> None:
        named = [PreFilterResult(frozenset({name})) for name in ("n1", "n2")]
        rehearsal = rehearse(
            plugin("A", pre_filter=answering((named[0], SUCCESS))),
            plugin("B", pre_filter=answering((named[1], SUCCESS))),
        )
        assert rehearsal.message_of("a") == (
            "0/2 nodes are available: node(s) didn't satisfy plugin(s) [A B] simultaneously."
        )


class TestFilter:
    def test_the_first_rejection_of_a_node_counts(self) -> None:
        log: list[str] = []

        def judge(state: Any, pod: Any, node: Any) -> Status:
            log.append(node.name)
            return NEVER

        rehearsal = rehearse(
            plugin("A", filter=lambda state, pod, node: NO if node.name == "n1" else SUCCESS),
            plugin("B", filter=judge),
        )
        assert log == ["n2"]
        assert rehearsal.message_of("a") == "0/2 nodes are available: 1 never, 1 no."

    def test_pending_rejects(self) -> None:
        rehearsal = rehearse(plugin(filter=answering(Status(Code.PENDING, ("not yet",)))))
        assert rehearsal.message_of("a") == "0/2 nodes are available: 2 not yet."

    def test_an_error_about_one_node_ends_the_cycle(self) -> None:
        rehearsal = rehearse(
            plugin(filter=lambda state, pod, node: BROKEN if node.name == "n2" else SUCCESS)
        )
        assert rehearsal.message_of("a") == 'running "Mine" filter plugin: broken'

    def test_the_vectorised_form_judges_all_rows_in_one_call(self) -> None:
        sizes: list[int] = []

        def judge(state: Any, pod: Any, nodes: Any) -> Any:
            sizes.append(nodes.size)
            return np.where(nodes.allocatable[0] >= 8000, 0, 3)

        reasons = {3: statuses.unschedulable("too small")}
        mine = plugin(
            filter_rows=judge,
            filter_status=lambda state, pod, code: reasons[code],
            filter_reads=Reads.NODE,
        )
        rehearsal = rehearse(mine)
        assert rehearsal.message_of("a") == "0/2 nodes are available: 2 too small."
        rehearsal.add(make_node("n3").capacity(cpu="8"))
        rehearsal.advance(5)
        assert rehearsal.node_of("a") == "n3"
        assert sizes[0] == 2


class TestPostFilter:
    @pytest.mark.parametrize(
        ("first", "expected"),
        [
            (NO, ["A", "B"]),
            (Status(Code.PENDING), ["A", "B"]),
            (SUCCESS, ["A"]),
            (NEVER, ["A"]),
            (BROKEN, ["A"]),
        ],
    )
    def test_the_next_one_is_asked_unless_a_way_was_found_or_ruled_out(
        self, first: Status, expected: list[str]
    ) -> None:
        log: list[str] = []
        rehearse(
            plugin("A", post_filter=noting(log, "A", (None, first))),
            plugin("B", post_filter=noting(log, "B", (None, NO))),
            pod=BIG_POD,
        )
        assert log == expected

    def test_reasons_of_all_stand_behind_those_of_the_nodes(self) -> None:
        rehearsal = rehearse(
            plugin("A", post_filter=answering((None, statuses.unschedulable("A cannot")))),
            plugin("B", post_filter=answering((None, statuses.unschedulable("B cannot")))),
            pod=BIG_POD,
        )
        assert rehearsal.message_of("a").endswith("2 Insufficient cpu. A cannot, B cannot")

    def test_what_it_wants_is_done_and_its_nomination_written(self) -> None:
        victim = make_pod("victim").req(cpu="3")
        eviction = Evict(PodRef("default", "victim", "victim"), "Preempted", "make room")
        rehearsal = Rehearsal(
            plugin(post_filter=answering((PostFilterResult("n1", (eviction,)), SUCCESS))),
            without=("DefaultPreemption",),
        )
        rehearsal.add(N1, victim.node("n1"), make_pod("a").req(cpu="3"))
        rehearsal.run()
        assert eviction in rehearsal.effects
        assert last_condition(rehearsal).nominated_node_name == "n1"


class TestScore:
    @pytest.mark.parametrize("scores", [{"n1": 1, "n2": 2}, {"n1": 2, "n2": 1}])
    def test_the_highest_total_wins(self, scores: dict[str, int]) -> None:
        rehearsal = rehearse(plugin(score=lambda state, pod, node: (scores[node.name], SUCCESS)))
        assert rehearsal.node_of("a") == max(scores, key=scores.__getitem__)

    def test_weights_multiply(self) -> None:
        def prefer(name: str) -> Any:
            return lambda state, pod, node: (10 if node.name == name else 0, SUCCESS)

        rehearsal = rehearse(
            plugin("A", score=prefer("n1")), Enabled(plugin("B", score=prefer("n2")), weight=2)
        )
        assert rehearsal.node_of("a") == "n2"

    def test_pre_score_skip_leaves_out_the_score_of_that_plugin_only(self) -> None:
        log: list[str] = []
        rehearse(
            plugin("A", pre_score=answering(SKIP), score=noting(log, "A", (0, SUCCESS))),
            plugin("B", score=noting(log, "B", (0, SUCCESS))),
        )
        assert log == ["B", "B"]

    @pytest.mark.parametrize("answer", [NO, NEVER, BROKEN])
    def test_pre_score_may_not_reject(self, answer: Status) -> None:
        rehearsal = rehearse(plugin(pre_score=answering(answer)))
        assert rehearsal.message_of("a") == f'running PreScore plugin "Mine": {answer.message}'

    def test_a_score_may_not_reject(self) -> None:
        rehearsal = rehearse(plugin(score=answering((0, NO))))
        assert rehearsal.message_of("a") == 'running Score plugin "Mine": no'

    def test_normalising_turns_raw_scores_around(self) -> None:
        rehearsal = rehearse(
            plugin(
                score=lambda state, pod, node: (1000 if node.name == "n1" else 10, SUCCESS),
                normalize_scores=lambda state, pod, scores: 100 - scores // 10,
            )
        )
        assert rehearsal.node_of("a") == "n2"


class TestState:
    def test_later_points_read_what_earlier_ones_wrote(self) -> None:
        class Count:
            def __init__(self, value: int) -> None:
                self.value = value

            def clone(self) -> "Count":
                return Count(self.value)

        seen: list[int] = []

        def add(state: Any) -> None:
            count = state.read("Mine", Count)
            count.value += 1
            seen.append(count.value)

        def pre_filter(state: Any, *_: object) -> Any:
            state.write("Mine", Count(0))
            return None, SUCCESS

        rehearse(
            plugin(
                pre_filter=pre_filter,
                filter=lambda state, *_: add(state) or SUCCESS,
                reserve=lambda state, *_: add(state) or SUCCESS,
                unreserve=answering(None),
                post_bind=lambda state, *_: add(state),
            )
        )
        assert seen == [1, 2, 3, 4]


class TestSign:
    def test_pods_signed_alike_share_what_nodes_answered(self) -> None:
        log: list[str] = []

        def judge(state: Any, pod: Any, nodes: Any) -> Any:
            log.append(f"{pod.name}: {nodes.size}")
            return np.zeros(nodes.size, np.int64)

        mine = plugin(
            filter_rows=judge,
            filter_status=answering(NO),
            filter_reads=Reads.PODS,
            sign=lambda pod: pod.labels.get("app"),
        )
        rehearsal = Rehearsal(mine)
        rehearsal.add(N1, N2, *(make_pod(name).req(cpu="1").labels(app="web") for name in "ab"))
        rehearsal.run()
        assert log == ["a: 2", "a: 1"], "the second pod: only the row on which the first was placed"

    def test_a_plugin_that_does_not_sign_is_asked_anew_for_each_pod(self) -> None:
        log: list[str] = []
        rehearsal = rehearse(
            plugin(filter=lambda state, pod, node: log.append(pod.name) or SUCCESS)
        )
        rehearsal.add(make_pod("b").req(cpu="1"))
        rehearsal.run()
        assert log == ["a", "a", "b", "b"]
