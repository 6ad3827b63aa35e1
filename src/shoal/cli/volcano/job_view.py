"""`shoal job view`: one screen on a job: tasks, PodGroup, pods, and what has happened."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime

from shoal.api.core import EVENTS, Event
from shoal.api.volcano import keys
from shoal.api.volcano.job import DEFAULT_MAX_RETRY, JOBS, Job, TaskSpec, TaskState
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroup
from shoal.apiserver.tables.age import human_duration
from shoal.base.clock import SystemClock
from shoal.cli.output import print_rows
from shoal.cli.phrases import event_line, lasting
from shoal.cli.volcano.group_story import needs_text, verdict_lines
from shoal.cli.volcano.pods import PodRow, pod_rows
from shoal.client.protocol import Client

SHOWN_EVENTS = 10
_EVENT_WIDTH = 160
_TASK_HEADS = (
    "Task",
    "Replicas",
    "Min",
    "Pending",
    "Running",
    "Succeeded",
    "Failed",
    "Unknown",
    "After",
)
_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
_POD_HEADS = ("Pod", "Task", "Ready", "Status", "Restart", "Age", "Node")


async def view_job(client: Client, name: str, namespace: str) -> None:
    """Raises ApiError where there is no such job."""
    job = await client.get(JOBS, name, namespace)
    groups, pods, events = await asyncio.gather(
        client.list(POD_GROUPS, namespace),
        pod_rows(client, namespace, f"{keys.JOB_NAME}={name}"),
        client.list(EVENTS, namespace),
    )
    now = SystemClock().now()
    group = group_of(job, groups.items)
    print("\n".join(head_lines(job, now)))
    print()
    print_rows(_TASK_HEADS, task_rows(job), is_upper=False)
    print("\n" + "\n".join(group_lines(group, now)))
    if pods:
        print()
        rows = [_pod_cells(each) for each in sorted(pods, key=_place)]
        print_rows(_POD_HEADS, rows, is_upper=False)
    about = {job.metadata.uid, *(each.metadata["uid"] for each in pods)}
    if group is not None:
        about.add(group.metadata.uid)
    lines = event_lines([each for each in events.items if each.involved_object.uid in about], now)
    print("\n" + "\n".join(lines))


def group_of(job: Job, groups: Sequence[PodGroup]) -> PodGroup | None:
    """The one that it owns; it may not have been made yet."""
    uid = job.metadata.uid
    for group in groups:
        if any(owner.uid == uid for owner in group.metadata.owner_references):
            return group
    names = (f"{job.metadata.name}-{uid}", job.metadata.name)
    return next((each for each in groups if each.metadata.name in names), None)


def head_lines(job: Job, now: datetime) -> list[str]:
    spec, status, state = job.spec, job.status, job.status.state
    created = job.metadata.creation_timestamp
    why = ": ".join(filter(None, (state.reason, state.message)))
    wanted = sum(task.replicas for task in spec.tasks)
    facts = {
        "Name": job.metadata.name,
        "Namespace": job.metadata.namespace,
        "Queue": spec.queue or "default",
        "Phase": job.phase.value
        + lasting(state.last_transition_time, now)
        + (f" ({why})" if why else ""),
        "Pods": f"{spec.min_available or wanted} of {wanted} are placed together",
        "Restarts": f"{status.retry_count} of {spec.max_retry or DEFAULT_MAX_RETRY}",
        "Scheduler": spec.scheduler_name,
        "Priority": spec.priority_class_name,
        "Plugins": ", ".join(sorted(spec.plugins)),
        "Age": "" if created is None else human_duration(now - created),
        "Ran for": status.running_duration or "",
    }
    return [f"{key + ':':<12}{text}" for key, text in facts.items() if text]


def task_rows(job: Job) -> Iterator[tuple[object, ...]]:
    """Pods of each task by phase, and which tasks come first."""
    for place, task in enumerate(job.spec.tasks):
        name = task.name or f"default{place}"
        phases = job.status.task_status_count.get(name, TaskState()).phase
        minimum = task.replicas if task.min_available is None else task.min_available
        counts = (phases.get(phase, 0) for phase in _PHASES)
        yield (name, task.replicas, minimum, *counts, _first(task))


def _first(task: TaskSpec) -> str:
    if task.depends_on is None or not task.depends_on.name:
        return "-"
    joint = " or " if task.depends_on.iteration == "any" else ", "
    return joint.join(task.depends_on.name)


def group_lines(group: PodGroup | None, now: datetime) -> list[str]:
    """Its phase, and what it was told last."""
    if group is None:
        return ["PodGroup: none"]
    head = f"PodGroup {group.metadata.name} is {group.phase}; it needs {needs_text(group)}"
    return [head, *verdict_lines(group, now)]


def _place(row: PodRow) -> tuple[str, int, str]:
    index = row.labels.get(keys.TASK_INDEX) or row.annotations.get(keys.TASK_INDEX, "")
    return row.task, int(index) if index.isdigit() else 0, str(row.metadata["name"])


def _pod_cells(row: PodRow) -> tuple[object, ...]:
    cells = row.cells
    return (
        cells["Name"],
        row.task or "-",
        cells["Ready"],
        cells["Status"],
        cells["Restarts"],
        cells["Age"],
        cells.get("Node") or "<none>",
    )


def event_lines(events: Sequence[Event], now: datetime) -> list[str]:
    """The latest, the newest last."""
    ordered = sorted(events, key=lambda each: each.last_timestamp or now)
    if not ordered:
        return ["Events: none"]
    shown = ordered[-SHOWN_EVENTS:]
    left = len(ordered) - len(shown)
    head = f"Events (the latest of {len(ordered)}):" if left else "Events:"
    return [head, *(_shortened(event_line(each, now), _about(each)) for each in shown)]


def _shortened(line: str, about: str) -> str:
    """To a line or two of a terminal."""
    is_long = len(line) > _EVENT_WIDTH
    return (f"{line[:_EVENT_WIDTH]}..." if is_long else line) + about


def _about(event: Event) -> str:
    """Whom it is about, where it is not the job itself."""
    involved = event.involved_object
    return "" if involved.kind == JOBS.kind else f" ({involved.kind} {involved.name})"
