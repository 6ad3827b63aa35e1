"""What the status of a job may say, and how it may change: no job comes back from its end, and
none is counted back, whoever manages it.

Source of rules and texts: Kubernetes v1.36, pkg/apis/batch/validation (validateJobStatus) and
pkg/registry/batch/job/strategy.go.
"""

from collections.abc import Iterator

from shoal.api import causes
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.probes import non_negative

_PATH = "status"
_FINAL = ("Failed", "Complete", "FailureTarget", "SuccessCriteriaMet")
_EXCLUSIVE = (
    ("Complete", "Failed", "cannot set Complete=True and Failed=true conditions"),
    ("Complete", "FailureTarget", "cannot set Complete=True and FailureTarget=true conditions"),
    (
        "SuccessCriteriaMet",
        "Failed",
        "cannot set SuccessCriteriaMet=True and Failed=true conditions",
    ),
    (
        "SuccessCriteriaMet",
        "FailureTarget",
        "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions",
    ),
)


def job_status_causes(job: JsonObject, old: JsonObject) -> list[Cause]:
    status: JsonObject = job.get("status") or {}
    before: JsonObject = old.get("status") or {}
    if status == before:
        return []
    true, was_true = _true_conditions(status), _true_conditions(before)
    return [
        *_numbers(status),
        *_conditions(true, was_true),
        *_times(job, status, before, true),
        *_of_finished(status, true),
        *_counters(job, status, before),
    ]


def _true_conditions(status: JsonObject) -> set[str]:
    return {
        condition.get("type", "")
        for condition in status.get("conditions") or ()
        if condition.get("status") == "True"
    }


def _numbers(status: JsonObject) -> Iterator[Cause]:
    for field in ("active", "succeeded", "failed", "ready", "terminating"):
        if status.get(field):
            yield from non_negative(status[field], f"{_PATH}.{field}")


def _conditions(true: set[str], was_true: set[str]) -> Iterator[Cause]:
    for one, other, text in _EXCLUSIVE:
        if one in true and other in true:
            yield _of_conditions(text)
    for name in _FINAL:
        if name in was_true and name not in true:
            terminal = "" if name == "SuccessCriteriaMet" else "terminal "
            yield _of_conditions(f"cannot disable the {terminal}{name}=True condition")


def _of_conditions(text: str) -> Cause:
    return Cause(f"{_PATH}.conditions", f"Invalid value: {text}", "FieldValueInvalid")


def _times(
    job: JsonObject, status: JsonObject, before: JsonObject, true: set[str]
) -> Iterator[Cause]:
    started, completed = status.get("startTime"), status.get("completionTime")
    path = f"{_PATH}.completionTime"
    if completed is not None:
        if "Complete" not in true:
            text = "cannot set completionTime when there is no Complete=True condition"
            yield causes.invalid(path, completed, text)
        if before.get("completionTime") not in {None, completed}:
            yield causes.invalid(path, completed, "completionTime cannot be mutated")
        if started is not None and completed < started:
            text = "completionTime cannot be set before startTime"
            yield causes.invalid(path, completed, text)
    elif "Complete" in true:
        yield causes.required(path, "completionTime is required for Complete jobs")
    is_suspended = (job.get("spec") or {}).get("suspend")
    if before.get("startTime") not in {None, started} and not is_suspended:
        text = "startTime cannot be removed for unsuspended job"
        yield causes.required(f"{_PATH}.startTime", text)


def _of_finished(status: JsonObject, true: set[str]) -> Iterator[Cause]:
    if not true & {"Complete", "Failed"}:
        return
    if status.get("active", 0) > 0:
        text = "active>0 is invalid for finished job"
        yield causes.invalid(f"{_PATH}.active", status["active"], text)
    if status.get("startTime") is None:
        yield causes.required(f"{_PATH}.startTime", "startTime is required for finished job")
    uncounted: JsonObject = status.get("uncountedTerminatedPods") or {}
    if uncounted.get("succeeded") or uncounted.get("failed"):
        text = "uncountedTerminatedPods needs to be empty for finished job"
        yield causes.invalid(f"{_PATH}.uncountedTerminatedPods", uncounted, text)


def _counters(job: JsonObject, status: JsonObject, before: JsonObject) -> Iterator[Cause]:
    spec: JsonObject = job.get("spec") or {}
    can_shrink = spec.get("completionMode") == "Indexed" and spec.get("completions") == spec.get(
        "parallelism"
    )
    fields = ("failed",) if can_shrink else ("failed", "succeeded")
    for field in fields:
        if status.get(field, 0) < before.get(field, 0):
            text = f"cannot decrease the {field} counter"
            yield causes.invalid(f"{_PATH}.{field}", status.get(field, 0), text)
