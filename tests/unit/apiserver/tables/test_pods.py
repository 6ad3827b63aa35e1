"""The STATUS, READY and RESTARTS of pods, as a real cluster prints them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shoal.apiserver.tables.pods import PODS

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TRUE = {"status": "True"}


def terminated(reason: str = "", exit_code: int = 0, **more: Any) -> dict[str, Any]:
    state = {"exitCode": exit_code, **more}
    return {"state": {"terminated": {**state, "reason": reason} if reason else state}}


def waiting(reason: str) -> dict[str, Any]:
    return {"state": {"waiting": {"reason": reason}}}


RUNNING: dict[str, Any] = {"ready": True, "started": True, "state": {"running": {}}}
STARTING: dict[str, Any] = {"ready": False, "state": {"running": {}}}


def pod(
    *containers: dict[str, Any],
    phase: str = "Running",
    init: list[dict[str, Any]] | None = None,
    sidecars: int = 0,
    conditions: list[dict[str, Any]] | None = None,
    size: int | None = None,
    deleted: bool = False,
    **status: Any,
) -> dict[str, Any]:
    """A pod of these container statuses; the first `sidecars` init containers are sidecars."""
    init = init or []
    metadata: dict[str, Any] = {"name": "p", "creationTimestamp": "2026-01-01T11:00:00Z"}
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-01T12:00:00Z"
    init_containers = [
        {"name": f"i{n}", **({"restartPolicy": "Always"} if n < sidecars else {})}
        for n in range(len(init))
    ]
    count = len(containers) if size is None else size
    return {
        "metadata": metadata,
        "spec": {
            "containers": [{"name": f"c{n}"} for n in range(count)],
            "initContainers": init_containers,
        },
        "status": {
            "phase": phase,
            "containerStatuses": [{"name": f"c{n}", **c} for n, c in enumerate(containers)],
            "initContainerStatuses": [{"name": f"i{n}", **c} for n, c in enumerate(init)],
            "conditions": conditions or [],
            **status,
        },
    }


def row(obj: dict[str, Any]) -> dict[str, Any]:
    cells = PODS.cells(obj, NOW)
    return dict(zip([column.name for column in PODS.columns], cells, strict=True))


@pytest.mark.parametrize(
    ("obj", "ready", "status"),
    [
        (pod(phase="Pending", size=1), "0/1", "Pending"),
        (pod(RUNNING), "1/1", "Running"),
        (pod(RUNNING, STARTING), "1/2", "Running"),
        (pod(waiting("ContainerCreating"), phase="Pending"), "0/1", "ContainerCreating"),
        (pod(waiting("CrashLoopBackOff")), "0/1", "CrashLoopBackOff"),
        (pod(RUNNING, waiting("ErrImagePull")), "1/2", "ErrImagePull"),
        (pod(terminated("Completed"), phase="Succeeded"), "0/1", "Completed"),
        (pod(terminated("Error", 1), phase="Failed"), "0/1", "Error"),
        (pod(terminated("OOMKilled", 137)), "0/1", "OOMKilled"),
        (pod(terminated(exit_code=3)), "0/1", "ExitCode:3"),
        (pod(terminated(exit_code=137, signal=9)), "0/1", "Signal:9"),
        # The first container's reason wins over those after it.
        (pod(terminated("Error", 1), terminated("Completed")), "0/2", "Error"),
        # One of two has ended and the other runs on.
        (
            pod(terminated("Completed"), RUNNING, conditions=[{"type": "Ready", **TRUE}]),
            "1/2",
            "Running",
        ),
        (pod(terminated("Completed"), RUNNING), "1/2", "NotReady"),
        (pod(phase="Failed", size=1, reason="Evicted"), "0/1", "Evicted"),
        (
            pod(
                phase="Pending",
                size=1,
                conditions=[{"type": "PodScheduled", "reason": "SchedulingGated"}],
            ),
            "0/1",
            "SchedulingGated",
        ),
        (pod(RUNNING, deleted=True), "1/1", "Terminating"),
        (pod(RUNNING, deleted=True, reason="NodeLost"), "1/1", "Unknown"),
        (pod(terminated("Completed"), phase="Succeeded", deleted=True), "0/1", "Completed"),
    ],
)
def test_containers_decide_the_status(obj: dict[str, Any], ready: str, status: str) -> None:
    assert (row(obj)["Ready"], row(obj)["Status"]) == (ready, status)


@pytest.mark.parametrize(
    ("init", "status"),
    [
        ([STARTING, waiting("PodInitializing")], "Init:0/2"),
        ([terminated("Completed"), STARTING], "Init:1/2"),
        ([terminated("Error", 1), waiting("PodInitializing")], "Init:Error"),
        ([terminated(exit_code=2)], "Init:ExitCode:2"),
        ([terminated(exit_code=130, signal=2)], "Init:Signal:2"),
        ([waiting("CrashLoopBackOff")], "Init:CrashLoopBackOff"),
        ([waiting("PodInitializing")], "Init:0/1"),
        ([terminated("Completed")], "PodInitializing"),
    ],
)
def test_an_init_container_that_is_not_done_comes_first(
    init: list[dict[str, Any]], status: str
) -> None:
    obj = pod(waiting("PodInitializing"), phase="Pending", init=init)
    assert row(obj)["Status"] == status


def test_started_sidecars_count_as_containers() -> None:
    obj = pod(RUNNING, init=[RUNNING, terminated("Completed")], sidecars=1)
    assert (row(obj)["Ready"], row(obj)["Status"]) == ("2/2", "Running")


def test_a_sidecar_that_has_not_started_holds_the_pod_in_init() -> None:
    init = [{"ready": False, "started": False, "state": {"running": {}}}]
    obj = pod(waiting("PodInitializing"), init=init, sidecars=1, phase="Pending")
    assert (row(obj)["Ready"], row(obj)["Status"]) == ("0/2", "Init:0/1")


def test_a_sidecar_that_crashes_later_is_shown_with_its_restarts() -> None:
    init = [{**waiting("CrashLoopBackOff"), "restartCount": 4}]
    conditions = [{"type": "Initialized", **TRUE}]
    shown = row(pod(RUNNING, init=init, sidecars=1, conditions=conditions))
    assert (shown["Status"], shown["Ready"]) == ("Init:CrashLoopBackOff", "1/2")
    assert shown["Restarts"] == "4"


def ended(at: str, restarts: int) -> dict[str, Any]:
    return {"restartCount": restarts, "lastState": {"terminated": {"finishedAt": at}}}


def test_restarts_tell_when_the_last_one_was() -> None:
    obj = pod(
        {**RUNNING, **ended("2026-01-01T11:55:00Z", 2)},
        {**RUNNING, **ended("2026-01-01T11:50:00Z", 1)},
    )
    assert row(obj)["Restarts"] == "3 (5m ago)"


def test_restarts_without_a_time_are_a_number() -> None:
    assert row(pod({**RUNNING, "restartCount": 2}))["Restarts"] == "2"
    assert row(pod(RUNNING))["Restarts"] == "0"


def test_restarts_of_init_containers_are_forgotten_once_they_are_done() -> None:
    init = [{**terminated("Completed"), **ended("2026-01-01T11:55:00Z", 5)}]
    assert row(pod(RUNNING, init=init))["Restarts"] == "0"
    init = [{**waiting("CrashLoopBackOff"), **ended("2026-01-01T11:55:00Z", 5)}]
    assert row(pod(init=init, size=1))["Restarts"] == "5 (5m ago)"


def test_wide_cells_say_where_the_pod_is() -> None:
    obj = pod(RUNNING, podIPs=[{"ip": "127.1.2.3"}])
    obj["spec"] |= {"nodeName": "n1", "readinessGates": [{"conditionType": "a"}]}
    obj["status"]["conditions"] = [{"type": "a", **TRUE}]
    shown = row(obj)
    assert shown["IP"] == "127.1.2.3"
    assert shown["Node"] == "n1"
    assert shown["Nominated Node"] == "<none>"
    assert shown["Readiness Gates"] == "1/1"


def test_a_pod_without_anything_is_printed() -> None:
    bare = {"metadata": {"name": "p"}}
    assert PODS.cells(bare, NOW) == [
        "p", "0/0", "", "0", "<unknown>", "<none>", "<none>", "<none>", "<none>"
    ]  # fmt: skip
