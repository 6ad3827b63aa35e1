"""Why pods fail, and whose fault that is."""

from typing import Any

import msgspec
import pytest

from shoal.api.pod import Pod
from shoal.controllers.worker.failures import disruption, failure_of, is_running, trouble


def failed(reason: str = "", ended: dict[str, Any] | None = None) -> Pod:
    containers = [{"name": "c", "state": {"terminated": ended}}] if ended else []
    status = {"phase": "Failed", "reason": reason, "containerStatuses": containers}
    return msgspec.convert({"metadata": {"name": "p"}, "status": status}, Pod)


KILLED = {"exitCode": 137, "reason": "OOMKilled"}
UNSEEN = {"exitCode": 137, "reason": "ContainerStatusUnknown"}
CASES = [
    (failed(ended={"exitCode": 3, "reason": "Error"}), "Application", "Error", 3),
    (failed(ended=KILLED), "Application", "OOMKilled", 137),
    (failed(ended=UNSEEN), "Infrastructure", "ContainerStatusUnknown", 137),
    (failed("DeadlineExceeded"), "Application", "DeadlineExceeded", None),
    (failed("Evicted", KILLED), "Infrastructure", "Evicted", 137),
    (failed("NodeLost"), "Infrastructure", "NodeLost", None),
    (failed("OutOfcpu"), "Infrastructure", "OutOfcpu", None),
]


@pytest.mark.parametrize(("pod", "category", "reason", "exit_code"), CASES)
def test_each_failure_has_its_account(pod: Pod, category: str, reason: str, exit_code: int | None):
    failure = failure_of(pod)
    assert failure is not None
    assert (failure.category, failure.reason, failure.exit_code) == (category, reason, exit_code)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("DeletionByPodGC", "NodeLost"),
        ("DeletionByTaintManager", "NodeLost"),
        ("PreemptionByScheduler", "PreemptionByScheduler"),
        ("EvictionByEvictionAPI", "EvictionByEvictionAPI"),
    ],
)
def test_a_condition_says_what_took_the_pod_away(given: str, told: str):
    condition = {"type": "DisruptionTarget", "status": "True", "reason": given}
    pod = msgspec.convert({"status": {"phase": "Failed", "conditions": [condition]}}, Pod)
    taken = disruption(pod)
    assert taken is not None
    assert (taken.category, taken.reason) == ("Infrastructure", told)


@pytest.mark.parametrize(
    ("reason", "is_trouble"),
    [("ImagePullBackOff", True), ("CreateContainerConfigError", True), ("NoImageCommand", True),
     ("ContainerCreating", False), ("CrashLoopBackOff", False)],
)  # fmt: skip
def test_a_container_that_cannot_start_is_in_trouble(reason: str, is_trouble: bool):
    status = {"name": "c", "state": {"waiting": {"reason": reason}}}
    pod = msgspec.convert({"status": {"containerStatuses": [status]}}, Pod)
    assert (trouble(pod) is not None) == is_trouble


def test_a_pod_that_was_told_to_end_within_the_second_ended_because_of_that():
    gone_by = {"deletionTimestamp": "2026-01-01T00:00:30Z", "deletionGracePeriodSeconds": 30}
    for exit_code, reason in ((143, "PodDeleted"), (1, "Error")):
        ended = {"exitCode": exit_code, "reason": "Error", "finishedAt": "2026-01-01T00:00:00Z"}
        status = {
            "phase": "Failed",
            "containerStatuses": [{"name": "c", "state": {"terminated": ended}}],
        }
        pod = msgspec.convert({"metadata": gone_by, "status": status}, Pod)
        failure = failure_of(pod)
        assert failure is not None
        assert failure.reason == reason


def test_a_pod_between_two_starts_of_its_container_does_not_run():
    waiting = {"name": "c", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    running = {"name": "c", "state": {"running": {}}}
    for container, runs in ((waiting, False), (running, True)):
        status = {"phase": "Running", "containerStatuses": [container]}
        assert is_running(msgspec.convert({"status": status}, Pod)) == runs
