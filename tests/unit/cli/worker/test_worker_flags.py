"""The Worker that the flags of `shoal worker run` describe."""

import pytest

from shoal.cli.output import CliError
from shoal.cli.worker.run_flags import WorkerFlags


def spec(**flags):
    return WorkerFlags(name="sync", image="busybox", **flags).manifest()["spec"]


def test_without_flags_it_is_a_batch_with_the_defaults_of_the_kind():
    assert WorkerFlags(name="sync", image="busybox").manifest() == {
        "apiVersion": "shoal.io/v1alpha1",
        "kind": "Worker",
        "metadata": {"name": "sync"},
        "spec": {"mode": "Batch", "image": "busybox"},
    }


def test_every_flag_is_put_where_it_belongs():
    assert spec(
        mode="batch",
        command=["sh", "-c", "copy"],
        env=["A=1=2"],
        requests="cpu=1",
        limits="memory=1Gi",
        is_resumable=True,
        is_idempotent=True,
        parallelism=0,
        retries=0,
        cron="0 2 * * *",
        time_zone="Europe/Berlin",
    ) == {
        "mode": "Batch",
        "image": "busybox",
        "command": ["sh", "-c", "copy"],
        "env": [{"name": "A", "value": "1=2"}],
        "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}},
        "resumable": True,
        "idempotent": True,
        "parallelism": 0,
        "retries": 0,
        "schedule": {"cron": "0 2 * * *", "timeZone": "Europe/Berlin"},
    }


def test_a_queue_is_told_its_pattern_in_any_spelling():
    assert spec(
        mode="QUEUE", pattern="item-per-pod", items=["a", "b"], queue="days", url_secret="db/url"
    ) == {
        "mode": "Queue",
        "image": "busybox",
        "queue": {
            "pattern": "ItemPerPod",
            "name": "days",
            "items": ["a", "b"],
            "urlFrom": {"secretKeyRef": {"name": "db", "key": "url"}},
        },
    }
    assert spec(mode="queue")["queue"] == {}


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"mode": "steam"}, '--mode takes Stream, Batch or Queue, not "steam"'),
        (
            {"mode": "queue", "pattern": "x"},
            '--pattern takes Drain, ItemPerPod or JobPerItem, not "x"',
        ),
        ({"pattern": "drain"}, "are for --mode queue"),
        ({"items": ["a"]}, "are for --mode queue"),
        ({"time_zone": "Europe/Berlin"}, "give both"),
        ({"cron": ""}, "--schedule is empty; fill it in, or leave it out"),
        ({"cron": "0 2 * * *", "time_zone": " "}, "--time-zone is empty"),
        ({"env": ["A"]}, '--env takes KEY=VALUE, not "A"'),
        (
            {"mode": "queue", "url_secret": "db"},
            '--url-secret takes SECRET/KEY, not "db"',
        ),
        ({"requests": "cpu"}, "--requests"),
    ],
)
def test_flags_that_cannot_be_read_are_refused(flags, sentence):
    with pytest.raises(CliError, match=sentence):
        spec(**flags)
