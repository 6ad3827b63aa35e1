"""Workers become workloads: `planning` decides, here it is read and carried out.

Each turn tells first and does then: a status that is not up to date is written, with the
resourceVersion that it was decided from, and the turn ends; the next one, on the status as it
stands, acts. Only news that nothing is decided from may wait, so that they are not written all the
time. Before a run is started the worker is read anew, as the lister may lag behind.
"""

from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from shoal.api.apps import Deployment
from shoal.api.batch import JOBS, CronJob, Job
from shoal.api.core import SECRETS, EventType
from shoal.api.meta import Object, ObjectKey
from shoal.api.pod import PODS, KeySelector, Pod
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.api.worker import WORKER_UID_LABEL, WORKERS, Worker, WorkerPhase, WorkerStatus
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.existence import find, remove
from shoal.client.informer import Lister
from shoal.client.protocol import Client, DeleteOptions, PatchType
from shoal.controllers.reconciler import Result
from shoal.controllers.worker.actions import (
    ITEMS_PUT,
    Action,
    Amend,
    FillQueue,
    Make,
    Remove,
    StartRun,
    Withdraw,
)
from shoal.controllers.worker.manifests import RunWish, job_body, pod_body
from shoal.controllers.worker.planning import (
    PROBLEM_PERIOD_S,
    plan,
    wants_last_size,
    wants_size,
)
from shoal.controllers.worker.pod_template import queue_of
from shoal.controllers.worker.queue_access import QueueAccess
from shoal.controllers.worker.queue_urls import ServiceDirectory, as_pods_see_it, opens_files
from shoal.controllers.worker.sight import Sight, is_own, standing_choice
from shoal.controllers.worker.status import is_small, status_patch
from shoal.controllers.worker.strategy import Shape, StrategyChoice, choose
from shoal.controllers.worker.worker_memory import WorkerMemory
from shoal.work.protocol import QueueSize, SourceUnavailable

BY_WORKER = "worker"
"""Index by namespace and uid of the worker, over Jobs and pods."""
OwnUrl = Callable[[str], str]
"""The URL of the control plane's own work source for a namespace; empty where it has none."""

ObjectT = TypeVar("ObjectT", bound=Object)


class WorkerListers(msgspec.Struct, frozen=True, kw_only=True):
    """What the reconciler reads; Jobs and pods have the index `BY_WORKER`."""

    workers: Lister[Worker]
    deployments: Lister[Deployment]
    cron_jobs: Lister[CronJob]
    jobs: Lister[Job]
    pods: Lister[Pod]


class WorkerReconciler:
    """Brings one worker's workload nearer to what it asks for, and tells how it fares."""

    def __init__(
        self,
        client: Client,
        listers: WorkerListers,
        memory: WorkerMemory,
        queues: QueueAccess,
        own_url: OwnUrl,
        directory: ServiceDirectory,
        recorder: EventRecorder,
        clock: Clock,
    ) -> None:
        """`memory` is told of pods that go by whoever wires."""
        self._client = client
        self._listers = listers
        self._memory = memory
        self._queues = queues
        self._own_url = own_url
        self._directory = directory
        self._recorder = recorder
        self._clock = clock

    async def reconcile(self, key: ObjectKey) -> Result:
        worker = self._listers.workers.get(key)
        if worker is None or worker.metadata.deletion_timestamp is not None:
            self._memory.forget(key)
            return Result()
        sight = await self._look(worker)
        own_url = self._own_url(key.namespace)
        planned = plan(sight, own_url)
        self._note_progress(sight, planned.status)
        patch = status_patch(worker.status, planned.status)
        wait_s = self._untold_s(worker, patch)
        if patch and not wait_s:
            await self._write(worker, patch)
            self._memory.of(key).note_told(self._clock.monotonic())
            self._tell(worker, planned.status.phase, planned.status.message)
            # The worker's own change brings it back, to act on what is told now.
            return Result(planned.look_again_in_s)
        if not await self._is_fresh(worker, planned.actions):
            return Result()
        for action in planned.actions:
            problem = await self._do(sight, action, own_url)
            if problem:
                self._memory.of(key).problem = problem
                return Result(0 if problem != sight.problem else PROBLEM_PERIOD_S)
        if sight.problem and not wants_size(sight):
            self._memory.of(key).problem = ""
            return Result(0)
        return Result(wait_s or planned.look_again_in_s)

    def _untold_s(self, worker: Worker, patch: JsonObject) -> float:
        """How long the news have to wait; 0 where they are to be told at once."""
        if not patch or not is_small(patch):
            return 0.0
        items = len(worker.spec.queue.items) if worker.spec.queue is not None else 0
        return self._memory.of(worker.metadata.key).untold_s(items, self._clock.monotonic())

    def _note_progress(self, sight: Sight, status: WorkerStatus) -> None:
        """Of what is not counted by a queue."""
        known, progress = self._memory.of(sight.worker.metadata.key), status.progress
        is_new = not known.samples or (
            progress is not None and known.samples[-1].done != progress.done
        )
        if progress is not None and is_new and not wants_size(sight):
            known.note_done(progress.done, sight.now)

    async def _is_fresh(self, worker: Worker, todo: Sequence[Action]) -> bool:
        """Whether the worker is as it was decided about; asked where something is to be made."""
        if not any(isinstance(action, StartRun | Make | Withdraw) for action in todo):
            return True
        present = await find(self._client, WORKERS, worker.metadata.name, worker.metadata.namespace)
        return (
            present is not None
            and present.metadata.resource_version == worker.metadata.resource_version
        )

    async def _look(self, worker: Worker) -> Sight:
        key, uid = worker.metadata.key, worker.metadata.uid
        known = self._memory.of(key)
        now = self._clock.now()
        deployment = self._listers.deployments.get(key)
        cron_job = self._listers.cron_jobs.get(key)
        place = _place(key.namespace, uid)
        pods = _in_order(self._listers.pods.by_index(BY_WORKER, place))
        known.pods = len(pods)
        sight = Sight(
            worker=worker,
            choice=choose(worker, has_own_queue=bool(self._own_url(key.namespace))),
            now=now,
            deployment=_if_own(deployment, worker),
            cron_job=_if_own(cron_job, worker),
            jobs=_in_order(self._listers.jobs.by_index(BY_WORKER, place)),
            pods=pods,
            departed=known.departed_of(uid),
            problem=known.problem,
            refusal=known.refusal_of(worker.metadata.generation),
        )
        if wants_size(sight):
            size, problem = known.size, known.problem
            if known.is_size_due(now) or wants_last_size(sight):
                size, problem = await self._size(worker)
                known.note_size(size, problem, now)
            sight = msgspec.structs.replace(sight, size=size, problem=problem)
        return msgspec.structs.replace(sight, samples=known.samples)

    async def _size(self, worker: Worker) -> tuple[QueueSize | None, str]:
        try:
            url = await self._url(worker)
            return await self._queues.size(url, queue_of(worker)), ""
        except SourceUnavailable as error:
            return None, str(error)

    async def _url(self, worker: Worker) -> str:
        """Raises SourceUnavailable."""
        queue, namespace = worker.spec.queue, worker.metadata.namespace
        reference = queue.url_from.secret_key_ref if queue and queue.url_from else None
        if reference is None:
            return self._own_url(namespace)
        url = await secret_value(self._client, reference, namespace)
        if opens_files(url):
            # Who may write a Secret may not open any file that the control plane may.
            raise SourceUnavailable(
                f'secret "{reference.name}" names a file; use the URL of a server, or leave out'
                " spec.queue.urlFrom for the queues of this namespace"
            )
        return as_pods_see_it(url, namespace, self._directory)

    async def _write(self, worker: Worker, patch: JsonObject) -> None:
        meta = worker.metadata
        precondition = {"uid": meta.uid, "resourceVersion": meta.resource_version}
        body = {"metadata": precondition, "status": patch}
        await self._client.patch(WORKERS, meta.name, body, meta.namespace, subresource="status")

    def _tell(self, worker: Worker, phase: str, message: str) -> None:
        if phase == worker.status.phase:
            return
        is_bad = phase in (WorkerPhase.FAILED, WorkerPhase.INVALID)
        tell = self._warn if is_bad else self._note
        tell(worker, phase, message)

    async def _do(self, sight: Sight, action: Action, own_url: str) -> str:
        """Why the work source was in the way; empty where it was not."""
        try:
            match action:
                case Make(resource, body):
                    await self._make(sight, resource, body)
                case Amend():
                    await self._change(sight, action)
                case Remove(resource, metadata):
                    await remove(self._client, resource, metadata, "Background")
                case Withdraw(pod):
                    await self._withdraw(sight.worker, pod)
                case StartRun():
                    await self._start(sight, action, own_url)
                case FillQueue(job):
                    await self._fill(sight.worker, job)
        except SourceUnavailable as error:
            return str(error)
        return ""

    async def _start(self, sight: Sight, action: StartRun, own_url: str) -> None:
        worker, choice = sight.worker, standing_choice(sight)
        if not isinstance(choice, StrategyChoice):
            return
        completions = 0
        if choice.shape in (Shape.DRAIN, Shape.ITEM_PER_POD):
            completions = await self._prepare_queue(worker, action.run)
        wish = RunWish(
            run=action.run,
            has_cleanup=action.has_cleanup,
            own_url=own_url,
            completions=completions,
            item=action.item,
        )
        if choice.shape is Shape.ONCE:
            await self._make(sight, PODS, pod_body(worker, choice, wish))
        else:
            await self._make(sight, JOBS, job_body(worker, choice, wish))

    async def _prepare_queue(self, worker: Worker, run: int) -> int:
        """Puts the items of the run; how many there are to do. Raises SourceUnavailable."""
        url, queue = await self._url(worker), queue_of(worker)
        items = worker.spec.queue.items if worker.spec.queue is not None else []
        if items:
            batch_id = f"{worker.metadata.uid}-{run}"
            await self._queues.put(url, queue, items, batch_id)
        size = await self._queues.size(url, queue)
        return size.ready + size.delayed + size.leased

    async def _fill(self, worker: Worker, job: Job) -> None:
        items = worker.spec.queue.items if worker.spec.queue is not None else []
        url = await self._url(worker)
        await self._queues.put(url, queue_of(worker), items, job.metadata.uid)
        body = {
            "metadata": {"uid": job.metadata.uid, "annotations": {ITEMS_PUT: "true"}},
            "spec": {"suspend": False},
        }
        await self._client.patch(JOBS, job.metadata.name, body, job.metadata.namespace)

    async def _make(self, sight: Sight, resource: Resource[Any], body: JsonObject) -> None:
        worker, name = sight.worker, body["metadata"]["name"]
        namespace = worker.metadata.namespace
        try:
            await self._client.create(resource, body, namespace)
        except ApiError as error:
            if error.is_already_exists:
                await self._meet(worker, resource, name)
                return
            if error.code in (400, 422):
                text = f"the {resource.kind} is refused: {error.message}"
                self._memory.of(worker.metadata.key).refuse(worker.metadata.generation, text)
                self._memory.wake(worker.metadata.key)
                return
            if not error.is_namespace_terminating:
                self._warn(worker, "FailedCreate", f"{resource.kind} {name}: {error}")
            raise
        self._note(worker, "Created", f"created {resource.kind} {name}")

    async def _meet(self, worker: Worker, resource: Resource[Any], name: str) -> None:
        """Somebody's object has the name: this worker's own, made a moment ago, or a stranger's."""
        present = await find(self._client, resource, name, worker.metadata.namespace)
        if present is not None and not is_own(present, worker):
            text = f"{resource.kind} {name} exists, and this worker does not own it; delete it"
            self._warn(worker, "NameTaken", text)
            raise ApiError(409, "Conflict", text)

    async def _change(self, sight: Sight, action: Amend) -> None:
        meta, body = action.metadata, action.patch
        is_list = isinstance(body, list)
        if isinstance(body, list):
            body = [{"op": "test", "path": "/metadata/uid", "value": meta.uid}, *body]
        else:
            body = {**body, "metadata": {"uid": meta.uid}}
        try:
            await self._client.patch(
                action.resource,
                meta.name,
                body,
                meta.namespace,
                type=PatchType.JSON if is_list else PatchType.MERGE,
            )
        except ApiError as error:
            if error.is_not_found:
                return
            if error.code == 422 and is_list:
                text = f"the {action.resource.kind} is refused: {error.message}"
                generation = sight.worker.metadata.generation
                self._memory.of(sight.worker.metadata.key).refuse(generation, text)
                self._warn(sight.worker, "Refused", text)
                return
            raise
        if action.note:
            self._warn(sight.worker, "GivenUp", action.note)

    async def _withdraw(self, worker: Worker, pod: Pod) -> None:
        meta = pod.metadata
        options = DeleteOptions(uid=meta.uid, resource_version=meta.resource_version)
        try:
            await self._client.delete(PODS, meta.name, meta.namespace, options)
        except ApiError as error:
            if error.is_not_found or error.is_conflict:
                # It has got a place meanwhile, or somebody else has deleted it.
                return
            raise
        # It was deleted as it had been seen: without a place.
        await self._write(worker, {"podUid": None})

    def _note(self, worker: Worker, reason: str, message: str) -> None:
        self._recorder.record(WORKERS, worker.metadata, EventType.NORMAL, reason, message)

    def _warn(self, worker: Worker, reason: str, message: str) -> None:
        self._recorder.record(WORKERS, worker.metadata, EventType.WARNING, reason, message)


def _if_own(obj: ObjectT | None, worker: Worker) -> ObjectT | None:
    return obj if obj is not None and is_own(obj, worker) else None


def _in_order(objects: Sequence[ObjectT]) -> list[ObjectT]:
    """So that what is told of them does not depend on which of them changed last."""
    return sorted(objects, key=lambda each: each.metadata.name)


async def secret_value(client: Client, reference: KeySelector, namespace: str) -> str:
    """What a Secret holds under a key. Raises SourceUnavailable, which names the Secret and never
    its value."""
    secret = await find(client, SECRETS, reference.name, namespace)
    if secret is None:
        raise SourceUnavailable(f'secret "{reference.name}" with the URL is not there; create it')
    encoded = secret.data.get(reference.key)
    if encoded is None:
        raise SourceUnavailable(f'secret "{reference.name}" has no key "{reference.key}"; add it')
    return b64decode(encoded).decode(errors="replace").strip()


def by_worker(obj: Object) -> tuple[str, ...]:
    """The index `BY_WORKER`. What bears the labels of a worker in another namespace is not its."""
    uid = obj.metadata.labels.get(WORKER_UID_LABEL)
    return (_place(obj.metadata.namespace, uid),) if uid else ()


def _place(namespace: str, worker_uid: str) -> str:
    return f"{namespace}/{worker_uid}"
