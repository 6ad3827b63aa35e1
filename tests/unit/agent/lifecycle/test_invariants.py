"""Whatever happens, in whatever order, a pod's life keeps its promises."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shoal.agent.lifecycle.core import handle, next_wake, outstanding
from shoal.agent.lifecycle.messages import (
    ContainerEnded,
    ContainerRefused,
    ContainerStarted,
    ContainerStartFailed,
    DeletionRequested,
    HookEnded,
    HookKind,
    ObjectGone,
    Prepared,
    PrepareFailed,
    ProbeJudged,
    ProbeKind,
    RemovePod,
    StartContainer,
    Tick,
)
from shoal.agent.lifecycle.pod import PodStage
from shoal.agent.lifecycle.recovery import initial_state
from shoal.agent.pod_status import Addresses, compose, pod_phase
from shoal.agent.runtime.protocol import ContainerExit, ContainerKey
from shoal.api.pod import Pod, PodStatus

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("i", "s", "a", "b")
EXEC = {"exec": {"command": ["true"]}}
FINAL = {"Succeeded", "Failed"}

keys = st.builds(
    ContainerKey, st.just("u1"), st.sampled_from(NAMES), st.integers(min_value=0, max_value=3)
)
events = st.one_of(
    st.just(Prepared()),
    st.builds(PrepareFailed, reason=st.just("FailedMount"), message=st.just("m")),
    st.builds(ContainerStarted, key=keys, started_at=st.just(START)),
    st.builds(ContainerRefused, key=keys, reason=st.just("R"), message=st.just("m")),
    st.builds(
        ContainerStartFailed,
        key=keys,
        reason=st.just("R"),
        message=st.just("m"),
        exit_code=st.just(128),
    ),
    st.builds(
        ContainerEnded,
        exit=st.builds(
            ContainerExit,
            key=keys,
            exit_code=st.sampled_from([0, 1]),
            started_at=st.just(START),
            finished_at=st.just(START),
        ),
    ),
    st.builds(
        HookEnded, key=keys, hook=st.sampled_from(list(HookKind)), error=st.sampled_from(["", "e"])
    ),
    st.builds(
        ProbeJudged, key=keys, probe=st.sampled_from(list(ProbeKind)), is_healthy=st.booleans()
    ),
    st.builds(DeletionRequested, grace_s=st.sampled_from([0.0, 1.0, 30.0])),
    st.just(ObjectGone()),
    st.just(Tick()),
)
steps = st.lists(st.tuples(st.sampled_from([0.0, 1.0, 11.0, 700.0]), events), max_size=40)


@st.composite
def pods(draw):
    def container(name):
        body = {"name": name}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            if draw(st.booleans()):
                body[probe] = EXEC
        if draw(st.booleans()):
            body["lifecycle"] = {"postStart": EXEC, "preStop": EXEC}
        return body

    spec = {
        "initContainers": [{"name": "i"}, container("s") | {"restartPolicy": "Always"}],
        "containers": [container("a"), container("b")],
        "restartPolicy": draw(st.sampled_from(["Always", "OnFailure", "Never"])),
    }
    if draw(st.booleans()):
        spec["activeDeadlineSeconds"] = 100
    return msgspec.convert({"metadata": {"uid": "u1", "name": "p"}, "spec": spec}, Pod)


@given(pods(), steps)
def test_a_life_keeps_its_promises_whatever_happens(pod, steps):
    now = START
    state = initial_state(pod, None, now)
    started: set[ContainerKey] = set()
    refused: set[ContainerKey] = set()
    restart_counts = dict.fromkeys(NAMES, 0)
    final_phase = ""
    removals = 0
    for delay_s, event in [(0.0, Tick()), *steps]:
        now += timedelta(seconds=delay_s)
        was_removed = state.stage is PodStage.REMOVED
        was_ending = state.ending is not None
        if isinstance(event, ContainerRefused):
            refused.add(event.key)
        state, actions = handle(state, event, now)
        assert not (was_removed and actions)
        removals += sum(isinstance(action, RemovePod) for action in actions)
        for action in actions:
            if isinstance(action, StartContainer):
                assert not was_ending
                # An attempt is only tried again when it was refused: nothing had run.
                assert action.key not in started or action.key in refused
                started.add(action.key)
        for record in state.containers:
            assert record.restart_count >= restart_counts[record.name]
            restart_counts[record.name] = record.restart_count
        phase = pod_phase(state)
        assert final_phase in {"", phase}
        final_phase = phase if phase in FINAL else ""
        wake = next_wake(state, now)
        assert wake is None or wake > now
        outstanding(state)
        compose(pod, state, Addresses(host_ip="h", pod_ip="p"), PodStatus(), now)
    assert removals <= 1


@given(pods(), steps)
def test_a_deleted_pod_whose_processes_die_is_always_removed(pod, steps):
    now = START
    state = initial_state(pod, None, now)
    for delay_s, event in [(0.0, Tick()), *steps, (0.0, DeletionRequested(grace_s=5))]:
        now += timedelta(seconds=delay_s)
        state, _ = handle(state, event, now)
    for record in state.containers:
        start = state.plan.key(record.name, record.attempt + 1)
        state, _ = handle(state, ContainerStarted(key=start, started_at=now), now)
    for _ in range(2):
        for record in state.containers:
            ended = ContainerExit(
                key=state.key(record), exit_code=137, started_at=now, finished_at=now
            )
            state, _ = handle(state, ContainerEnded(exit=ended), now)
    assert state.stage is PodStage.REMOVED
