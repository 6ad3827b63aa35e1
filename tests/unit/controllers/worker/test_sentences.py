"""Why pods are not made, in the words of whoever could not make them, and only while it is so."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from shoal.api.apps import ReplicaSet
from shoal.api.batch import Job
from shoal.api.core import Event
from shoal.api.pod import Pod
from shoal.api.worker import Worker
from shoal.controllers.worker.sentences import not_made
from shoal.controllers.worker.sight import Sight
from shoal.controllers.worker.strategy import choose

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
QUOTA = "exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2"
WORKER = msgspec.convert(
    {"metadata": {"name": "w", "uid": "w"}, "spec": {"mode": "Batch", "image": "app"}}, Worker
)


def make_job(spec: dict[str, Any] | None = None, **status: Any) -> Job:
    wanted = {"parallelism": 2, "completions": 5} if spec is None else spec
    return msgspec.convert(
        {"metadata": {"name": "w-1", "uid": "job"}, "spec": wanted, "status": status}, Job
    )


def make_pod(minute: int, phase: str = "Running") -> Pod:
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "w-1", "uid": "job",
             "controller": True}  # fmt: skip
    created = f"2026-01-01T11:{minute:02}:00Z"
    metadata = {"name": f"p-{minute}", "creationTimestamp": created, "ownerReferences": [owner]}
    return msgspec.convert({"metadata": metadata, "status": {"phase": phase}}, Pod)


def said(minute: int, message: str = f'Error creating: pods "w-1-x2z" is forbidden: {QUOTA}'):
    at = f"2026-01-01T11:{minute:02}:00Z"
    return msgspec.convert(
        {"involvedObject": {"uid": "job"}, "message": message, "lastTimestamp": at}, Event
    )


def told(job: Job, *pods: Pod, events: list[Event] | None = None) -> str:
    found = [said(30)] if events is None else events
    return not_made(
        Sight(worker=WORKER, choice=choose(WORKER), now=NOW, jobs=[job], pods=pods,
              failed_creates=found)
    )  # fmt: skip


def test_the_last_that_was_said_of_a_job_is_told_without_the_name_of_a_pod_that_is_not():
    assert told(make_job(), events=[said(10, "Error creating: no"), said(30), said(20, "b")]) == (
        f"Job w-1 cannot make pods: {QUOTA}"
    )


def test_nothing_is_told_of_a_job_of_which_nothing_was_said():
    assert told(make_job(), events=[]) == ""


def test_it_is_told_beside_pods_that_were_made_before():
    assert QUOTA in told(make_job(), make_pod(29), make_pod(20, "Succeeded"))


def test_a_pod_that_was_made_since_ends_it():
    assert told(make_job(), make_pod(31)) == ""


@pytest.mark.parametrize(
    "job",
    [
        make_job({"parallelism": 1, "completions": 5}),
        make_job({"parallelism": 2, "completions": 2}, succeeded=1),
        make_job({"parallelism": 2}, succeeded=1),
        make_job({"parallelism": 2, "completions": 2, "suspend": True}),
        make_job(conditions=[{"type": "Complete", "status": "True"}]),
    ],
)
def test_a_job_that_wants_no_more_pods_is_not_refused_any(job: Job):
    assert told(job, make_pod(10)) == ""


def test_a_replica_set_tells_by_itself():
    text = f'pods "w-5-a" is forbidden: {QUOTA}'
    condition = {"type": "ReplicaFailure", "status": "True", "message": text}
    failing = msgspec.convert(
        {"metadata": {"name": "w-5"}, "status": {"conditions": [condition]}}, ReplicaSet
    )
    sight = Sight(worker=WORKER, choice=choose(WORKER), now=NOW, replica_sets=[failing])
    assert not_made(sight) == f"ReplicaSet w-5 cannot make pods: {QUOTA}"
