"""What a container's result file says, and the status it becomes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shoal.api.meta import ObjectMeta
from shoal.api.ploto import Assignment, Task, TaskPhase, TaskStatus
from shoal.api.ploto_status import cut, finished
from shoal.executor.results import is_wanted, parse_result


@pytest.mark.parametrize(
    ("content", "phase", "message", "output"),
    [
        (b'{"phase": "Completed"}', "Completed", "", ""),
        (b'{"phase": "Failed", "message": "no disk"}', "Failed", "no disk", ""),
        (b'{"phase": "Completed", "output": {"a": 1}}', "Completed", "", '{"a": 1}'),
        (b'{"phase": "Completed", "message": null, "more": 1}', "Completed", "", ""),
        (b"done", "Failed", "it is not JSON", ""),
        (b"\xff", "Failed", "it is not JSON", ""),
        (b"[]", "Failed", "it is not an object", ""),
        (b'{"phase": "Done"}', "Failed", "its phase is 'Done'", ""),
        (b"{}", "Failed", "its phase is None", ""),
    ],
)
def test_a_result_is_read_or_is_a_failure_that_says_why(
    content: bytes, phase: str, message: str, output: str
) -> None:
    result = parse_result(content)
    assert result.phase is TaskPhase(phase)
    assert message in result.message
    assert result.output == output


def test_long_output_is_cut_between_characters() -> None:
    assert cut("aé", 2) == "a"
    assert len(cut("é" * 5000, 4096).encode()) == 4096


def test_every_status_holds_what_plotos_own_definition_requires() -> None:
    body = finished(
        phase=TaskPhase.COMPLETED,
        message="",
        output="x" * 5000,
        pod_name="pool-a",
        failed_time=2,
        started_at=None,
        resource_version="7",
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert body["metadata"] == {"resourceVersion": "7"}
    assert body["status"]["executorPodName"] == "pool-a"
    assert body["status"]["failedTime"] == 2
    assert len(body["status"]["output"]) == 4096


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"phase": "Completed"}, False),
        ({"executor_pod_name": "pool-b"}, False),
        ({"failed_time": 1}, False),
    ],
)
def test_a_run_is_wanted_while_the_status_tells_of_it(
    changes: dict[str, Any], expected: bool
) -> None:
    assignment = Assignment(name="task", namespace="default", uid="u", attempt=1)
    status = TaskStatus(**{"phase": "Running", "executor_pod_name": "pool-a", **changes})
    task = Task(metadata=ObjectMeta(name="task", uid="u"), status=status)
    assert is_wanted(assignment, task, "pool-a") is expected
    other = Task(metadata=ObjectMeta(name="task", uid="other"), status=status)
    assert not is_wanted(assignment, other, "pool-a")
