"""Life cycle policies of jobs and tasks: what they may say. Source of verdicts and texts:
Volcano v1.15, pkg/webhooks/admission/jobs/validate/util.go."""

from collections.abc import Iterable, Iterator, Sequence

from shoal.admission.texts import bracketed, errors_occurred
from shoal.api import causes
from shoal.api.duration import duration
from shoal.api.volcano.job import JobSpec
from shoal.api.volcano.lifecycle import JobAction, JobEvent, LifecyclePolicy

_EVENTS = (
    JobEvent.ANY,
    JobEvent.POD_PENDING,
    JobEvent.POD_FAILED,
    JobEvent.POD_EVICTED,
    JobEvent.JOB_UNKNOWN,
    JobEvent.TASK_COMPLETED,
    JobEvent.TASK_FAILED,
    JobEvent.JOB_UPDATED,
)
_ACTIONS = (
    JobAction.ABORT_JOB,
    JobAction.RESTART_JOB,
    JobAction.RESTART_TASK,
    JobAction.RESTART_POD,
    JobAction.RESTART_PARTITION,
    JobAction.TERMINATE_JOB,
    JobAction.COMPLETE_JOB,
    JobAction.RESUME_JOB,
)
_VALID = f" valid events are {bracketed(_EVENTS)}, valid actions are {bracketed(_ACTIONS)};"


def refuse_policies(policies: Sequence[LifecyclePolicy], path: str) -> str:
    """Why the policies at `path` contradict themselves or each other; empty where they do not."""
    events: set[str] = set()
    errors: list[str] = []
    exit_codes: set[int] = set()
    for policy in policies:
        fault = _fault(policy, events, exit_codes, path)
        if fault:
            # As in Volcano: what follows a wrong policy is not looked at.
            errors.append(fault)
            break
    if JobEvent.ANY in events and len(events) > 1:
        errors.append("if there's * here, no other policy should be here")
    return errors_occurred(errors) + _VALID if errors else ""


def unreadable_durations(spec: JobSpec) -> Iterator[str]:
    """Lengths of time that no Go program can read, with the words in which it refuses them."""
    given = [("spec.runningEstimate", spec.running_estimate)]
    given += [("spec.policies", each.timeout) for each in spec.policies]
    for task in spec.tasks:
        given += [("spec.tasks.policies", each.timeout) for each in task.policies]
    for path, text in given:
        if text is None:
            continue
        try:
            duration(text)
        except ValueError as error:
            yield f"{path}: {error}: write a number and its unit, such as 90s, 15m or 1h30m"


def _fault(policy: LifecyclePolicy, events: set[str], exit_codes: set[int], path: str) -> str:
    """What is wrong with one policy; `events` and `exit_codes` of those before it grow."""
    if policy.all_events:
        if policy.exit_code is not None:
            return "must not specify event and exitCode simultaneously"
        return _event_fault(dict.fromkeys(policy.all_events), policy.action, events, path)
    if policy.exit_code is None:
        return "either event and exitCode should be specified"
    if policy.exit_code == 0:
        return "0 is not a valid error code"
    if policy.exit_code in exit_codes:
        return f"duplicate exitCode {policy.exit_code}"
    exit_codes.add(policy.exit_code)
    return ""


def _event_fault(named: Iterable[str], action: str, events: set[str], path: str) -> str:
    for event in named:
        if event not in _EVENTS:
            return str(causes.invalid(path, event, "invalid policy event"))
        if action not in _ACTIONS:
            return str(causes.invalid(path, action, "invalid policy action"))
        if event in events:
            return f"duplicate event {event}  across different policy"
        events.add(event)
    return ""
