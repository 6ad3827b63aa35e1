"""Which pods of a job to make and which to end, and what they add up to.

A pod says which attempt of the job it was made for (`job-version`). Ending a whole job is one
write, which raises the version: pods of an older version are then ended by whoever looks next.
Ending some pods begins with marks on them, `<action>/<retry count>`, which become valid when the
job's retry count reaches theirs; so each restart is counted once, however often the controller is
killed in between.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import msgspec

from shoal.api.pod import Pod
from shoal.api.volcano import keys
from shoal.api.volcano.job import Job, JobPhase, TaskSpec
from shoal.api.volcano.lifecycle import JobAction
from shoal.controllers.volcano.job_defaults import min_available
from shoal.controllers.volcano.job_plugins.hosts import pod_name
from shoal.controllers.volcano.job_pods import index_of, partition_of, task_of, version_of
from shoal.controllers.volcano.job_state import ALIVE, TARGETED, JobTally, is_exhausted

_ANY = "any"
_COUNTED_PHASES = ("Pending", "Running", "Succeeded", "Failed")


class Slot(msgspec.Struct, frozen=True):
    """A pod that should be there and is not."""

    task: TaskSpec
    index: int


class Mark(msgspec.Struct, frozen=True):
    """On a pod that is to be ended without the rest of its job."""

    action: JobAction
    retry_count: int
    """Of the restart that it belongs to."""

    def __str__(self) -> str:
        return f"{self.action}/{self.retry_count}"


def mark_of(pod: Pod) -> Mark | None:
    """None also for a mark that somebody else has set."""
    action, _, count = pod.metadata.annotations.get(keys.OUT_OF_SYNC, "").partition("/")
    if action not in TARGETED or not count.isdecimal():
        return None
    return Mark(JobAction(action), int(count))


def is_marked(job: Job, pod: Pod) -> bool:
    """Whether the restart that the pod is marked for has been counted, so that it may go."""
    mark = mark_of(pod)
    return mark is not None and mark.retry_count <= job.status.retry_count


def begun_restart(job: Job, pods: Iterable[Pod]) -> tuple[JobAction, Pod] | None:
    """A pod whose mark is not valid yet: its restart was begun and must be finished."""
    for pod in pods:
        mark = mark_of(pod)
        if mark is not None and is_current(job, pod) and not is_marked(job, pod):
            return mark.action, pod
    return None


def is_current(job: Job, pod: Pod) -> bool:
    """Whether it was made for this attempt of the job."""
    return version_of(pod) >= job.status.version


def is_wanted(job: Job, pod: Pod) -> bool:
    """Whether the job, as it is now, has a place for the pod."""
    name = task_of(pod)
    task = next((task for task in job.spec.tasks if task.name == name), None)
    return task is not None and 0 <= index_of(pod) < task.replicas


def targets(action: JobAction, task: str, pod: Pod | None, pods: Sequence[Pod]) -> list[Pod]:
    """The pods that an action ends. `task` and `pod`: whose event it answers."""
    match action:
        case JobAction.RESTART_TASK:
            return [each for each in pods if task_of(each) == task]
        case JobAction.RESTART_PARTITION if pod is not None and partition_of(pod):
            partition = partition_of(pod)
            return [e for e in pods if task_of(e) == task and partition_of(e) == partition]
        case JobAction.RESTART_POD | JobAction.RESTART_PARTITION:
            return [pod] if pod is not None else []
        case _:
            return []


def missing(job: Job, pods: Sequence[Pod]) -> list[Slot]:
    """Where there is no pod, not even one that is being ended."""
    names = {pod.metadata.name for pod in pods}
    return [
        Slot(task, index)
        for task in job.spec.tasks
        for index in range(task.replicas)
        if pod_name(job.metadata.name, task.name, index) not in names
    ]


def to_create(job: Job, pods: Sequence[Pod]) -> list[Slot]:
    """What is missing of the tasks that need not wait for others."""
    if job.phase not in ALIVE:
        return []
    slots = missing(job, pods)
    if not slots:
        return []
    may_begin = {task.name: _may_begin(job, task, pods) for task in job.spec.tasks}
    return [slot for slot in slots if may_begin[slot.task.name]]


def _may_begin(job: Job, task: TaskSpec, pods: Sequence[Pod]) -> bool:
    needs = task.depends_on
    if needs is None or not needs.name:
        return True
    by_name = {each.name: each for each in job.spec.tasks}
    is_there = [name in by_name and _has_begun(by_name[name], pods) for name in needs.name]
    return any(is_there) if needs.iteration == _ANY else all(is_there)


def _has_begun(task: TaskSpec, pods: Sequence[Pod]) -> bool:
    begun = sum(_is_up(pod) for pod in pods if task_of(pod) == task.name)
    return begun >= min_available(task)


def _is_up(pod: Pod) -> bool:
    if pod.is_deleting:
        return False
    status = pod.status
    if status.phase == "Succeeded":
        return True
    ready = [each.ready for each in status.container_statuses]
    return status.phase == "Running" and len(ready) == len(pod.spec.containers) and all(ready)


def to_delete(job: Job, pods: Sequence[Pod]) -> list[Pod]:
    """Pods that have to go, those excepted that are going already."""
    return [pod for pod in pods if not pod.is_deleting and _has_to_go(job, pod)]


def _has_to_go(job: Job, pod: Pod) -> bool:
    if job.phase in ALIVE:
        if not is_wanted(job, pod):
            return True
        if pod.is_finished and not is_current(job, pod):
            # Of before the job was suspended: what is done stays done.
            return False
        return is_marked(job, pod) or not is_current(job, pod)
    if job.phase is not JobPhase.RESTARTING:
        return not pod.is_finished
    if pod.is_finished and is_exhausted(job):
        return False
    if is_marked(job, pod):
        return True
    is_kept = pod.is_finished and job.status.state.reason != JobAction.RESTART_JOB
    return not is_current(job, pod) and not is_kept


def tally(job: Job, pods: Sequence[Pod], going: Collection[str]) -> JobTally:
    """`going`: uids of pods that are about to be ended."""
    phases: Counter[str] = Counter()
    by_task: dict[str, Counter[str]] = {}
    terminating = 0
    for pod in pods:
        if pod.is_deleting or pod.metadata.uid in going:
            terminating += 1
            continue
        phase = pod.status.phase if pod.status.phase in _COUNTED_PHASES else "Unknown"
        phases[phase] += 1
        by_task.setdefault(task_of(pod), Counter())[phase] += 1
    return JobTally(
        pending=phases["Pending"],
        running=phases["Running"],
        succeeded=phases["Succeeded"],
        failed=phases["Failed"],
        unknown=phases["Unknown"],
        terminating=terminating,
        by_task=by_task,
    )
