"""What `shoal explain worker` says: the object, the reason, the others, the failures."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from shoal.api.worker import Worker
from shoal.cli.worker_story import worker_story

NOW = datetime(2026, 1, 1, 0, 10, tzinfo=UTC)


def story(spec: dict[str, Any], **status: Any) -> str:
    manifest = {
        "metadata": {"name": "w", "namespace": "default"},
        "spec": {"mode": "Batch", "image": "app", **spec},
        "status": status,
    }
    return "\n".join(worker_story(msgspec.convert(manifest, Worker), NOW))


def test_before_anything_is_made_it_says_what_will_be_and_what_the_others_would_do():
    told = story({"mode": "Stream"})
    assert "It will be a Deployment with Always" in told
    assert "Instead, a Pod with Never would stay down after the first failure" in told


def test_a_failed_run_is_told_with_its_error_and_where_its_log_is():
    strategy = {"kind": "Pod", "name": "w-1", "restartPolicy": "Never", "reason": "so it is."}
    told = story(
        {},
        phase="Failed",
        message="pod w-1 failed",
        strategy=strategy,
        applicationFailures=1,
        lastError={"category": "Application", "reason": "OOMKilled", "exitCode": 137, "pod": "w-1",
                   "at": "2026-01-01T00:05:00Z"},
        attempts=[{"pod": "w-1"}],
        conditions=[{"type": "Failed", "status": "True", "reason": "OOMKilled"}],
    )  # fmt: skip
    assert "It is Pod w-1 with restartPolicy Never: so it is." in told
    assert "its program's own, was OOMKilled, exit code 137 in pod w-1 5m ago" in told
    assert "shoal logs w-1 -n default" in told
    assert "may fail" not in told


def test_the_budgets_of_a_job_are_told_apart():
    strategy = {"kind": "Job", "name": "w-1", "restartPolicy": "OnFailure", "reason": "so it is."}
    told = story(
        {"idempotent": True, "retries": 3},
        strategy=strategy,
        applicationFailures=2,
        infrastructureFailures=1,
    )
    assert "failed 2 times and may fail 3; its pods were taken from it 1 time" in told


def test_what_the_next_run_will_be_is_said_where_the_spec_has_changed():
    strategy = {"kind": "Job", "name": "w-1", "restartPolicy": "OnFailure", "reason": "so it is."}
    assert "The next run will be a Pod" in story({}, strategy=strategy)


def test_what_no_object_can_do_is_said_with_what_helps():
    assert "leave it out" in story({"cluster": "far"})


def test_why_no_object_can_be_chosen_is_said_once():
    why = "pattern JobPerItem makes a Job of each of spec.queue.items; list some"
    invalid = {"type": "Valid", "status": "False", "reason": "NoItems", "message": why}
    told = story(
        {"mode": "Queue", "queue": {"pattern": "JobPerItem"}},
        phase="Invalid",
        message=why,
        conditions=[invalid],
    )
    assert told.count(why) == 1
