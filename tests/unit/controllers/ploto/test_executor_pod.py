"""What an executor's pod says of it: how it died, what keeps it, what its sidecar said last."""

from collections.abc import Sequence

import msgspec
import pytest

from shoal.api.meta import Condition, ObjectMeta
from shoal.api.ploto import LastWords, Task
from shoal.api.pod import (
    ContainerState,
    ContainerStateTerminated,
    ContainerStateWaiting,
    ContainerStatus,
    Pod,
    PodStatus,
)
from shoal.controllers.ploto.executor_pod import Executor, read_executor

TASK = Task(metadata=ObjectMeta(name="task", namespace="default", uid="task-uid"))


def an_executor(
    phase: str,
    work: ContainerState | None = None,
    sidecar: ContainerState | None = None,
    conditions: Sequence[Condition] = (),
) -> Executor:
    labels = {"ploto.io/pool": "pool", "ploto.io/pool-type": "Dynamic"}
    status = PodStatus(
        phase=phase,
        conditions=list(conditions),
        init_container_statuses=[
            ContainerStatus(name="ploto-sidecar", state=sidecar or ContainerState())
        ],
        container_statuses=[ContainerStatus(name="work", state=work or ContainerState())],
    )
    executor = read_executor(Pod(metadata=ObjectMeta(name="pool-a", labels=labels), status=status))
    assert executor is not None
    return executor


def ended(message: str, *, exit_code: int = 0, reason: str = "") -> ContainerState:
    terminated = ContainerStateTerminated(exit_code=exit_code, reason=reason, message=message)
    return ContainerState(terminated=terminated)


def test_a_container_that_could_not_be_started_is_told_with_why() -> None:
    work = ended("context\nexec: /no/such: no such file\n", exit_code=128, reason="StartError")
    assert an_executor("Failed", work).death == (
        "container work exited with code 128 (StartError): exec: /no/such: no such file"
    )


def test_what_keeps_an_executor_from_starting_is_known() -> None:
    waiting = ContainerStateWaiting(reason="NoImageCommand", message="no mapping")
    assert an_executor("Pending", ContainerState(waiting=waiting)).hindrance == (
        "NoImageCommand: no mapping"
    )
    unplaced = Condition(
        type="PodScheduled", status="False", reason="Unschedulable", message="no room"
    )
    assert an_executor("Pending", conditions=[unplaced]).hindrance == "Unschedulable: no room"
    usual = ContainerStateWaiting(reason="PodInitializing")
    assert an_executor("Pending", ContainerState(waiting=usual)).hindrance == ""


@pytest.mark.parametrize(
    ("taken", "has_surely_not_taken"),
    [(None, True), (("other-uid", 1), True), (("task-uid", 2), True), (("task-uid", 1), False)],
)
def test_the_last_words_of_a_sidecar_tell_what_was_taken(
    taken: tuple[str, int] | None, has_surely_not_taken: bool
) -> None:
    words = msgspec.json.encode(LastWords(taken=taken)).decode()
    executor = an_executor("Failed", ended("", exit_code=1), ended(words))
    assert executor.has_surely_not_taken(TASK) is has_surely_not_taken


@pytest.mark.parametrize("said", ["", "Killed", "{}", '{"taken": 3}'])
def test_without_last_words_whatever_was_assigned_counts_as_taken(said: str) -> None:
    executor = an_executor("Failed", ended("", exit_code=1), ended(said))
    assert not executor.has_surely_not_taken(TASK)


def test_a_sidecar_that_still_runs_has_said_nothing_final() -> None:
    words = msgspec.json.encode(LastWords(taken=None)).decode()
    assert not an_executor("Running", None, ended(words)).has_surely_not_taken(TASK)
