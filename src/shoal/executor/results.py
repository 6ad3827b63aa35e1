"""What a container left in `result.json`, made sense of; and whether a run is still wanted."""

import json
from dataclasses import dataclass
from typing import Any

from shoal.api.ploto import Assignment, Task, TaskPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    phase: TaskPhase
    """Completed or Failed."""
    message: str = ""
    output: str = ""


def parse_result(content: bytes) -> TaskResult:
    """A result that makes no sense is a failure that says so: the container is done anyway."""
    try:
        fields: Any = json.loads(content)
    except ValueError as error:
        return _nonsense(f"it is not JSON: {error}")
    if not isinstance(fields, dict):
        return _nonsense("it is not an object")
    match fields.get("phase"):
        case "Completed":
            phase = TaskPhase.COMPLETED
        case "Failed":
            phase = TaskPhase.FAILED
        case other:
            return _nonsense(f"its phase is {other!r} and has to be Completed or Failed")
    return TaskResult(
        phase=phase, message=_text(fields.get("message")), output=_text(fields.get("output"))
    )


def is_wanted(assignment: Assignment, task: Task, pod_name: str) -> bool:
    """Is this run still the one that the task's status tells of?"""
    return (
        task.metadata.uid == assignment.uid
        and task.phase is TaskPhase.RUNNING
        and task.status.executor_pod_name == pod_name
        and task.attempt == assignment.attempt
    )


def _nonsense(why: str) -> TaskResult:
    return TaskResult(phase=TaskPhase.FAILED, message=f"cannot read result.json: {why}")


def _text(value: object) -> str:
    """Texts as they are, other JSON as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
