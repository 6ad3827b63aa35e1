"""What wakes the Job controller, and of what it is made."""

from collections.abc import Iterator

from shoal.api.core import PRIORITY_CLASSES, EventType
from shoal.api.meta import Object, ObjectKey
from shoal.api.pod import PODS, Pod
from shoal.api.storage import CLAIMS, PersistentVolumeClaim
from shoal.api.volcano.command import COMMANDS, Command
from shoal.api.volcano.job import JOBS, Job
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroup
from shoal.api.volcano.queue import QUEUES, Queue
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.expectations import Expectations
from shoal.controllers.runner import Controller
from shoal.controllers.volcano.job_commands import BY_JOB, JobCommands, index_by_job, job_of
from shoal.controllers.volcano.job_defaults import total_replicas
from shoal.controllers.volcano.job_objects import JobObjects
from shoal.controllers.volcano.job_pods import is_job
from shoal.controllers.volcano.job_reconciler import BY_OWNER, JobReconciler, Listers
from shoal.controllers.volcano.job_writes import JobWrites, group_key

_WORKERS = 16
"""Most of a turn is waiting for writes, which are committed together."""
_LARGE = 100
"""Pods of a job whose turns are worth saving."""
_PAUSE_S_PER_POD = 0.0002
_PAUSE_MAX_S = 1.0


def pause_s(replicas: int) -> float:
    """How long news of a job's pods is gathered before the job has its turn. A turn looks at all
    pods, so one for each change of a large job would take time that grows with their square."""
    return 0.0 if replicas < _LARGE else min(_PAUSE_MAX_S, _PAUSE_S_PER_POD * replicas)


def job_controller(
    client: Client, informers: InformerSet, recorder: EventRecorder, clock: Clock
) -> Controller:
    """Follows jobs, their pods and PodGroups, commands to them, claims and queues."""
    jobs, pods = informers.informer(JOBS), informers.informer(PODS)
    groups, commands = informers.informer(POD_GROUPS), informers.informer(COMMANDS)
    claims, priorities = informers.informer(CLAIMS), informers.informer(PRIORITY_CLASSES)
    pods.add_index(BY_OWNER, _owner_uid)
    commands.add_index(BY_JOB, index_by_job)
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    expectations = Expectations()
    writes = JobWrites(client, pods.lister, groups.lister, expectations, clock)
    carried_out = JobCommands(client, commands.lister)
    reconciler = JobReconciler(
        Listers(jobs.lister, pods.lister, groups.lister, priorities.lister),
        writes,
        carried_out,
        JobObjects(client, claims.lister),
        expectations,
        recorder,
        clock,
    )
    news = _News(queue, jobs.lister, expectations, writes, carried_out, reconciler)
    jobs.add_handler(news.on_job)
    pods.add_handler(news.on_pod)
    groups.add_handler(news.on_group)
    commands.add_handler(news.on_command)
    claims.add_handler(news.on_claim)
    informers.informer(QUEUES).add_handler(news.on_queue)
    return Controller("vcjob", reconciler, queue, _WORKERS)


class _News:
    """Handlers: which job has to be looked at because of what."""

    def __init__(
        self,
        queue: WorkQueue[ObjectKey],
        jobs: Lister[Job],
        expectations: Expectations,
        writes: JobWrites,
        commands: JobCommands,
        reconciler: JobReconciler,
    ) -> None:
        self._queue = queue
        self._jobs = jobs
        self._expectations = expectations
        self._writes = writes
        self._commands = commands
        self._reconciler = reconciler

    def on_job(self, old: Job | None, new: Job | None) -> None:
        job = new or old
        if job is not None and not (old and new and self._writes.is_own(new)):
            self._queue.add(job.metadata.key)

    def on_pod(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        key = _owner_key(pod)
        if pod is None or key is None:
            return
        meta = pod.metadata
        if new is not None:
            self._expectations.observe_created(key, meta.name)
        if new is None or new.is_deleting:
            self._expectations.observe_deleted(key, meta.uid)
        if old is None or new is None or _matters(old) != _matters(new):
            job = self._jobs.get(key)
            self._queue.add_after(key, pause_s(total_replicas(job)) if job is not None else 0.0)

    def on_group(self, old: PodGroup | None, new: PodGroup | None) -> None:
        group = new or old
        key = _owner_key(group)
        if group is None or key is None:
            return
        if new is None:
            self._writes.group_is_gone(group)
        else:
            self._expectations.observe_created(key, group_key(group.metadata.name))
            self._tell_why(old, new)
        if old is None or new is None or old.status.phase != new.status.phase:
            self._queue.add(key)

    def _tell_why(self, old: PodGroup | None, new: PodGroup) -> None:
        """A job's events say why its pods are not placed, each time that the reason changes."""
        why = _unschedulable(new)
        if old is None or not why or why == _unschedulable(old):
            return
        controller, meta = new.metadata.controller, new.metadata
        assert controller is not None, "it is of a job"
        job = ObjectKey(meta.namespace, controller.name)
        self._reconciler.tell(
            job,
            EventType.WARNING,
            "PodGroupPending",
            f"PodGroup {meta.namespace}:{controller.name} unschedule,reason: {why}",
        )

    def on_command(self, old: Command | None, new: Command | None) -> None:
        command = new or old
        key = job_of(command) if command is not None else None
        if command is None or key is None:
            return
        if new is None:
            self._commands.forget(command)
        self._queue.add(key)

    def on_claim(
        self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None
    ) -> None:
        if old is None and new is not None:
            for key in self._reconciler.take_waiters(new.metadata.key):
                self._queue.add(key)

    def on_queue(self, old: Queue | None, new: Queue | None) -> None:
        if new is not None and new.is_open and (old is None or not old.is_open):
            for key in self._reconciler.take_waiters(new.metadata.key):
                self._queue.add(key)


def _owner_uid(pod: Pod) -> Iterator[str]:
    controller = pod.metadata.controller
    if controller is not None and is_job(controller):
        yield controller.uid


def _owner_key(owned: Object | None) -> ObjectKey | None:
    controller = owned.metadata.controller if owned is not None else None
    if owned is None or controller is None or not is_job(controller):
        return None
    return ObjectKey(owned.metadata.namespace, controller.name)


def _matters(pod: Pod) -> object:
    """What a job's turn depends on."""
    status = pod.status
    return (
        status.phase,
        pod.is_deleting,
        [(each.ready, each.restart_count) for each in status.container_statuses],
        pod.metadata.annotations,
    )


def _unschedulable(group: PodGroup) -> str:
    found = next((c for c in group.status.conditions if c.type == "Unschedulable"), None)
    return found.message if found is not None and found.status == "True" else ""
