"""The controllers of Workers, as one service."""

import asyncio

from shoal.api.apps import DEPLOYMENTS
from shoal.api.batch import CRON_JOBS, JOBS
from shoal.api.core import ENDPOINTS, SERVICES
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
from shoal.controllers.worker.queue_access import QueueAccess
from shoal.controllers.worker.queue_urls import ServiceDirectory
from shoal.controllers.worker.reconciler import (
    BY_WORKER,
    OwnUrl,
    WorkerListers,
    WorkerReconciler,
    by_worker,
)
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
    wake = _enqueue_labelled(queue, memory)

    def on_pod(old: Pod | None, new: Pod | None) -> None:
        uid = old.metadata.labels.get(WORKER_UID_LABEL) if old is not None else None
        if old is not None and new is None and uid:
            memory.of(_worker_of(old)).depart(uid, old)
        wake(old, new)

    workers = informers.informer(WORKERS)
    deployments, cron_jobs = informers.informer(DEPLOYMENTS), informers.informer(CRON_JOBS)
    jobs, pods = informers.informer(JOBS), informers.informer(PODS)
    jobs.add_index(BY_WORKER, by_worker)
    pods.add_index(BY_WORKER, by_worker)
    listers = WorkerListers(
        workers=workers.lister,
        deployments=deployments.lister,
        cron_jobs=cron_jobs.lister,
        jobs=jobs.lister,
        pods=pods.lister,
    )
    directory = ServiceDirectory(
        informers.informer(SERVICES).lister.get,
        informers.informer(ENDPOINTS).lister.get,
        machine_address,
    )
    reconciler = WorkerReconciler(
        client, listers, memory, queues, own_url, directory, recorder, clock
    )
    workers.add_handler(enqueue_self(queue))
    deployments.add_handler(enqueue_owner(queue, WORKERS.kind))
    cron_jobs.add_handler(enqueue_owner(queue, WORKERS.kind))
    jobs.add_handler(wake)
    pods.add_handler(on_pod)
    return Controller("worker", reconciler, queue, workers=_WORKERS)


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
