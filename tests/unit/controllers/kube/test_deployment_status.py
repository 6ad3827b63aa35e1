"""What a Deployment says of its ReplicaSets' failures."""

from datetime import UTC, datetime

import msgspec
import pytest

from shoal.api.apps import Deployment, ReplicaSet
from shoal.controllers.kube import deployment_status

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
BEFORE = "2026-01-01T11:00:00Z"


def failing(name: str, message: str) -> ReplicaSet:
    condition = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": message,
        "lastTransitionTime": BEFORE,
    }
    return msgspec.convert(
        {"metadata": {"name": name}, "status": {"conditions": [condition]}}, ReplicaSet
    )


def sound(name: str) -> ReplicaSet:
    return msgspec.convert({"metadata": {"name": name}}, ReplicaSet)


def failures(deployment: Deployment, new: ReplicaSet | None, owned: list[ReplicaSet]) -> list[str]:
    wanted = deployment_status.status(deployment, new, owned, NOW)
    found = [each for each in wanted["conditions"] if each["type"] == "ReplicaFailure"]
    assert all(each["lastTransitionTime"] == BEFORE for each in found)
    return [each["message"] for each in found]


@pytest.mark.parametrize(
    ("new", "old", "told"),
    [
        (failing("b", "no room"), sound("a"), ["no room"]),
        (failing("b", "no room"), failing("a", "none before"), ["no room"]),
        (sound("b"), failing("a", "none before"), ["none before"]),
        (None, failing("a", "none before"), ["none before"]),
        (sound("b"), sound("a"), []),
    ],
)
def test_what_hinders_a_replica_set_is_told_of_the_newest_first(new, old, told):
    owned = [old] if new is None else [old, new]
    assert failures(Deployment(), new, owned) == told


def test_a_failure_that_is_told_changes_nothing_and_goes_when_it_is_over():
    new = failing("b", "no room")
    wanted = deployment_status.status(Deployment(), new, [new], NOW)
    stored = msgspec.convert({"status": wanted}, Deployment)
    again = deployment_status.status(stored, new, [new], NOW)
    assert deployment_status.changes(stored, again) == {}
    assert failures(stored, sound("b"), [sound("b")]) == []
