"""What the life cycle makes of a pod that an earlier agent ran."""

from datetime import UTC, datetime, timedelta

import msgspec

from shoal.agent.lifecycle.container import ContainerPhase
from shoal.agent.lifecycle.core import handle
from shoal.agent.lifecycle.messages import Prepared, StartContainer, Tick
from shoal.agent.lifecycle.pod import PodStage
from shoal.agent.lifecycle.recovery import initial_state
from shoal.agent.pod_status import pod_phase
from shoal.agent.runtime.protocol import ContainerExit, ContainerKey, FoundContainer, FoundPod
from shoal.api.pod import Pod

NOW = datetime(2026, 1, 1, 1, tzinfo=UTC)
EARLIER = NOW - timedelta(hours=1)
KEY = ContainerKey("u1", "c", 0)


def make_pod(status=None, **spec):
    body = {
        "metadata": {"uid": "u1", "name": "p", "namespace": "ns"},
        "spec": {"containers": [{"name": "c"}], **spec},
        "status": status or {},
    }
    return msgspec.convert(body, Pod)


def found(*containers):
    return FoundPod(uid="u1", namespace="ns", name="p", pod_ip="127.1.0.1", containers=containers)


def ended(key, code):
    return ContainerExit(key=key, exit_code=code, started_at=EARLIER, finished_at=EARLIER)


def prepare(state):
    state, _ = handle(state, Tick(), NOW)
    return handle(state, Prepared(), NOW)


def test_a_container_that_still_runs_is_not_started_again():
    state = initial_state(make_pod(), found(FoundContainer(key=KEY, started_at=EARLIER)), NOW)
    state, actions = prepare(state)
    assert actions == []
    assert state.find("c").phase is ContainerPhase.RUNNING
    assert pod_phase(state) == "Running"


def test_a_container_that_ended_meanwhile_ends_its_pod():
    containers = FoundContainer(key=KEY, started_at=EARLIER, exit=ended(KEY, 3))
    state = initial_state(make_pod(restartPolicy="Never"), found(containers), NOW)
    state, _ = handle(state, Tick(), NOW)
    assert pod_phase(state) == "Failed"
    assert state.find("c").termination.exit_code == 3


def test_how_a_container_ended_is_not_told_differently_after_a_restart():
    terminated = {
        "exitCode": 128,
        "reason": "StartError",
        "message": "no such file",
        "finishedAt": "2026-01-01T00:00:00Z",
        "containerID": f"shoal://{KEY.container_id}",
    }
    status = {"containerStatuses": [{"name": "c", "state": {"terminated": terminated}}]}
    containers = FoundContainer(key=KEY, started_at=EARLIER, exit=ended(KEY, 128))
    state = initial_state(make_pod(status, restartPolicy="Never"), found(containers), NOW)
    told = state.find("c").termination
    assert (told.reason, told.message) == ("StartError", "no such file")


def test_a_container_that_ended_meanwhile_is_started_again_with_the_next_attempt():
    containers = FoundContainer(key=KEY, started_at=EARLIER, exit=ended(KEY, 3))
    state = initial_state(make_pod(), found(containers), NOW)
    _, actions = prepare(state)
    assert StartContainer(key=ContainerKey("u1", "c", 1)) in actions


def test_a_container_that_cannot_be_found_counts_as_killed():
    status = {
        "phase": "Running",
        "containerStatuses": [
            {
                "name": "c",
                "containerID": f"shoal://{KEY.container_id}",
                "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
            }
        ],
    }
    state = initial_state(make_pod(status, restartPolicy="Never"), None, NOW)
    record = state.find("c")
    assert (record.termination.exit_code, record.termination.reason) == (
        137,
        "ContainerStatusUnknown",
    )
    assert record.termination.started_at == EARLIER
    state, actions = handle(state, Tick(), NOW)
    assert not any(isinstance(action, StartContainer) for action in actions)
    assert pod_phase(state) == "Failed"


def test_a_final_phase_stays_final():
    state = initial_state(make_pod({"phase": "Succeeded"}), None, NOW)
    state, actions = handle(state, Tick(), NOW)
    assert actions == []
    assert state.stage is PodStage.STOPPED
    assert pod_phase(state) == "Succeeded"


def test_what_the_probes_had_found_is_kept_for_the_same_attempt():
    probe = {"exec": {"command": ["true"]}}
    container = {"name": "c", "startupProbe": probe, "readinessProbe": probe}
    status = {
        "containerStatuses": [
            {
                "name": "c",
                "containerID": f"shoal://{KEY.container_id}",
                "state": {"running": {}},
                "started": True,
                "ready": True,
            }
        ]
    }
    pod = make_pod(status, containers=[container])
    state = initial_state(pod, found(FoundContainer(key=KEY, started_at=EARLIER)), NOW)
    assert state.find("c").is_started and state.find("c").is_ready


def test_init_containers_are_not_run_again_under_running_main_containers():
    pod = make_pod(initContainers=[{"name": "i"}])
    state = initial_state(pod, found(FoundContainer(key=KEY, started_at=EARLIER)), NOW)
    _, actions = prepare(state)
    assert actions == []


def test_the_back_off_goes_on_where_it_was():
    keys = [ContainerKey("u1", "c", attempt) for attempt in range(3)]
    containers = [
        FoundContainer(
            key=key,
            started_at=NOW,
            exit=ContainerExit(key=key, exit_code=1, started_at=NOW, finished_at=NOW),
        )
        for key in keys
    ]
    state = initial_state(make_pod(), found(*containers), NOW)
    state, _ = prepare(state)
    assert state.find("c").waiting_message.startswith("back-off 20s restarting failed")
