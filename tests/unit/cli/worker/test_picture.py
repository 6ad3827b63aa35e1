"""The texts about a worker."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from shoal.api.worker import Worker
from shoal.cli.worker.picture import attempt_rows, is_news, list_row, page, progress_line

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def ago(**time) -> str:
    return (NOW - timedelta(**time)).isoformat()


def worker(mode="Batch", **status) -> Worker:
    return msgspec.convert(
        {
            "metadata": {"name": "sync", "namespace": "default", "creationTimestamp": ago(hours=2)},
            "spec": {"mode": mode, "image": "busybox", "retries": 6},
            "status": status,
        },
        Worker,
        strict=False,
    )


STRATEGY = {"kind": "Job", "name": "sync-1", "restartPolicy": "OnFailure", "reason": "It resumes."}


def test_a_worker_that_nobody_has_looked_at_is_pending():
    assert list_row(worker(), NOW) == (
        "sync", "Batch", "-", "Pending", "-", "0", "120m", "-", "-",
    )  # fmt: skip
    assert progress_line(worker(), NOW) == "Pending"


def test_a_list_shows_what_it_became_and_how_far_it_is():
    it = worker(phase="Running", strategy=STRATEGY, progress={"done": 3, "total": 10}, restarts=2)
    assert list_row(it, NOW) == (
        "sync", "Batch", "Job", "Running", "3/10", "2", "120m", "-", "-",
    )  # fmt: skip


def test_a_list_shows_why_something_waits_on_one_line_and_not_too_wide():
    assert list_row(worker(message="pods are refused:\n  quota"), NOW)[-1] == (
        "pods are refused: quota"
    )
    assert len(list_row(worker(message="x" * 500), NOW)[-1]) == 120


def test_the_next_start_is_told_in_a_list_and_on_the_page():
    it = worker(phase="Scheduled", nextStartAt=ago(hours=-5))
    assert list_row(it, NOW)[-2] == "in 5h"
    assert "  Next start: in 5h, at 2026-01-01 17:00:00 UTC" in page(it, NOW)
    late = worker(phase="Scheduled", nextStartAt=ago(seconds=5))
    assert list_row(late, NOW)[-2] == "now"
    assert not any("Next start" in line for line in page(worker(), NOW))


def test_what_is_done_is_told_even_where_nobody_knows_of_how_much():
    assert list_row(worker(progress={"done": 3}), NOW)[4] == "3"


def test_the_line_of_progress_tells_rate_and_time_left():
    it = worker(
        phase="Running",
        active=2,
        restarts=1,
        progress={
            "done": 30,
            "total": 100,
            "failed": 1,
            "inFlight": 4,
            "itemsPerMinute": 12.4,
            "estimatedEnd": ago(minutes=-5),
        },
    )
    assert progress_line(it, NOW) == (
        "Running, 30/100 done, 1 failed, 4 in flight, 12 a minute, about 5m left,"
        " 2 pods running, 1 restart"
    )


def test_the_page_tells_the_choice_with_its_reason_and_the_budgets():
    it = worker(
        phase="Failed",
        message="The program failed 7 times.",
        run=2,
        strategy=STRATEGY,
        applicationFailures=7,
        infrastructureFailures=1,
        startedAt=ago(minutes=30),
        finishedAt=ago(minutes=10),
        lastError={
            "category": "Application",
            "reason": "OOMKilled",
            "exitCode": 137,
            "message": "over its limit of 1Gi",
            "pod": "sync-1-x",
            "container": "worker",
            "at": ago(minutes=10),
        },
    )
    assert page(it, NOW) == [
        "Worker default/sync is Failed: The program failed 7 times.",
        "  Runs as Job sync-1, restartPolicy OnFailure: It resumes.",
        "  Run 2 took 20m, ended 10m ago",
        "  Failures of the program: 7 of 6 retries used; pods taken from it: 1 of 20",
        "  Last error: OOMKilled (exit code 137) in pod sync-1-x, container worker, 10m ago:"
        " over its limit of 1Gi",
    ]


def test_what_has_no_budget_is_told_the_number_of_its_failures_only():
    it = worker(strategy={**STRATEGY, "kind": "Pod"}, applicationFailures=1)
    assert "  Failures of the program: 1; pods taken from it: 0" in page(it, NOW)


def test_a_pod_that_was_taken_away_is_not_blamed_on_the_program():
    it = worker(lastError={"category": "Infrastructure", "reason": "Evicted"})
    assert page(it, NOW)[-1] == "  Last error: Evicted; the program is not to blame"


def test_attempts_tell_where_they_ran_for_how_long_and_how_they_ended():
    it = worker(
        attempts=[
            {
                "run": 1,
                "pod": "sync-1-a",
                "node": "n1",
                "startedAt": ago(minutes=9),
                "finishedAt": ago(minutes=6),
                "outcome": "Error",
                "exitCode": 3,
            },
            {"run": 1, "pod": "sync-1-b", "restart": 1, "startedAt": ago(minutes=5)},
            {"run": 1, "pod": "sync-1-c"},
        ]
    )
    assert attempt_rows(it.status.attempts, NOW) == [
        ("1", "sync-1-a", "0", "n1", "9m ago", "3m", "Error", "3"),
        ("1", "sync-1-b", "1", "-", "5m ago", "5m", "-", "-"),
        ("1", "sync-1-c", "0", "-", "-", "-", "-", "-"),
    ]


def status(done=0, **more):
    return worker(progress={"done": done, "total": 1000}, **{"phase": "Running", **more}).status


@pytest.mark.parametrize(
    ("now", "since_s", "expected"),
    [
        (status(active=1, done=0), 60, False),
        (status(done=9), 1.9, False),
        (status(done=10), 0, True),
        (status(done=1), 2, True),
        (status(restarts=1), 0, True),
        (status(message="1 in flight"), 0, False),
        (status(phase="Succeeded"), 0, True),
        (worker(phase="Running", progress={"done": 1}).status, 0, False),
        (worker(phase="Running", progress={"done": 1}).status, 2, True),
    ],
)
def test_only_more_items_or_another_phase_are_worth_a_line(now, since_s, expected):
    assert is_news(now, status(), since_s) == expected


def test_a_message_of_what_does_not_run_is_news():
    now = status(phase="Pending", message="b")
    assert is_news(now, status(phase="Pending", message="a"), 0)
    assert not is_news(now, now, 60)
