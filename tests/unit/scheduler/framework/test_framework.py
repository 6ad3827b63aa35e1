"""Plugins at every extension point, run by the framework's rules."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from shoal.scheduler.cycle.evaluation import Evaluation
from shoal.scheduler.framework import filtering, placing, scoring
from shoal.scheduler.framework import status as statuses
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.extension_points import ExtensionPoints, ProfileError, sort_out
from shoal.scheduler.framework.plugin import (
    Normalization,
    Plugin,
    PostFilterResult,
    PreFilterResult,
    WeightedPlugin,
)
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import SKIP, SUCCESS, Code, Status
from shoal.scheduler.framework.waiting_pods import WaitingPod, WaitingPods
from shoal.scheduler.plugins.default_binder import DefaultBinder
from shoal.scheduler.plugins.priority_sort import PrioritySort
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import NodeInfo
from shoal.testing.builders import make_node, make_pod

NOW = datetime(2026, 1, 1, tzinfo=UTC)
POD = pod_info.of(make_pod("a").obj())


def make_cache(count: int = 3) -> Cache:
    cache = Cache()
    for number in range(count):
        cache.set_node(make_node(f"n{number}").capacity(cpu="4", memory="8Gi").obj())
    return cache


def plugin(name: str, **methods: Callable[..., Any]) -> Plugin:
    """An object with these methods."""
    body: dict[str, Any] = {key: staticmethod(value) for key, value in methods.items()}
    made: Plugin = type(name, (), {"name": name, **body})()
    return made


def points(*plugins: Plugin, weight: int = 1) -> ExtensionPoints:
    handle = Handle(Cache().snapshot, WaitingPods())
    always = [PrioritySort({}, handle), DefaultBinder({}, handle)]
    return sort_out("test", [WeightedPlugin(each, weight) for each in (*always, *plugins)])


def evaluate(*plugins: Plugin, cache: Cache | None = None, weight: int = 1) -> Evaluation:
    return Evaluation(points(*plugins, weight=weight), POD, (cache or make_cache()).snapshot)


def rejects(names: set[str], status: Status) -> Callable[..., Status]:
    def judge(state: CycleState, pod: PodInfo, node: NodeInfo) -> Status:
        return status if node.name in names else SUCCESS

    return judge


class TestPreFilter:
    def run(self, *answers: tuple[PreFilterResult | None, Status]) -> filtering.PreFilterOutcome:
        self.state = CycleState()
        plugins = [
            plugin(f"P{number}", pre_filter=lambda *_, answer=answer: answer)
            for number, answer in enumerate(answers)
        ]
        return filtering.run_pre_filters(points(*plugins), self.state, POD, make_cache().snapshot)

    def test_results_are_intersected(self) -> None:
        outcome = self.run(
            (PreFilterResult(frozenset({"n0", "n1"})), SUCCESS),
            (None, SUCCESS),
            (PreFilterResult(frozenset({"n1", "n2"})), SUCCESS),
        )
        assert outcome.node_names == {"n1"}
        assert outcome.exclusion_reason == "node(s) didn't satisfy plugin(s) [P0 P2]"

    def test_no_node_left_rejects(self) -> None:
        outcome = self.run(
            (PreFilterResult(frozenset({"n0"})), SUCCESS),
            (PreFilterResult(frozenset({"n1"})), SUCCESS),
        )
        assert outcome.status.code is Code.UNSCHEDULABLE_AND_UNRESOLVABLE
        assert outcome.status.message == ("node(s) didn't satisfy plugin(s) [P0 P1] simultaneously")
        alone = self.run((PreFilterResult(frozenset()), SUCCESS))
        assert alone.status.message == "node(s) didn't satisfy plugin P0"

    def test_skip_is_remembered(self) -> None:
        self.run((None, SKIP), (None, SUCCESS))
        assert self.state.skip_filter == {"P0"}

    def test_unschedulable_lets_the_others_run(self) -> None:
        outcome = self.run((None, statuses.unschedulable("no")), (None, SKIP))
        assert (outcome.status.plugin, outcome.status.message) == ("P0", "no")

    def test_unresolvable_stops(self) -> None:
        outcome = self.run((None, statuses.unresolvable("no")), (None, statuses.error("unseen")))
        assert outcome.status.plugin == "P0"

    def test_anything_else_is_an_error(self) -> None:
        outcome = self.run((None, Status(Code.PENDING, ("later",))))
        assert outcome.status == statuses.error('running PreFilter plugin "P0": later', "P0")


class TestFilter:
    def test_the_first_filter_that_rejects_gives_the_reason(self) -> None:
        evaluation = evaluate(
            plugin("One", filter=rejects({"n0"}, statuses.unresolvable("one"))),
            plugin("Two", filter=rejects({"n0", "n1"}, statuses.unschedulable("two"))),
        )
        assert evaluation.choose() == 2
        assert evaluation.get(0) == statuses.unresolvable("one").by("One")
        assert evaluation.get(1) == statuses.unschedulable("two").by("Two")
        assert evaluation.get(2) == SUCCESS
        assert evaluation.rows_with_code(Code.UNSCHEDULABLE) == [1]

    def test_a_filter_is_not_asked_about_nodes_that_are_rejected_already(self) -> None:
        asked: list[str] = []

        def judge(state: CycleState, pod: PodInfo, node: NodeInfo) -> Status:
            asked.append(node.name)
            return SUCCESS

        evaluate(
            plugin("One", filter=rejects({"n0", "n2"}, statuses.unschedulable("one"))),
            plugin("Two", filter=judge),
        ).choose()
        assert asked == ["n1"]

    def test_a_skipped_filter_is_not_run(self) -> None:
        evaluation = evaluate(
            plugin(
                "One",
                pre_filter=lambda *_: (None, SKIP),
                filter=rejects({"n0"}, statuses.unschedulable("one")),
            )
        )
        assert evaluation.choose() == 0

    def test_nodes_that_pre_filter_leaves_out_say_so(self) -> None:
        only = PreFilterResult(frozenset({"n1", "gone"}))
        evaluation = evaluate(
            plugin("One", pre_filter=lambda *_: (only, SUCCESS)),
            plugin("Two", filter=rejects({"n1"}, statuses.unschedulable("two"))),
        )
        choice = evaluation.choose()
        assert isinstance(choice, Status)
        assert choice.is_rejected
        diagnosis = evaluation.diagnose()
        assert diagnosis.message == (
            "0/3 nodes are available: 1 two, 2 node(s) didn't satisfy plugin(s) [One]."
        )
        assert diagnosis.unschedulable_plugins == {"One", "Two"}

    def test_a_filter_that_raises_costs_the_cycle_and_nothing_else(self) -> None:
        def judge(*_: object) -> Status:
            raise ZeroDivisionError("by zero")

        choice = evaluate(plugin("One", filter=judge)).choose()
        assert choice == statuses.error('running "One" filter plugin: by zero', "One")

    def test_a_filter_that_answers_error_fails_the_cycle(self) -> None:
        choice = evaluate(plugin("One", filter=rejects({"n1"}, statuses.error("boom")))).choose()
        assert choice == statuses.error('running "One" filter plugin: boom', "One")

    def test_pending_rejections_are_told_apart(self) -> None:
        pending = Status(Code.PENDING, ("waits",))
        evaluation = evaluate(plugin("One", filter=rejects({"n0", "n1", "n2"}, pending)))
        evaluation.choose()
        assert evaluation.diagnose().pending_plugins == {"One"}
        assert evaluation.diagnose().message == "0/3 nodes are available: 3 waits."


class TestPostFilter:
    def run(self, *answers: tuple[PostFilterResult | None, Status]) -> tuple[Any, Status]:
        plugins = [
            plugin(f"P{number}", post_filter=lambda *_, answer=answer: answer)
            for number, answer in enumerate(answers)
        ]
        return filtering.run_post_filters(points(*plugins), CycleState(), POD, evaluate())

    def test_the_first_success_ends_the_round(self) -> None:
        found = PostFilterResult("n1")
        assert self.run(
            (None, statuses.unschedulable("no")), (found, SUCCESS), (None, statuses.error("x"))
        ) == (found, SUCCESS.by("P1"))

    def test_rejections_add_their_reasons(self) -> None:
        clear = PostFilterResult("")
        result, status = self.run(
            (None, statuses.unschedulable("one")), (clear, statuses.unschedulable("two"))
        )
        assert result is clear
        assert status.message == "one, two"


def scores(**by_node: int) -> Callable[..., tuple[int, Status]]:
    return lambda state, pod, node: (by_node[node.name], SUCCESS)


class TestScore:
    def test_the_highest_sum_of_weighted_scores_wins(self) -> None:
        one = plugin("One", score=scores(n0=10, n1=50, n2=20))
        two = plugin("Two", score=scores(n0=60, n1=10, n2=10))
        assert evaluate(one, two).choose() == 0

    def test_a_single_feasible_node_is_chosen_unscored(self) -> None:
        def never(*_: object) -> tuple[int, Status]:
            raise AssertionError

        evaluation = evaluate(plugin("One", score=never), cache=make_cache(1))
        assert evaluation.choose() == 0

    def test_skip_at_pre_score_leaves_the_plugin_out(self) -> None:
        loud = plugin(
            "Loud", pre_score=lambda *_: SKIP, score=lambda *_: (_ for _ in ()).throw(ValueError)
        )
        assert evaluate(loud).choose() == 0

    def test_pre_score_sees_the_feasible_rows(self) -> None:
        seen: list[list[int]] = []

        def pre_score(state: CycleState, pod: PodInfo, nodes: NodeRows) -> Status:
            seen.append(nodes.numbers.tolist())
            return SUCCESS

        evaluate(
            plugin("No", filter=rejects({"n1"}, statuses.unschedulable("no"))),
            plugin("Pre", pre_score=pre_score),
        ).choose()
        assert seen == [[0, 2]]

    @pytest.mark.parametrize("score", [-1, 101])
    def test_scores_out_of_range_fail_the_cycle(self, score: int) -> None:
        choice = evaluate(plugin("One", score=scores(n0=0, n1=score, n2=0))).choose()
        assert choice == statuses.error(
            f'plugin "One" returns an invalid score {score}, it should in the range of '
            "[0, 100] after normalizing",
            "One",
        )

    def test_a_plugin_may_normalise_by_itself(self) -> None:
        evaluation = evaluate(
            plugin(
                "One",
                score=scores(n0=-700, n1=300, n2=0),
                normalize_scores=lambda state, pod, raw: (raw - raw.min()) // 10,
            )
        )
        assert evaluation.choose() == 1
        assert [evaluation.scores().total(row) for row in range(3)] == [0, 100, 70]

    def test_a_score_that_fails_names_its_plugin(self) -> None:
        failing = plugin("One", score=lambda *_: (0, statuses.error("boom")))
        assert evaluate(failing).choose() == statuses.error(
            'running Score plugin "One": boom', "One"
        )


@pytest.mark.parametrize(
    ("rule", "raw", "normalised"),
    [
        (Normalization.NONE, [7, 3], [7, 3]),
        (Normalization.HIGHEST, [3, 1, 0], [100, 33, 0]),
        (Normalization.HIGHEST, [0, 0], [0, 0]),
        (Normalization.REVERSED, [3, 1, 0], [0, 67, 100]),
        (Normalization.REVERSED, [0, 0], [100, 100]),
    ],
)
def test_normalisation_by_rule(rule: Normalization, raw: list[int], normalised: list[int]) -> None:
    column = np.array(raw, np.int64)
    assert scoring.normalized_by_rule(rule, column, max(raw)).tolist() == normalised


class TestPlacing:
    def test_unreserve_runs_all_in_reverse(self) -> None:
        calls: list[str] = []
        plugins = [
            plugin(
                name,
                reserve=lambda *_, answer=answer: answer,
                unreserve=lambda *_, name=name: calls.append(name),
            )
            for name, answer in (("A", SUCCESS), ("B", statuses.unschedulable("no")), ("C", SKIP))
        ]
        made = points(*plugins)
        assert placing.run_reserves(made, CycleState(), POD, "n0").plugin == "B"
        placing.run_unreserves(made, CycleState(), POD, "n0")
        assert calls == ["C", "B", "A"]

    def test_permit_collects_who_waits_and_for_how_long(self) -> None:
        wait = Status(Code.WAIT)
        made = points(
            plugin("A", permit=lambda *_: (wait, 10.0)),
            plugin("B", permit=lambda *_: (SUCCESS, 0.0)),
            plugin("C", permit=lambda *_: (wait, 1e9)),
        )
        permission = placing.run_permits(made, CycleState(), POD, "n0")
        assert permission.status.code is Code.WAIT
        assert permission.timeouts_s == {"A": 10.0, "C": 900.0}

    def test_a_bind_plugin_that_skips_passes_the_pod_on(self) -> None:
        made = sort_out(
            "test",
            [
                WeightedPlugin(each)
                for each in (
                    PrioritySort({}, Handle(Cache().snapshot, WaitingPods())),
                    plugin("Not", bind=lambda *_: (None, SKIP)),
                    plugin("Broken", bind=lambda *_: (None, statuses.error("boom"))),
                )
            ],
        )
        assert placing.run_binds(made, CycleState(), POD, "n0") == statuses.error(
            'running Bind plugin "Broken": boom', "Broken"
        )


class TestWaitingPod:
    def test_the_last_permission_lets_it_go(self) -> None:
        waiting = WaitingPod(POD, "n0", {"A": 5.0, "B": 5.0}, NOW)
        waiting.allow("A")
        assert waiting.verdict(NOW) is None
        waiting.allow("B")
        assert waiting.verdict(NOW) == SUCCESS

    def test_time_runs_out(self) -> None:
        waiting = WaitingPod(POD, "n0", {"A": 5.0}, NOW)
        verdict = waiting.verdict(waiting.deadline)
        assert verdict == statuses.unschedulable(
            "rejected due to timeout after waiting 5s at plugin A"
        ).by("A")

    @pytest.mark.parametrize(
        ("timeout_s", "text"),
        [
            (0.0, "0s"),
            (0.02, "20ms"),
            (0.0015, "1.5ms"),
            (1.5, "1.5s"),
            (60.0, "1m0s"),
            (90.25, "1m30.25s"),
            (3600.0, "1h0m0s"),
        ],
    )
    def test_its_time_is_written_as_go_writes_it(self, timeout_s: float, text: str) -> None:
        waiting = WaitingPod(POD, "n0", {"A": timeout_s}, NOW)
        verdict = waiting.verdict(waiting.deadline)
        assert verdict is not None
        assert verdict.reasons == (f"rejected due to timeout after waiting {text} at plugin A",)


class TestProfiles:
    def test_a_plugin_stands_once(self) -> None:
        twice = plugin("Twice", filter=rejects(set(), SUCCESS))
        with pytest.raises(
            ProfileError, match='plugin "Twice" already registered as "FilterPlugin"'
        ):
            points(twice, twice)

    def test_a_profile_needs_a_bind_plugin(self) -> None:
        with pytest.raises(ProfileError, match=r'at least one bind plugin is needed .* "test"'):
            sort_out("test", [])

    def test_only_plugins_that_sign_share(self) -> None:
        silent = plugin("Silent", filter=rejects(set(), SUCCESS))
        signing = plugin("Signing", filter=rejects(set(), SUCCESS), sign=lambda pod: pod.name)
        twin = pod_info.of(make_pod("a").uid("twin").obj())
        assert points(silent).signer.sign(POD).whole is None
        shared = points(signing).signer
        assert shared.sign(POD).whole == shared.sign(twin).whole is not None
        assert points(signing, silent).signer.sign(POD).whole is None


def test_a_cloned_state_is_its_own() -> None:
    class Count:
        def __init__(self, value: int) -> None:
            self.value = value

        def clone(self) -> "Count":
            return Count(self.value)

    state = CycleState()
    state.write("count", Count(1))
    copy = state.clone()
    copy.read("count", Count).value = 2
    assert state.read("count", Count).value == 1
    state.delete("count")
    with pytest.raises(LookupError, match="cycle state has no 'count'"):
        state.read("count", Count)


def test_codes_are_spelled_as_in_the_framework() -> None:
    assert Code.UNSCHEDULABLE_AND_UNRESOLVABLE.label == "UnschedulableAndUnresolvable"
    assert Code.SUCCESS.label == "Success"
