"""The life cycle of pods, driven by hand: events in, actions and status out."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from shoal.agent.lifecycle.container import ContainerPhase
from shoal.agent.lifecycle.core import handle, next_wake
from shoal.agent.lifecycle.messages import (
    ContainerEnded,
    ContainerRefused,
    ContainerStarted,
    ContainerStartFailed,
    DeletionRequested,
    HookEnded,
    HookKind,
    KillContainer,
    ObjectGone,
    Prepared,
    PrepareFailed,
    PreparePod,
    ProbeJudged,
    ProbeKind,
    RecordEvent,
    RemoveContainer,
    RemovePod,
    RunHook,
    StartContainer,
    StorageExceeded,
    TerminateContainer,
    Tick,
)
from shoal.agent.lifecycle.pod import PodStage
from shoal.agent.lifecycle.recovery import initial_state
from shoal.agent.pod_status import Addresses, compose, pod_phase
from shoal.agent.runtime.protocol import ContainerExit, ContainerKey
from shoal.api.pod import Pod

START = datetime(2026, 1, 1, tzinfo=UTC)
EXEC = {"exec": {"command": ["true"]}}


def make_pod(containers=("c",), inits=(), **spec) -> Pod:
    def container(c):
        return {"name": c} if isinstance(c, str) else c

    body = {
        "metadata": {"uid": "u1", "name": "p", "namespace": "ns"},
        "spec": {
            "containers": [container(c) for c in containers],
            "initContainers": [container(c) for c in inits],
            **spec,
        },
    }
    return msgspec.convert(body, Pod)


class Drive:
    """Plays shell to one pod: keeps the state and what it asked for."""

    def __init__(self, pod: Pod) -> None:
        self.now = START
        self.state = initial_state(pod, None, self.now)
        self.actions = []
        self.send(Tick())

    def send(self, event) -> list:
        self.state, actions = handle(self.state, event, self.now)
        self.actions = list(actions)
        return self.actions

    def prepared(self) -> "Drive":
        self.send(Prepared())
        return self

    def key(self, name: str, attempt: int = 0) -> ContainerKey:
        return ContainerKey("u1", name, attempt)

    def started(self, name: str, attempt: int = 0) -> list:
        return self.send(ContainerStarted(key=self.key(name, attempt), started_at=self.now))

    def exited(self, name: str, code: int = 0, attempt: int = 0) -> list:
        ended = ContainerExit(
            key=self.key(name, attempt), exit_code=code, started_at=self.now, finished_at=self.now
        )
        return self.send(ContainerEnded(exit=ended))

    def wait(self, delay_s: float) -> list:
        self.now += timedelta(seconds=delay_s)
        return self.send(Tick())

    def orders(self) -> list:
        return [action for action in self.actions if not isinstance(action, RecordEvent)]

    def told(self) -> list[tuple[str, str]]:
        return [(a.reason, a.message) for a in self.actions if isinstance(a, RecordEvent)]

    def phase(self, name: str) -> ContainerPhase:
        record = self.state.find(name)
        assert record is not None
        return record.phase


def start(name: str, attempt: int = 0) -> StartContainer:
    return StartContainer(key=ContainerKey("u1", name, attempt))


def test_volumes_and_sandbox_come_before_containers():
    drive = Drive(make_pod())
    assert drive.orders() == [PreparePod()]
    drive.send(Prepared())
    assert drive.orders() == [start("c")]


def test_a_failed_setup_is_tried_again_after_a_growing_wait():
    drive = Drive(make_pod())
    drive.send(PrepareFailed(reason="FailedMount", message="no such thing"))
    assert drive.told() == [("FailedMount", "no such thing")]
    assert next_wake(drive.state, drive.now) == START + timedelta(seconds=0.5)
    drive.wait(0.5)
    assert drive.orders() == [PreparePod()]
    drive.send(PrepareFailed(reason="FailedMount", message="no such thing"))
    assert next_wake(drive.state, drive.now) == drive.now + timedelta(seconds=1)


def test_init_containers_run_one_after_the_other_before_the_main_ones():
    drive = Drive(make_pod(["a", "b"], inits=["i1", "i2"])).prepared()
    assert drive.orders() == [start("i1")]
    drive.started("i1")
    assert drive.orders() == []
    drive.exited("i1")
    assert drive.orders() == [start("i2")]
    drive.started("i2")
    drive.exited("i2")
    assert drive.orders() == [start("a")]
    drive.started("a")
    assert drive.orders() == [start("b")]


def test_a_failed_init_container_fails_a_pod_that_never_restarts():
    drive = Drive(make_pod(inits=["i"], restartPolicy="Never")).prepared()
    drive.started("i")
    drive.exited("i", 3)
    assert drive.orders() == []
    assert pod_phase(drive.state) == "Failed"


def test_a_failed_init_container_is_tried_again_otherwise():
    drive = Drive(make_pod(inits=["i"], restartPolicy="OnFailure")).prepared()
    drive.started("i")
    drive.exited("i", 3)
    assert drive.orders() == [start("i", 1)]


def test_the_first_restart_is_at_once_and_later_ones_back_off():
    drive = Drive(make_pod()).prepared()
    drive.started("c")
    drive.exited("c", 1)
    assert drive.orders() == [start("c", 1)]
    for attempt, delay_s in enumerate([10, 20, 40, 80, 160, 300, 300], start=1):
        drive.started("c", attempt)
        drive.exited("c", 1, attempt)
        assert drive.orders() == []
        assert drive.state.find("c").waiting_reason == "CrashLoopBackOff"
        drive.wait(delay_s - 1)
        assert drive.orders() == []
        drive.wait(1)
        assert start("c", attempt + 1) in drive.orders()


def test_the_back_off_is_said_in_the_kubelets_words():
    drive = Drive(make_pod()).prepared()
    drive.started("c")
    drive.exited("c", 1)
    drive.started("c", 1)
    drive.exited("c", 1, 1)
    record = drive.state.find("c")
    assert record.waiting_message == "back-off 10s restarting failed container=c pod=p_ns(u1)"
    message = "Back-off restarting failed container c in pod p_ns(u1)"
    assert drive.told() == [("BackOff", message)]


def test_ten_minutes_of_running_forgive_earlier_crashes():
    drive = Drive(make_pod()).prepared()
    drive.started("c")
    drive.exited("c", 1)
    drive.started("c", 1)
    drive.wait(601)
    drive.exited("c", 1, 1)
    assert start("c", 2) in drive.orders()


def test_only_the_attempt_before_the_present_one_is_kept():
    drive = Drive(make_pod()).prepared()
    drive.started("c")
    drive.exited("c", 1)
    drive.started("c", 1)
    drive.exited("c", 1, 1)
    drive.wait(10)
    assert drive.orders() == [RemoveContainer(key=drive.key("c", 0)), start("c", 2)]


@pytest.mark.parametrize(
    ("policy", "code", "restarts", "phase"),
    [
        ("Always", 0, True, "Running"),
        ("Always", 1, True, "Running"),
        ("OnFailure", 0, False, "Succeeded"),
        ("OnFailure", 1, True, "Running"),
        ("Never", 0, False, "Succeeded"),
        ("Never", 1, False, "Failed"),
    ],
)
def test_restart_policies_decide_what_becomes_of_an_exit(policy, code, restarts, phase):
    drive = Drive(make_pod(restartPolicy=policy)).prepared()
    drive.started("c")
    drive.exited("c", code)
    assert (start("c", 1) in drive.orders()) is restarts
    assert pod_phase(drive.state) == phase


def test_a_sidecar_starts_first_and_stops_last():
    sidecar = {"name": "s", "restartPolicy": "Always", "startupProbe": EXEC}
    drive = Drive(make_pod(inits=[sidecar, "i"], restartPolicy="Never")).prepared()
    assert drive.orders() == [start("s")]
    drive.started("s")
    assert drive.orders() == []
    drive.send(ProbeJudged(key=drive.key("s"), probe=ProbeKind.STARTUP, is_healthy=True))
    assert drive.orders() == [start("i")]
    drive.started("i")
    drive.exited("i")
    drive.started("c")
    drive.exited("c")
    assert drive.orders() == [TerminateContainer(key=drive.key("s"))]
    assert pod_phase(drive.state) == "Running"
    drive.exited("s", 143)
    assert pod_phase(drive.state) == "Succeeded"


def test_a_sidecar_that_ends_is_started_again_even_where_nothing_else_is():
    sidecar = {"name": "s", "restartPolicy": "Always"}
    drive = Drive(make_pod(inits=[sidecar], restartPolicy="Never")).prepared()
    drive.started("s")
    drive.started("c")
    drive.exited("s", 0)
    assert drive.orders() == [start("s", 1)]


def test_sidecars_stop_in_reverse_order_after_the_main_containers():
    sidecars = [{"name": n, "restartPolicy": "Always"} for n in ("s1", "s2")]
    drive = Drive(make_pod(inits=sidecars)).prepared()
    for name in ("s1", "s2", "c"):
        drive.started(name)
    drive.send(DeletionRequested(grace_s=30))
    assert drive.orders() == [TerminateContainer(key=drive.key("c"))]
    drive.exited("c", 143)
    assert drive.orders() == [TerminateContainer(key=drive.key("s2"))]
    drive.exited("s2", 143)
    assert drive.orders() == [TerminateContainer(key=drive.key("s1"))]
    drive.exited("s1", 143)
    assert drive.orders() == [RemovePod(deletes_object=True)]


def test_a_container_that_ignores_the_signal_is_killed_after_the_grace_period():
    drive = Drive(make_pod()).prepared()
    drive.started("c")
    drive.send(DeletionRequested(grace_s=30))
    assert drive.told() == [("Killing", "Stopping container c")]
    assert next_wake(drive.state, drive.now) == START + timedelta(seconds=30)
    drive.wait(29)
    assert drive.orders() == []
    drive.wait(1)
    assert drive.orders() == [KillContainer(key=drive.key("c"))]
    drive.exited("c", 137)
    assert drive.orders() == [RemovePod(deletes_object=True)]
    assert pod_phase(drive.state) == "Failed"


def test_a_grace_period_of_zero_still_leaves_two_seconds():
    drive = Drive(make_pod()).prepared()
    drive.started("c")
    drive.send(DeletionRequested(grace_s=0))
    assert drive.orders() == [TerminateContainer(key=drive.key("c"))]
    drive.wait(2)
    assert drive.orders() == [KillContainer(key=drive.key("c"))]


def test_a_second_deletion_with_less_grace_hurries():
    drive = Drive(make_pod()).prepared()
    drive.started("c")
    drive.send(DeletionRequested(grace_s=30))
    drive.send(DeletionRequested(grace_s=1))
    drive.wait(2)
    assert drive.orders() == [KillContainer(key=drive.key("c"))]


def test_pre_stop_runs_before_the_signal_and_within_the_grace_period():
    container = {"name": "c", "lifecycle": {"preStop": EXEC}}
    drive = Drive(make_pod([container])).prepared()
    drive.started("c")
    drive.send(DeletionRequested(grace_s=30))
    assert drive.orders() == [RunHook(key=drive.key("c"), hook=HookKind.PRE_STOP, timeout_s=30)]
    drive.now += timedelta(seconds=5)
    drive.send(HookEnded(key=drive.key("c"), hook=HookKind.PRE_STOP))
    assert drive.orders() == [TerminateContainer(key=drive.key("c"))]
    drive.wait(25)
    assert drive.orders() == [KillContainer(key=drive.key("c"))]


def test_a_pre_stop_hook_that_hangs_is_not_waited_for():
    container = {"name": "c", "lifecycle": {"preStop": EXEC}}
    drive = Drive(make_pod([container])).prepared()
    drive.started("c")
    drive.send(DeletionRequested(grace_s=10))
    drive.wait(10)
    assert drive.orders() == [TerminateContainer(key=drive.key("c"))]
    drive.wait(2)
    assert drive.orders() == [KillContainer(key=drive.key("c"))]


def test_a_failed_post_start_hook_stops_the_container():
    container = {"name": "c", "lifecycle": {"postStart": EXEC}}
    drive = Drive(make_pod([container, "d"])).prepared()
    drive.started("c")
    assert drive.orders() == [RunHook(key=drive.key("c"), hook=HookKind.POST_START, timeout_s=None)]
    drive.send(HookEnded(key=drive.key("c"), hook=HookKind.POST_START, error="exit status 1"))
    assert drive.told()[0] == ("FailedPostStartHook", "PostStartHook failed")
    assert TerminateContainer(key=drive.key("c")) in drive.orders()
    assert start("d") in drive.orders()


def test_a_failed_liveness_probe_restarts_the_container():
    container = {"name": "c", "livenessProbe": EXEC | {"terminationGracePeriodSeconds": 7}}
    drive = Drive(make_pod([container])).prepared()
    drive.started("c")
    drive.send(ProbeJudged(key=drive.key("c"), probe=ProbeKind.LIVENESS, is_healthy=False))
    assert drive.told() == [("Killing", "Container c failed liveness probe, will be restarted")]
    assert next_wake(drive.state, drive.now) == START + timedelta(seconds=7)
    drive.exited("c", 143)
    assert drive.orders() == [start("c", 1)]


def test_readiness_waits_for_the_startup_probe():
    container = {"name": "c", "startupProbe": EXEC, "readinessProbe": EXEC}
    drive = Drive(make_pod([container])).prepared()
    drive.started("c")
    assert not drive.state.find("c").is_started
    drive.send(ProbeJudged(key=drive.key("c"), probe=ProbeKind.STARTUP, is_healthy=True))
    record = drive.state.find("c")
    assert record.is_started and not record.is_ready
    drive.send(ProbeJudged(key=drive.key("c"), probe=ProbeKind.READINESS, is_healthy=True))
    assert drive.state.find("c").is_ready


def test_something_missing_is_waited_for_and_tried_again():
    drive = Drive(make_pod()).prepared()
    reason, message = "CreateContainerConfigError", 'configmap "x" not found'
    drive.send(ContainerRefused(key=drive.key("c"), reason=reason, message=message))
    assert drive.told() == [("Failed", 'Error: configmap "x" not found')]
    assert drive.state.find("c").waiting_reason == reason
    assert pod_phase(drive.state) == "Pending"
    drive.wait(10)
    assert drive.orders() == [start("c")]


def test_a_container_that_cannot_be_run_counts_as_an_attempt():
    drive = Drive(make_pod(restartPolicy="Never")).prepared()
    failed = ContainerStartFailed(
        key=drive.key("c"), reason="StartError", message="no such file", exit_code=128
    )
    drive.send(failed)
    record = drive.state.find("c")
    assert record.termination is not None
    assert (record.termination.reason, record.termination.exit_code) == ("StartError", 128)
    assert pod_phase(drive.state) == "Failed"


def test_an_exit_that_overtakes_the_answer_to_the_start_is_believed():
    drive = Drive(make_pod(restartPolicy="Never")).prepared()
    drive.exited("c", 0)
    assert pod_phase(drive.state) == "Succeeded"
    drive.started("c")
    assert drive.orders() == []


def test_a_pod_active_past_its_deadline_fails():
    drive = Drive(make_pod(activeDeadlineSeconds=60)).prepared()
    drive.started("c")
    assert next_wake(drive.state, drive.now) == START + timedelta(seconds=60)
    drive.wait(60)
    assert ("DeadlineExceeded", "Pod was active on the node longer than specified deadline") in (
        drive.told()
    )
    assert TerminateContainer(key=drive.key("c")) in drive.orders()
    drive.exited("c", 0)
    assert drive.orders() == []
    assert pod_phase(drive.state) == "Failed"


def test_a_pod_deleted_before_anything_ran_is_removed_at_once():
    drive = Drive(make_pod())
    drive.send(DeletionRequested(grace_s=30))
    assert drive.orders() == [RemovePod(deletes_object=True)]
    assert drive.state.stage is PodStage.REMOVED


def test_a_container_being_started_when_the_pod_is_deleted_is_stopped_afterwards():
    drive = Drive(make_pod()).prepared()
    drive.send(DeletionRequested(grace_s=30))
    assert drive.orders() == []
    drive.started("c")
    assert drive.orders() == [TerminateContainer(key=drive.key("c"))]


def test_a_pod_whose_object_is_gone_is_killed_but_not_deleted_again():
    drive = Drive(make_pod()).prepared()
    drive.started("c")
    drive.send(ObjectGone())
    drive.wait(2)
    assert drive.orders() == [KillContainer(key=drive.key("c"))]
    drive.exited("c", 137)
    assert drive.orders() == [RemovePod(deletes_object=False)]


def test_a_finished_pod_is_removed_when_it_is_deleted():
    drive = Drive(make_pod(restartPolicy="Never")).prepared()
    drive.started("c")
    drive.exited("c")
    assert next_wake(drive.state, drive.now) is None
    drive.send(DeletionRequested(grace_s=30))
    assert drive.orders() == [RemovePod(deletes_object=True)]


def evicted_status(drive: Drive) -> dict:
    pod = make_pod()
    return compose(pod, drive.state, Addresses(host_ip="h", pod_ip="p"), pod.status, drive.now)


def test_a_container_that_was_killed_for_its_memory_is_told_with_its_limit():
    limited = {"name": "c", "resources": {"limits": {"memory": "64Mi"}}}
    drive = Drive(make_pod([limited], restartPolicy="Never")).prepared()
    drive.started("c")
    ended = ContainerExit(
        key=drive.key("c"),
        exit_code=137,
        signal=9,
        is_oom_killed=True,
        started_at=drive.now,
        finished_at=drive.now,
    )
    drive.send(ContainerEnded(exit=ended))
    assert drive.told() == [("OOMKilled", "Container c used more memory than its limit of 64Mi")]
    record = drive.state.find("c")
    assert record is not None and record.termination is not None
    assert record.termination.reason == "OOMKilled"


def test_a_container_without_a_limit_has_that_of_its_pod():
    drive = Drive(make_pod(resources={"limits": {"memory": "1Gi"}}))
    assert [record.plan.memory_limit for record in drive.state.containers] == ["1Gi"]


def test_a_pod_over_its_storage_is_stopped_and_fails_as_evicted():
    drive = Drive(make_pod()).prepared()
    drive.started("c")
    drive.send(StorageExceeded(message="too much. "))
    assert drive.told()[0] == ("Evicted", "too much. ")
    assert drive.orders() == [TerminateContainer(key=drive.key("c"))]
    assert "reason" not in evicted_status(drive)
    drive.exited("c", 0)
    status = evicted_status(drive)
    assert (status["phase"], status["reason"], status["message"]) == (
        "Failed",
        "Evicted",
        "too much. ",
    )
    drive.wait(1000)
    assert drive.orders() == []


def test_a_pod_that_is_being_deleted_is_not_evicted():
    drive = Drive(make_pod()).prepared()
    drive.started("c")
    drive.send(DeletionRequested(grace_s=30))
    assert drive.send(StorageExceeded(message="too much. ")) == []


def test_an_evicted_pod_is_still_that_to_the_next_agent():
    body = {
        "metadata": {"uid": "u1", "name": "p", "namespace": "ns"},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"phase": "Failed", "reason": "Evicted", "message": "too much. "},
    }
    state = initial_state(msgspec.convert(body, Pod), None, START)
    assert state.ending is not None
    assert state.ending.eviction == "too much. "
