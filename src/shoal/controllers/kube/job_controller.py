"""What wakes the Job controller, and of what it is made."""

from collections.abc import Iterator

from shoal.api.batch import CONTROLLER_UID_LABEL, JOBS, Job
from shoal.api.meta import ObjectKey
from shoal.api.pod import PODS, Pod
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.expectations import Expectations
from shoal.controllers.kube.job import BY_JOB, UNOWNED, BatchJobReconciler
from shoal.controllers.kube.job_orphans import OrphanReleaser, is_orphan
from shoal.controllers.kube.job_pods import is_job, is_tracked
from shoal.controllers.kube.job_writes import JobPodWrites
from shoal.controllers.kube.pod_control import PodControl
from shoal.controllers.runner import Controller

_WORKERS = 16
"""Most of a turn is waiting for writes, which are committed together."""
_LARGE = 100
"""Pods of a job whose turns are worth saving."""
_PAUSE_S_PER_POD = 0.0002
_PAUSE_MAX_S = 1.0
_SELECTED = "selected"
"""Index of jobs by what they select: uids of their own, or anything in a namespace."""


def job_controllers(
    client: Client, informers: InformerSet, recorder: EventRecorder, clock: Clock
) -> tuple[Controller, Controller]:
    """Follow jobs and their pods; the second lets go pods whose job is gone."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    orphans: WorkQueue[ObjectKey] = WorkQueue(clock)
    jobs, pods = informers.informer(JOBS), informers.informer(PODS)
    pods.add_index(BY_JOB, _owner_uid)
    pods.add_index(UNOWNED, _namespace_of_unowned)
    jobs.add_index(_SELECTED, _selected)
    expectations = Expectations()
    control = PodControl(client, JOBS, pods.lister, recorder, expectations, clock)
    writes = JobPodWrites(client, pods.lister, control)
    reconciler = BatchJobReconciler(
        client, jobs.lister, pods.lister, writes, recorder, expectations, clock
    )
    wakes = _Wakes(queue, orphans, jobs.lister, pods.lister, writes, expectations)
    jobs.add_handler(wakes.on_job)
    pods.add_handler(wakes.on_pod)
    return (
        Controller("batch-job", reconciler, queue, _WORKERS),
        Controller("batch-job-orphans", OrphanReleaser(client, jobs.lister, pods.lister), orphans),
    )


class _Wakes:
    """Whose turn it is when something changes."""

    def __init__(
        self,
        queue: WorkQueue[ObjectKey],
        orphans: WorkQueue[ObjectKey],
        jobs: Lister[Job],
        pods: Lister[Pod],
        writes: JobPodWrites,
        expectations: Expectations,
    ) -> None:
        self._queue = queue
        self._orphans = orphans
        self._jobs = jobs
        self._pods = pods
        self._writes = writes
        self._expectations = expectations

    def on_job(self, old: Job | None, new: Job | None) -> None:
        job = new or old
        if job is None:
            return
        self._queue.add(job.metadata.key)
        if new is None or (old is not None and old.metadata.uid != new.metadata.uid):
            gone = old or job
            for pod in self._pods.by_index(BY_JOB, gone.metadata.uid):
                self._orphans.add(pod.metadata.key)

    def on_pod(self, old: Pod | None, new: Pod | None) -> None:
        for pod in (old, new):
            owner = pod.metadata.controller if pod is not None else None
            if pod is None or owner is None or not is_job(owner):
                continue
            key = ObjectKey(pod.metadata.namespace, owner.name)
            if pod is new or new is None:
                self._observe(key, pod, is_gone=new is None)
            self._wake(key)
        if new is None:
            return
        if is_orphan(self._jobs, new):
            self._orphans.add(new.metadata.key)
        if new.metadata.controller is None:
            for job in self._adopters(new):
                self._queue.add(job.metadata.key)

    def _observe(self, job: ObjectKey, pod: Pod, *, is_gone: bool) -> None:
        meta = pod.metadata
        self._expectations.observe_created(job, meta.name)
        if is_gone or pod.is_deleting:
            self._expectations.observe_deleted(job, meta.uid)
        if is_gone or not is_tracked(pod):
            self._writes.observe_released(job, meta.uid)

    def _wake(self, key: ObjectKey) -> None:
        """A turn looks at all pods, so news of a large job's pods is gathered before."""
        job = self._jobs.get(key)
        size = job.spec.parallelism if job is not None else 0
        pause_s = 0.0 if size < _LARGE else min(_PAUSE_MAX_S, _PAUSE_S_PER_POD * size)
        self._queue.add_after(key, pause_s)

    def _adopters(self, orphan: Pod) -> Iterator[Job]:
        """Jobs that may select a pod; each of them looks for itself."""
        labels, namespace = orphan.metadata.labels, orphan.metadata.namespace
        yield from self._jobs.by_index(_SELECTED, namespace)
        if CONTROLLER_UID_LABEL in labels:
            yield from self._jobs.by_index(_SELECTED, labels[CONTROLLER_UID_LABEL])


def _owner_uid(pod: Pod) -> Iterator[str]:
    owner = pod.metadata.controller
    if owner is not None and is_job(owner):
        yield owner.uid


def _namespace_of_unowned(pod: Pod) -> Iterator[str]:
    if pod.metadata.controller is None:
        yield pod.metadata.namespace


def _selected(job: Job) -> Iterator[str]:
    yield job.metadata.namespace if job.spec.manual_selector else job.metadata.uid
