"""The controllers of Workers, as one service."""

import asyncio

from shoal.api.apps import DEPLOYMENTS, REPLICA_SETS
from shoal.api.batch import CRON_JOBS, JOBS, Job
from shoal.api.core import ENDPOINTS, EVENTS, SERVICES, Event
from shoal.api.meta import Object, ObjectKey
from shoal.api.pod import PODS, Pod
from shoal.api.worker import WORKER_LABEL, WORKER_UID_LABEL, WORKERS
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.runner import Controller, ObjectHandler, enqueue_owner, enqueue_self
from shoal.controllers.worker.notification import Messenger, WorkerNotifier
from shoal.controllers.worker.observing import WorkerInformers, WorkerObserver
from shoal.controllers.worker.queue_access import QueueAccess
from shoal.controllers.worker.queue_urls import ServiceDirectory
from shoal.controllers.worker.reconciler import WorkerReconciler
from shoal.controllers.worker.sources import OwnUrl, WorkerSources
from shoal.controllers.worker.worker_memory import WorkerMemory, gathering_s

COMPONENT = "worker-controller"
"""Who speaks in events."""
_WORKERS = 4
"""So that a slow work source does not hold up the others."""


def worker_controller(
    client: Client,
    informers: InformerSet,
    recorder: EventRecorder,
    clock: Clock,
    queues: QueueAccess,
    own_url: OwnUrl,
    machine_address: str,
) -> Controller:
    """Follows workers and all that is made for them."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    memory = WorkerMemory(queue.add)
    directory = ServiceDirectory(
        informers.informer(SERVICES).lister.get,
        informers.informer(ENDPOINTS).lister.get,
        machine_address,
    )
    sources = WorkerSources(client, queues, own_url, directory)
    followed = WorkerInformers(
        workers=informers.informer(WORKERS),
        deployments=informers.informer(DEPLOYMENTS),
        replica_sets=informers.informer(REPLICA_SETS),
        cron_jobs=informers.informer(CRON_JOBS),
        jobs=informers.informer(JOBS),
        pods=informers.informer(PODS),
        failed_creates=informers.informer(EVENTS, field_selector="reason=FailedCreate"),
    )
    observer = WorkerObserver(followed, memory, sources, clock)
    reconciler = WorkerReconciler(client, observer, memory, sources, recorder, clock)
    _enqueue(followed, queue, memory)
    return Controller("worker", reconciler, queue, workers=_WORKERS)


def _enqueue(followed: WorkerInformers, queue: WorkQueue[ObjectKey], memory: WorkerMemory) -> None:
    """What changes gives its worker a turn, and the memory what it has to know."""
    wake = _enqueue_labelled(queue, memory)

    def on_job(old: Job | None, new: Job | None) -> None:
        job = new or old
        if job is not None and WORKER_UID_LABEL in job.metadata.labels:
            memory.of(_worker_of(job)).note_job(old, new)
        wake(old, new)

    def on_pod(old: Pod | None, new: Pod | None) -> None:
        uid = old.metadata.labels.get(WORKER_UID_LABEL) if old is not None else None
        if old is not None and new is None and uid:
            memory.of(_worker_of(old)).depart(uid, old)
        wake(old, new)

    def on_failed_create(_: Event | None, new: Event | None) -> None:
        # One that has expired is followed by another while there is still something to tell.
        subject = new.involved_object if new is not None else None
        if subject is None:
            return
        key = ObjectKey(subject.namespace, subject.name)
        if subject.kind == JOBS.kind:
            wake(None, followed.jobs.lister.get(key))
        elif subject.kind == CRON_JOBS.kind:
            wake(None, followed.cron_jobs.lister.get(key))

    followed.workers.add_handler(enqueue_self(queue))
    followed.deployments.add_handler(enqueue_owner(queue, WORKERS.kind))
    followed.replica_sets.add_handler(wake)
    followed.cron_jobs.add_handler(enqueue_owner(queue, WORKERS.kind))
    followed.jobs.add_handler(on_job)
    followed.pods.add_handler(on_pod)
    followed.failed_creates.add_handler(on_failed_create)


def worker_notifier(
    client: Client,
    informers: InformerSet,
    recorder: EventRecorder,
    clock: Clock,
    messenger: Messenger,
) -> Controller:
    """Follows workers whose runs end."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    workers = informers.informer(WORKERS)
    notifier = WorkerNotifier(client, workers.lister, messenger, recorder, clock)
    workers.add_handler(enqueue_self(queue))
    return Controller("worker-notify", notifier, queue, workers=_WORKERS)


def _worker_of(obj: Object) -> ObjectKey:
    return ObjectKey(obj.metadata.namespace, obj.metadata.labels.get(WORKER_LABEL, ""))


def _enqueue_labelled(queue: WorkQueue[ObjectKey], memory: WorkerMemory) -> ObjectHandler:
    def handle(old: Object | None, new: Object | None) -> None:
        obj = new or old
        if obj is not None and WORKER_UID_LABEL in obj.metadata.labels:
            key = _worker_of(obj)
            queue.add_after(key, gathering_s(memory.of(key).pods))

    return handle


class WorkerControllers:
    """`informers` and the recorder are run by whoever made them."""

    def __init__(
        self,
        client: Client,
        informers: InformerSet,
        recorder: EventRecorder,
        clock: Clock,
        *,
        queues: QueueAccess,
        own_url: OwnUrl,
        messenger: Messenger,
        machine_address: str = "127.0.0.1",
    ) -> None:
        """`machine_address` is what pods mean by `host.shoal.internal`."""
        self.controllers: list[Controller] = [
            worker_controller(client, informers, recorder, clock, queues, own_url, machine_address),
            worker_notifier(client, informers, recorder, clock, messenger),
        ]
        self._informers = informers

    async def run(self) -> None:
        """Returns only when cancelled. Nothing is decided before the first lists are there."""
        await self._informers.wait_synced()
        async with asyncio.TaskGroup() as group:
            for controller in self.controllers:
                group.create_task(controller.run())
