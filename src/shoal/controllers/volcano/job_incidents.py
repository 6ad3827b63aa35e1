"""What has happened to a job, read off its pods as they are now.

Nothing is remembered from watch events: a controller that was killed sees the same incidents when
it comes back, and an incident is there until an action has answered it. Volcano learns of them
from events, so one that arrives after the job has finished is missed there. Source of the events:
Volcano v1.15, pkg/controllers/job/job_controller_handler.go.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from shoal.api.pod import ContainerStatus, Pod
from shoal.api.volcano.job import Job, TaskSpec
from shoal.api.volcano.lifecycle import JobAction, JobEvent
from shoal.api.volcano.pod_group import PodGroup, PodGroupPhase
from shoal.controllers.volcano.job_plugins.hosts import pod_name
from shoal.controllers.volcano.job_pod_plan import Slot, is_current, is_wanted, mark_of, missing
from shoal.controllers.volcano.job_pods import task_of, version_of
from shoal.controllers.volcano.job_policies import Occurrence, reaction
from shoal.controllers.volcano.job_state import RESTARTS, TARGETED

_TRACELESS = frozenset({JobEvent.POD_EVICTED, JobEvent.JOB_UPDATED})
_NEVER = -1
"""`maxRetry` of a task whose restarts do not count."""

UNANSWERED = "shoal.io/unanswered"
"""Annotation of a job: `Answer.unanswered`."""
_JOB = ""
"""In place of a pod's name: the job itself was changed."""


class _Note(msgspec.Struct, frozen=True):
    version: int
    since: dict[str, datetime]


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """Something that has happened to a job and lasts until an action answers it."""

    event: JobEvent
    since: datetime
    task: str = ""
    pod: str = ""
    """Name; empty where it is about a whole task or the job."""
    version: int
    exit_code: int = 0

    @property
    def sentence(self) -> str:
        """For people."""
        where = f" of pod {self.pod}" if self.pod else f" of task {self.task}" if self.task else ""
        code = f" with exit code {self.exit_code}" if self.exit_code else ""
        return f"{self.event}{where}{code}"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the policies make of all incidents."""

    action: JobAction = JobAction.SYNC_JOB
    incident: Incident | None = None
    """What the action answers."""
    next_due: datetime | None = None
    """When a delayed action will be due."""
    awaits_restart: bool = False
    """Whether one of the delayed actions will restart something: the job is not finished yet."""
    unanswered: Mapping[str, datetime] = {}
    """Incidents that leave no trace and that a delayed action will answer: evictions by pod, and
    a change of the job under an empty name."""


def answer(job: Job, incidents: Sequence[Incident], now: datetime) -> Answer:
    """The oldest incident that asks for an action now has its way; the others come later."""
    next_due: datetime | None = None
    awaits_restart = False
    unanswered: dict[str, datetime] = {}
    answered: Answer | None = None
    for incident in sorted(incidents, key=lambda each: (each.since, each.pod)):
        react = reaction(job, _occurrence(job, incident))
        if react.action is JobAction.SYNC_JOB or (react.action in TARGETED and not incident.task):
            continue
        due = incident.since + timedelta(seconds=react.delay_s)
        if react.delay_s == 0 or due <= now:
            answered = answered or Answer(action=react.action, incident=incident)
            continue
        next_due = due if next_due is None else min(due, next_due)
        awaits_restart = awaits_restart or react.action in RESTARTS
        if incident.event in _TRACELESS:
            unanswered.setdefault(incident.pod, incident.since)
    if answered is not None:
        return answered
    return Answer(next_due=next_due, awaits_restart=awaits_restart, unanswered=unanswered)


def _occurrence(job: Job, incident: Incident) -> Occurrence:
    return Occurrence(
        event=incident.event,
        job_uid=job.metadata.uid,
        version=incident.version,
        task=incident.task,
        exit_code=incident.exit_code,
    )


def incidents(
    job: Job,
    pods: Sequence[Pod],
    group: PodGroup | None,
    now: datetime,
    *,
    is_changed: bool,
) -> list[Incident]:
    """All of them. `is_changed`: the job is not what its group was made from."""
    wanted = [pod for pod in pods if is_wanted(job, pod)]
    current = [pod for pod in wanted if is_current(job, pod) and mark_of(pod) is None]
    found = [each for pod in current for each in _of_pod(pod)]
    found += _vanished(job, pods, wanted, now)
    running = {pod.metadata.name for pod in current if pod.status.phase == "Running"}
    seen = {each.pod for each in found if each.event is JobEvent.POD_EVICTED}
    found += _noted(job, running | seen)
    if is_changed:
        found.append(_change(job, now))
    by_task: dict[str, list[Pod]] = {}
    for pod in wanted:
        by_task.setdefault(task_of(pod), []).append(pod)
    for task in job.spec.tasks:
        found += _of_task(job, task, by_task.get(task.name, []), now)
    return [*found, *_of_group(job, group, now)]


def _noted(job: Job, settled: Collection[str]) -> Iterator[Incident]:
    """What was written down; not of pods that are `settled`."""
    noted = _read_note(job)
    if not noted:
        return
    if _JOB in noted:
        yield _change(job, noted[_JOB])
    for slot in _slots(job):
        name = _name(job, slot)
        if name in noted and name not in settled:
            yield _eviction(job, slot, noted[name])


def _read_note(job: Job) -> Mapping[str, datetime]:
    """`Answer.unanswered`, as it was written down during this attempt of the job."""
    text = job.metadata.annotations.get(UNANSWERED)
    if text is None:
        return {}
    try:
        note = msgspec.json.decode(text, type=_Note)
    except msgspec.DecodeError:
        return {}
    return note.since if note.version == job.status.version else {}


def note_of(job: Job, unanswered: Mapping[str, datetime]) -> str | None:
    """The annotation; None where there is nothing to write down."""
    if not unanswered:
        return None
    note = _Note(version=job.status.version, since=dict(sorted(unanswered.items())))
    return msgspec.json.encode(note).decode()


def _slots(job: Job) -> Iterator[Slot]:
    return (Slot(task, index) for task in job.spec.tasks for index in range(task.replicas))


def _name(job: Job, slot: Slot) -> str:
    return pod_name(job.metadata.name, slot.task.name, slot.index)


def _eviction(job: Job, slot: Slot, since: datetime) -> Incident:
    return Incident(
        event=JobEvent.POD_EVICTED,
        since=since,
        task=slot.task.name,
        pod=_name(job, slot),
        version=job.status.version,
    )


def _change(job: Job, since: datetime) -> Incident:
    return Incident(event=JobEvent.JOB_UPDATED, since=since, version=job.status.version)


def _of_pod(pod: Pod) -> Iterator[Incident]:
    meta = pod.metadata
    if meta.deletion_timestamp is not None:
        grace = timedelta(seconds=meta.deletion_grace_period_seconds or 0)
        yield _pod_incident(pod, JobEvent.POD_EVICTED, meta.deletion_timestamp - grace)
    elif pod.status.phase == "Failed":
        since = max(_ends(pod), default=meta.creation_timestamp)
        yield _pod_incident(pod, JobEvent.POD_FAILED, since, exit_code(pod))
    elif pod.status.phase == "Pending":
        yield _pod_incident(pod, JobEvent.POD_PENDING, meta.creation_timestamp)


def _pod_incident(
    pod: Pod, event: JobEvent, since: datetime | None, exit_code: int = 0
) -> Incident:
    assert since is not None, "the server dates every pod"
    return Incident(
        event=event,
        since=since,
        task=task_of(pod),
        pod=pod.metadata.name,
        version=version_of(pod),
        exit_code=exit_code,
    )


def exit_code(pod: Pod) -> int:
    """Of the first container that failed; Volcano looks at the very first only."""
    for status in _statuses(pod):
        ended = status.state.terminated
        if ended is not None and ended.exit_code != 0:
            return ended.exit_code
    return 0


def _statuses(pod: Pod) -> list[ContainerStatus]:
    return [*pod.status.container_statuses, *pod.status.init_container_statuses]


def _ends(pod: Pod) -> Iterator[datetime]:
    """When containers ended, restarted ones too."""
    for status in _statuses(pod):
        for state in (status.state, status.last_state):
            if state.terminated is not None and state.terminated.finished_at is not None:
                yield state.terminated.finished_at


def _vanished(
    job: Job, pods: Sequence[Pod], wanted: Sequence[Pod], now: datetime
) -> Iterator[Incident]:
    """Pods that the job counted last time and that are gone without a trace: removed at once, or
    while no controller ran."""
    counted = {
        name: sum(state.phase.values()) for name, state in job.status.task_status_count.items()
    }
    if not any(counted.values()):
        return
    there: dict[str, int] = {}
    for pod in wanted:
        if not pod.is_deleting:
            there[task_of(pod)] = there.get(task_of(pod), 0) + 1
    for slot in missing(job, pods):
        task = slot.task
        if min(counted.get(task.name, 0), task.replicas) > there.get(task.name, 0):
            there[task.name] = there.get(task.name, 0) + 1
            yield _eviction(job, slot, now)


def _of_task(job: Job, task: TaskSpec, pods: Sequence[Pod], now: datetime) -> Iterator[Incident]:
    """`pods`: those of the task that the job wants."""
    pods = [pod for pod in pods if not pod.is_deleting and mark_of(pod) is None]
    if not any(is_current(job, pod) for pod in pods):
        return
    since = max((end for pod in pods for end in _ends(pod)), default=now)
    if sum(pod.status.phase == "Succeeded" for pod in pods) == task.replicas:
        last = max(pods, key=lambda pod: max(_ends(pod), default=since))
        yield _task_incident(job, JobEvent.TASK_COMPLETED, last, since)
    restarts = {pod.metadata.name: _restarts(pod) for pod in pods if not pod.is_finished}
    if task.max_retry != _NEVER and sum(restarts.values()) >= task.max_retry:
        worst = max(pods, key=lambda pod: restarts.get(pod.metadata.name, 0))
        yield _task_incident(job, JobEvent.TASK_FAILED, worst, since)


def _task_incident(job: Job, event: JobEvent, pod: Pod, since: datetime) -> Incident:
    """`pod` is the one that had the task come to this."""
    return Incident(
        event=event,
        since=since,
        task=task_of(pod),
        pod=pod.metadata.name,
        version=job.status.version,
    )


def _restarts(pod: Pod) -> int:
    return sum(status.restart_count for status in pod.status.container_statuses)


def _of_group(job: Job, group: PodGroup | None, now: datetime) -> Iterator[Incident]:
    if group is None or group.phase is not PodGroupPhase.UNKNOWN:
        return
    times = [each.last_transition_time for each in group.status.conditions]
    since = max((time for time in times if time is not None), default=now)
    yield Incident(event=JobEvent.JOB_UNKNOWN, since=since, version=job.status.version)
