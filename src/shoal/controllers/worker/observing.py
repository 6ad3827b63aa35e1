"""Gathers what there is of one Worker into a `Sight`: objects from informers, its queue's size, and
what is remembered.

A turn is to cost what goes on, and not what there ever was. So ended Jobs and pods are not found
with the others: pods are, below a Job that still matters, and Jobs until the status has told how
their items ended.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from shoal.api.apps import Deployment, ReplicaSet
from shoal.api.batch import CronJob, Job
from shoal.api.core import Event
from shoal.api.meta import Object, ObjectKey
from shoal.api.pod import Pod
from shoal.api.worker import WORKER_UID_LABEL, Worker
from shoal.base.clock import Clock
from shoal.client.informer import Informer
from shoal.controllers.worker.actions import KEPT_RUNS
from shoal.controllers.worker.attempts import RUNNING
from shoal.controllers.worker.planning import SizeWish, size_wish
from shoal.controllers.worker.sight import Sight, is_own, run_of
from shoal.controllers.worker.sources import WorkerSources
from shoal.controllers.worker.strategy import choose
from shoal.controllers.worker.worker_memory import KnownWorker, WorkerMemory
from shoal.work.protocol import QueueSize, SourceUnavailable

_BY_WORKER = "worker"
"""Over ReplicaSets, and over Jobs and pods that have not ended, by the worker's uid."""
_BY_RUN = "worker-run"
"""Over Jobs that have ended, by uid and run."""
_BY_OWNER = "worker-owner"
"""Over pods of workers, by the uid of what they belong to."""
_BY_SUBJECT = "subject"
"""Over Events, by the uid of what they are about."""

ObjectT = TypeVar("ObjectT", bound=Object)


class WorkerInformers(msgspec.Struct, frozen=True, kw_only=True):
    """What is followed."""

    workers: Informer[Worker]
    deployments: Informer[Deployment]
    replica_sets: Informer[ReplicaSet]
    cron_jobs: Informer[CronJob]
    jobs: Informer[Job]
    pods: Informer[Pod]
    failed_creates: Informer[Event]
    """Events with reason FailedCreate."""


class WorkerObserver:
    """Reads; writes nothing."""

    def __init__(
        self,
        informers: WorkerInformers,
        memory: WorkerMemory,
        sources: WorkerSources,
        clock: Clock,
    ) -> None:
        """`memory` is told of what changes by whoever wires."""
        self._memory = memory
        self._sources = sources
        self._clock = clock
        informers.replica_sets.add_index(_BY_WORKER, _worker_uid)
        informers.jobs.add_index(_BY_WORKER, _worker_uid_if(lambda job: not job.is_finished))
        informers.jobs.add_index(_BY_RUN, _ended_run)
        informers.pods.add_index(_BY_WORKER, _worker_uid_if(lambda pod: not pod.is_finished))
        informers.pods.add_index(_BY_OWNER, _owner_uid)
        informers.failed_creates.add_index(_BY_SUBJECT, lambda event: (event.involved_object.uid,))
        self._workers = informers.workers.lister
        self._deployments = informers.deployments.lister
        self._replica_sets = informers.replica_sets.lister
        self._cron_jobs = informers.cron_jobs.lister
        self._jobs = informers.jobs.lister
        self._pods = informers.pods.lister
        self._failed_creates = informers.failed_creates.lister

    def worker(self, key: ObjectKey) -> Worker | None:
        """As it is known; None where it is not there, or goes."""
        worker = self._workers.get(key)
        return worker if worker is None or worker.metadata.deletion_timestamp is None else None

    async def look(self, worker: Worker) -> Sight:
        known = self._memory.of(worker.metadata.key)
        sight = self._sight(worker, known)
        wish = size_wish(sight)
        if wish is not SizeWish.NONE:
            problem = known.problem
            if wish is SizeWish.LAST or known.is_size_due(sight.now):
                size, problem = await self._size(worker)
                known.note_size(size, problem, sight.now)
            sight = msgspec.structs.replace(sight, size=known.size, problem=problem)
        return msgspec.structs.replace(sight, samples=known.samples)

    def _sight(self, worker: Worker, known: KnownWorker) -> Sight:
        meta, now = worker.metadata, self._clock.now()
        cron_job = _if_own(self._cron_jobs.get(meta.key), worker)
        replica_sets = self._replica_sets.by_index(_BY_WORKER, _place(meta.namespace, meta.uid))
        jobs = self._jobs_of(worker, known)
        pods = self._pods_of(worker, [meta.uid, *(o.metadata.uid for o in [*replica_sets, *jobs])])
        known.pods = len(pods)
        subjects = [job.metadata.uid for job in jobs if not job.is_finished]
        subjects += [cron_job.metadata.uid] if cron_job is not None else []
        return Sight(
            worker=worker,
            choice=choose(worker, has_own_queue=bool(self._sources.own_url(meta.namespace))),
            now=now,
            deployment=_if_own(self._deployments.get(meta.key), worker),
            replica_sets=_in_order(replica_sets),
            cron_job=cron_job,
            jobs=jobs,
            pods=pods,
            failed_creates=[
                event
                for subject in subjects
                for event in self._failed_creates.by_index(_BY_SUBJECT, subject)
            ],
            departed=known.departed_of(meta.uid),
            problem=known.problem,
            refusal=known.refusal_of(meta.generation),
            setback=known.setback,
            held_back_s=known.held_back_s(meta.generation, now),
        )

    def _jobs_of(self, worker: Worker, known: KnownWorker) -> list[Job]:
        namespace, uid = worker.metadata.namespace, worker.metadata.uid
        found = {
            job.metadata.uid: job
            for job in [
                *known.ended_jobs(worker),
                *self._jobs.by_index(_BY_WORKER, _place(namespace, uid)),
            ]
        }
        for run in known.runs_before(worker.status.run - KEPT_RUNS + 1):
            removable = self._jobs.by_index(_BY_RUN, _run_place(namespace, uid, run))
            found |= {job.metadata.uid: job for job in removable}
            if not removable:
                known.forget_run(run)
        return _in_order(found.values())

    def _pods_of(self, worker: Worker, owners: Iterable[str]) -> list[Pod]:
        """Those that have not ended, those below `owners`, and those that were told to run."""
        namespace, uid = worker.metadata.namespace, worker.metadata.uid
        found = [*self._pods.by_index(_BY_WORKER, _place(namespace, uid))]
        for owner in owners:
            found += self._pods.by_index(_BY_OWNER, _place(namespace, owner))
        for attempt in worker.status.attempts:
            told = self._pods.get(ObjectKey(namespace, attempt.pod))
            if attempt.outcome == RUNNING and told is not None and _uid_label(told) == uid:
                found.append(told)
        return _in_order({pod.metadata.name: pod for pod in found}.values())

    async def _size(self, worker: Worker) -> tuple[QueueSize | None, str]:
        try:
            return await self._sources.size(worker), ""
        except SourceUnavailable as error:
            return None, str(error)


def _if_own(obj: ObjectT | None, worker: Worker) -> ObjectT | None:
    return obj if obj is not None and is_own(obj, worker) else None


def _in_order(objects: Iterable[ObjectT]) -> list[ObjectT]:
    """So that what is told of them does not depend on which of them changed last."""
    return sorted(objects, key=lambda each: each.metadata.name)


def _uid_label(obj: Object) -> str:
    return obj.metadata.labels.get(WORKER_UID_LABEL, "")


def _place(namespace: str, uid: str) -> str:
    """What bears the labels of a worker in another namespace is not its."""
    return f"{namespace}/{uid}"


def _run_place(namespace: str, uid: str, run: int) -> str:
    return f"{namespace}/{uid}/{run}"


def _worker_uid(obj: Object) -> Sequence[str]:
    uid = _uid_label(obj)
    return (_place(obj.metadata.namespace, uid),) if uid else ()


def _worker_uid_if(is_meant: Callable[[ObjectT], bool]) -> Callable[[ObjectT], Sequence[str]]:
    return lambda obj: _worker_uid(obj) if is_meant(obj) else ()


def _ended_run(job: Job) -> Sequence[str]:
    uid = _uid_label(job)
    return (
        (_run_place(job.metadata.namespace, uid, run_of(job)),) if uid and job.is_finished else ()
    )


def _owner_uid(pod: Pod) -> Sequence[str]:
    owner = pod.metadata.controller
    is_of_worker = owner is not None and bool(_uid_label(pod))
    return (_place(pod.metadata.namespace, owner.uid),) if owner and is_of_worker else ()
