"""The status of pods, as the kubelet would write it."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from shoal.agent.lifecycle.core import handle
from shoal.agent.lifecycle.messages import (
    ContainerEnded,
    ContainerRefused,
    ContainerStarted,
    ContainerStartFailed,
    DeletionRequested,
    Prepared,
    PrepareFailed,
    Tick,
)
from shoal.agent.lifecycle.recovery import initial_state
from shoal.agent.pod_status import Addresses, compose
from shoal.agent.runtime.protocol import ContainerExit, ContainerKey
from shoal.api.pod import Pod, PodStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADDRESSES = Addresses(host_ip="127.0.0.1", pod_ip="127.1.0.1")


def make_pod(containers=({"name": "c", "image": "img"},), **spec):
    body = {
        "metadata": {"uid": "u", "name": "p", "namespace": "ns"},
        "spec": {"containers": list(containers), **spec},
    }
    return msgspec.convert(body, Pod)


def after(pod, *events, written=None):
    """The status after some events, one a second."""
    state = initial_state(pod, None, NOW)
    now = NOW
    for event in (Tick(), *events):
        state, _ = handle(state, event, now)
        now += timedelta(seconds=1)
    return compose(pod, state, ADDRESSES, written or PodStatus(), now)


def key(name="c", attempt=0):
    return ContainerKey("u", name, attempt)


def started(name="c", attempt=0):
    return ContainerStarted(key=key(name, attempt), started_at=NOW)


def ended(code=0, name="c", attempt=0, **more):
    exited = ContainerExit(
        key=key(name, attempt), exit_code=code, started_at=NOW, finished_at=NOW, **more
    )
    return ContainerEnded(exit=exited)


def conditions(status):
    return {
        c["type"]: (c["status"], c.get("reason") or "", c.get("message") or "")
        for c in status["conditions"]
    }


def test_a_new_pod_is_pending_and_its_containers_are_being_created():
    status = after(make_pod())
    assert status["phase"] == "Pending"
    assert status["startTime"] == "2026-01-01T00:00:00Z"
    assert status["podIPs"] == [{"ip": "127.1.0.1"}]
    [container] = status["containerStatuses"]
    assert container["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert (container["ready"], container["started"], container["restartCount"]) == (
        False,
        False,
        0,
    )
    assert conditions(status) == {
        "PodReadyToStartContainers": ("False", "", ""),
        "Initialized": ("True", "", ""),
        "Ready": ("False", "ContainersNotReady", "containers with unready status: [c]"),
        "ContainersReady": ("False", "ContainersNotReady", "containers with unready status: [c]"),
        "PodScheduled": ("True", "", ""),
    }


def test_a_running_pod_is_ready():
    status = after(make_pod(), Prepared(), started())
    assert status["phase"] == "Running"
    [container] = status["containerStatuses"]
    assert container["state"] == {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    assert container["containerID"] == f"shoal://{key().container_id}"
    assert container["image"] == "img"
    assert container["ready"] and container["started"]
    assert {name: value for name, (value, _, _) in conditions(status).items()} == dict.fromkeys(
        ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"],
        "True",
    )


def test_a_pod_that_succeeded_is_completed():
    status = after(make_pod(restartPolicy="Never"), Prepared(), started(), ended())
    assert status["phase"] == "Succeeded"
    assert conditions(status)["Initialized"] == ("True", "PodCompleted", "")
    assert conditions(status)["Ready"] == ("False", "PodCompleted", "")
    assert conditions(status)["ContainersReady"] == ("False", "PodCompleted", "")
    assert conditions(status)["PodReadyToStartContainers"] == ("False", "", "")


def test_how_a_container_ended_is_told():
    ending = ended(137, signal=9, is_oom_killed=True, termination_message="last words")
    status = after(make_pod(restartPolicy="Never"), Prepared(), started(), ending)
    assert status["phase"] == "Failed"
    assert conditions(status)["Ready"] == ("False", "PodFailed", "")
    assert status["containerStatuses"][0]["state"]["terminated"] == {
        "exitCode": 137,
        "signal": 9,
        "reason": "OOMKilled",
        "message": "last words",
        "startedAt": "2026-01-01T00:00:00Z",
        "finishedAt": "2026-01-01T00:00:00Z",
        "containerID": f"shoal://{key().container_id}",
    }


def test_a_container_that_could_not_start_says_why_and_has_its_times():
    message = 'exec: "/no/such": stat /no/such: no such file or directory'
    failed = ContainerStartFailed(key=key(), reason="StartError", message=message, exit_code=128)
    status = after(make_pod(restartPolicy="Never"), Prepared(), failed)
    told = status["containerStatuses"][0]["state"]["terminated"]
    assert (told["reason"], told["message"]) == ("StartError", message)
    assert told["startedAt"] == told["finishedAt"]


def test_a_container_that_runs_again_shows_how_it_ended_before():
    status = after(make_pod(), Prepared(), started(), ended(3), started(attempt=1))
    [container] = status["containerStatuses"]
    assert container["restartCount"] == 1
    assert "running" in container["state"]
    assert container["lastState"]["terminated"]["exitCode"] == 3


def test_a_container_in_back_off_waits_and_its_pod_runs():
    events = [Prepared(), started(), ended(1), started(attempt=1), ended(1, attempt=1)]
    status = after(make_pod(), *events)
    [container] = status["containerStatuses"]
    assert status["phase"] == "Running"
    assert container["state"]["waiting"] == {
        "reason": "CrashLoopBackOff",
        "message": "back-off 10s restarting failed container=c pod=p_ns(u)",
    }
    assert container["lastState"]["terminated"]["exitCode"] == 1
    assert container["restartCount"] == 1


def test_init_containers_hold_the_pod_pending_and_uninitialized():
    pod = make_pod(initContainers=[{"name": "i"}, {"name": "j"}])
    status = after(pod, Prepared(), started("i"))
    assert status["phase"] == "Pending"
    assert conditions(status)["Initialized"] == (
        "False",
        "ContainersNotInitialized",
        "containers with incomplete status: [i j]",
    )
    assert status["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"
    assert not status["initContainerStatuses"][0]["ready"]
    status = after(pod, Prepared(), started("i"), ended(name="i"))
    assert status["initContainerStatuses"][0]["ready"]
    assert conditions(status)["Initialized"][2] == "containers with incomplete status: [j]"


def test_what_a_container_waits_for_is_told():
    reason, message = "CreateContainerConfigError", 'secret "s" not found'
    refused = ContainerRefused(key=key(), reason=reason, message=message)
    status = after(make_pod(), Prepared(), refused)
    waiting = status["containerStatuses"][0]["state"]["waiting"]
    assert waiting == {"reason": reason, "message": message}


def test_a_volume_that_can_never_be_made_is_why_the_containers_wait():
    failed = PrepareFailed(reason="FailedMount", message="m", waiting_reason="UnsupportedVolume")
    status = after(make_pod(), failed)
    waiting = status["containerStatuses"][0]["state"]["waiting"]
    assert waiting == {"reason": "UnsupportedVolume", "message": "m"}


def test_a_pod_that_is_deleted_before_it_runs_has_failed():
    waiting = after(make_pod(initContainers=[{"name": "i", "image": "img"}]), Prepared())
    assert waiting["phase"] == "Pending"
    for pod in (make_pod(), make_pod(initContainers=[{"name": "i", "image": "img"}])):
        assert after(pod, DeletionRequested(grace_s=0))["phase"] == "Failed"


def test_a_container_with_a_hook_under_way_is_not_ready():
    hook = {"postStart": {"exec": {"command": ["true"]}}}
    pod = make_pod([{"name": "c", "lifecycle": hook}])
    status = after(pod, Prepared(), started())
    assert not status["containerStatuses"][0]["ready"]


def test_a_condition_keeps_its_time_while_its_value_stays():
    pod = make_pod()
    first = after(pod, Prepared(), started())
    written = msgspec.convert(first, PodStatus)
    ready = next(c for c in first["conditions"] if c["type"] == "Ready")
    again = after(pod, Prepared(), started(), Tick(), Tick(), written=written)
    assert ready in again["conditions"]


def test_a_text_that_is_over_is_taken_away():
    pod = make_pod()
    written = msgspec.convert(after(pod), PodStatus)
    status = after(pod, Prepared(), started(), written=written)
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert (ready["reason"], ready["message"]) == (None, None)


@pytest.mark.parametrize(
    ("resources", "qos"),
    [
        ([{}], "BestEffort"),
        ([{"requests": {"cpu": "0"}}], "BestEffort"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}], "Guaranteed"),
        ([{"limits": {"cpu": "1", "memory": "1Gi"}}, {}], "Burstable"),
        (
            [{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m"}}],
            "Guaranteed",
        ),
        ([{"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "1"}}], "Burstable"),
    ],
)
def test_the_qos_class_follows_requests_and_limits(resources, qos):
    containers = [{"name": f"c{i}", "resources": r} for i, r in enumerate(resources)]
    assert after(make_pod(containers))["qosClass"] == qos
