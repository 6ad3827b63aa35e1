"""Which object a worker becomes: the table, row by row."""

from typing import Any

import msgspec
import pytest

from shoal.api.worker import Worker
from shoal.controllers.worker.strategy import (
    NoStrategy,
    StrategyChoice,
    alternatives,
    choose,
)

CRON = {"cron": "0 3 * * *"}


def make_worker(**spec: Any) -> Worker:
    manifest = {"metadata": {"name": "w"}, "spec": {"mode": "Batch", "image": "app", **spec}}
    return msgspec.convert(manifest, Worker)


def queue(pattern: str, *items: str) -> dict[str, Any]:
    return {"mode": "Queue", "queue": {"pattern": pattern, "items": list(items)}}


TABLE = [
    ({"mode": "Stream"}, "Deployment", "Always", "never ends"),
    ({"mode": "Stream", "resumable": True, "parallelism": 3}, "Deployment", "Always", "never ends"),
    ({"resumable": True}, "Job", "OnFailure", "resumable"),
    ({"idempotent": True}, "Job", "OnFailure", "idempotent"),
    ({}, "Pod", "Never", "must not be started again by itself"),
    (queue("ItemPerPod", "a"), "Job", "Never", "one item"),
    (queue("Drain"), "Job", "OnFailure", "until none is left"),
    (queue("JobPerItem", "a"), "Job", "OnFailure", "a Job of its own"),
    ({"schedule": CRON}, "CronJob", "Never", "each Job has one pod and no retries"),
    ({"schedule": CRON, "idempotent": True}, "CronJob", "OnFailure", "has a schedule"),
    ({"schedule": CRON, **queue("Drain")}, "CronJob", "OnFailure", "has a schedule"),
    ({"schedule": CRON, **queue("ItemPerPod", "a")}, "CronJob", "Never", "has a schedule"),
]


@pytest.mark.parametrize(("spec", "kind", "restart_policy", "reason"), TABLE)
def test_each_row_of_the_table(spec: dict[str, Any], kind: str, restart_policy: str, reason: str):
    choice = choose(make_worker(**spec))
    assert isinstance(choice, StrategyChoice)
    assert (choice.kind, choice.restart_policy) == (kind, restart_policy)
    assert reason in choice.reason


REFUSED = [
    ({"cluster": "far"}, "UnknownCluster", "leave it out"),
    ({"parallelism": 2}, "ParallelismNotAllowed", "set it to 1"),
    ({"image": "", "template": {"spec": {}}}, "NoContainers", "at least one container"),
    ({"schedule": {"cron": "what"}}, "InvalidSchedule", "five fields"),
    ({"schedule": {**CRON, "timeZone": "Nowhere/No"}}, "InvalidSchedule", "Nowhere/No"),
    ({"schedule": {"cron": "0 0 31 2 *"}}, "InvalidSchedule", "never comes"),
    (
        {"schedule": {"cron": "0 0 30 2 *", "timeZone": "Europe/Berlin"}},
        "InvalidSchedule",
        "Berlin",
    ),
    (queue("JobPerItem"), "NoItems", "list some"),
    ({"schedule": CRON, **queue("JobPerItem", "a")}, "ScheduleNotAllowed", "Drain"),
    ({"schedule": CRON, **queue("ItemPerPod")}, "NoItems", "list some"),
]


@pytest.mark.parametrize("cron", ["0 0 29 2 *", "0 0 31 2 1", "@every 1h", "@yearly"])
def test_a_schedule_that_comes_rarely_comes(cron: str):
    assert isinstance(choose(make_worker(schedule={"cron": cron})), StrategyChoice)


@pytest.mark.parametrize(("spec", "reason", "word"), REFUSED)
def test_what_no_object_can_do_has_a_sentence_that_mends_it(
    spec: dict[str, Any], reason: str, word: str
):
    refused = choose(make_worker(**spec))
    assert isinstance(refused, NoStrategy)
    assert refused.reason == reason
    assert word in refused.message


def test_the_local_cluster_may_be_named():
    assert isinstance(choose(make_worker(cluster="local")), StrategyChoice)


def test_a_queue_needs_a_source_where_the_cluster_has_none():
    drain = queue("Drain")
    refused = choose(make_worker(**drain), has_own_queue=False)
    assert isinstance(refused, NoStrategy)
    assert "urlFrom" in refused.message
    drain["queue"]["urlFrom"] = {"secretKeyRef": {"name": "s", "key": "u"}}
    assert isinstance(choose(make_worker(**drain), has_own_queue=False), StrategyChoice)


@pytest.mark.parametrize("spec", [row[0] for row in TABLE])
def test_the_alternatives_are_others_and_say_what_they_would_do(spec: dict[str, Any]):
    worker = make_worker(**spec)
    choice = choose(worker)
    assert isinstance(choice, StrategyChoice)
    others = alternatives(worker, choice)
    assert len(others) >= 2
    assert all(each.consequence for each in others)
    assert (choice.kind, choice.restart_policy) not in {
        (each.kind, each.restart_policy) for each in others if choice.kind != "Job"
    }
