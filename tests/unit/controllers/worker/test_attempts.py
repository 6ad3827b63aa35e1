"""Which start of a container an end belongs to."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.pod import Pod
from shoal.controllers.worker.attempts import POD_DELETED, attempts, attempts_in

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUNS = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
WAITS = {"waiting": {"reason": "CrashLoopBackOff"}}
FAILED = {"terminated": {"exitCode": 1, "reason": "Error"}}
KILLED = {"terminated": {"exitCode": 137, "reason": "Error"}}


def pod(restarts: int, state: dict[str, Any], last: dict[str, Any] | None = None) -> Pod:
    container = {"name": "c", "restartCount": restarts, "state": state, "lastState": last or {}}
    body = {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"phase": "Running", "containerStatuses": [container]},
    }
    return msgspec.convert(body, Pod)


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (pod(0, RUNS), [(0, None)]),
        (pod(0, WAITS), []),
        (pod(0, WAITS, KILLED), [(0, 137)]),
        (pod(1, RUNS, KILLED), [(0, 137), (1, None)]),
        (pod(1, FAILED, KILLED), [(0, 137), (1, 1)]),
        (pod(1, WAITS, FAILED), [(1, 1)]),
    ],
)
def test_a_last_end_is_of_the_start_before_unless_nothing_has_come_after_it(
    seen: Pod, told: list[tuple[int, int | None]]
):
    assert [(each.restart, each.exit_code) for each in attempts_in(seen)] == told


def test_an_end_that_was_seen_is_kept_when_the_pod_shows_later_ones_only():
    known = attempts([], [pod(1, RUNS, KILLED)], NOW)
    known = attempts(known, [pod(1, WAITS, FAILED)], NOW)
    known = attempts(known, [pod(2, RUNS, FAILED)], NOW)
    assert [(each.restart, each.exit_code) for each in known] == [(0, 137), (1, 1), (2, None)]


def test_an_attempt_whose_pod_is_gone_ended_with_it():
    (only,) = attempts(attempts([], [pod(0, RUNS)], NOW), [], NOW)
    assert (only.outcome, only.finished_at) == (POD_DELETED, NOW)


_ENDS = [
    {"terminated": {"exitCode": 0, "startedAt": f"2026-01-01T00:00:0{second}Z"}}
    for second in (0, 1)
]


def many(states: list[dict[str, Any]]) -> list[Pod]:
    """A pod for each state."""
    return [
        msgspec.structs.replace(
            each, metadata=msgspec.structs.replace(each.metadata, name=f"p-{number}")
        )
        for number, each in enumerate(pod(0, state) for state in states)
    ]


@given(st.lists(st.sampled_from(_ENDS), max_size=30).map(many), st.randoms(use_true_random=False))
def test_what_has_been_told_of_attempts_is_told_again_whatever_their_order(
    pods: list[Pod], rng: Any
):
    told = attempts([], pods, NOW)
    rng.shuffle(pods)
    assert attempts(told, pods, NOW) == told
