"""Carries out what was decided for a Worker: makes, changes and removes objects, and fills queues.

What the API server does not take or make is remembered, so that the next look tells of it.
"""

from typing import Any

from shoal.api.batch import JOBS, Job
from shoal.api.core import EventType
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.api.worker import WORKERS, Worker
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.existence import find, remove
from shoal.client.protocol import Client, DeleteOptions, PatchType
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
from shoal.controllers.worker.sight import Sight, is_own, standing_choice
from shoal.controllers.worker.sources import WorkerSources
from shoal.controllers.worker.strategy import Shape, StrategyChoice
from shoal.controllers.worker.worker_memory import KnownWorker, WorkerMemory
from shoal.work.protocol import SourceUnavailable


class WorkerActor:
    """Does one action after the other."""

    def __init__(
        self,
        client: Client,
        memory: WorkerMemory,
        sources: WorkerSources,
        recorder: EventRecorder,
        clock: Clock,
    ) -> None:
        self._client = client
        self._memory = memory
        self._sources = sources
        self._recorder = recorder
        self._clock = clock

    async def do(self, sight: Sight, action: Action) -> bool:
        """False where something is in the way of this action, and of those after it: what that is
        stands in the memory."""
        known = self._memory.of(sight.worker.metadata.key)
        try:
            match action:
                case Make(resource, body):
                    return await self._make(sight, known, resource, body)
                case StartRun():
                    return await self._start(sight, known, action)
                case Amend():
                    await self._change(sight.worker, action)
                case Remove(resource, metadata):
                    await remove(self._client, resource, metadata, "Background")
                case Withdraw(pod):
                    await self._withdraw(sight.worker, pod)
                case FillQueue(job):
                    await self._fill(sight.worker, job)
        except SourceUnavailable as error:
            known.problem = str(error)
            return False
        return True

    async def _start(self, sight: Sight, known: KnownWorker, action: StartRun) -> bool:
        worker, choice = sight.worker, standing_choice(sight)
        if not isinstance(choice, StrategyChoice):
            return True
        completions = 0
        if choice.shape in (Shape.DRAIN, Shape.ITEM_PER_POD):
            completions = await self._prepare_queue(sight, action.run)
        wish = RunWish(
            run=action.run,
            has_cleanup=action.has_cleanup,
            own_url=self._sources.own_url(worker.metadata.namespace),
            completions=completions,
            item=action.item,
        )
        if choice.shape is Shape.ONCE:
            return await self._make(sight, known, PODS, pod_body(worker, choice, wish))
        return await self._make(sight, known, JOBS, job_body(worker, choice, wish))

    async def _prepare_queue(self, sight: Sight, run: int) -> int:
        """Puts the items of the run; how many there are to do. Raises SourceUnavailable."""
        worker = sight.worker
        if sight.items:
            await self._sources.put(worker, sight.items, f"{worker.metadata.uid}-{run}")
        size = await self._sources.size(worker)
        return size.ready + size.delayed + size.leased

    async def _fill(self, worker: Worker, job: Job) -> None:
        items = worker.spec.queue.items if worker.spec.queue is not None else []
        await self._sources.put(worker, items, job.metadata.uid)
        body = {
            "metadata": {"uid": job.metadata.uid, "annotations": {ITEMS_PUT: "true"}},
            "spec": {"suspend": False},
        }
        await self._client.patch(JOBS, job.metadata.name, body, job.metadata.namespace)

    async def _make(
        self, sight: Sight, known: KnownWorker, resource: Resource[Any], body: JsonObject
    ) -> bool:
        worker, name = sight.worker, body["metadata"]["name"]
        generation, what = worker.metadata.generation, f"{resource.kind} {name}"
        try:
            await self._client.create(resource, body, worker.metadata.namespace)
        except ApiError as error:
            if error.is_namespace_terminating:
                raise
            if error.code in (400, 422):
                self._refuse(worker, f"the {resource.kind} is refused: {error.message}")
                return False
            reason, text = "FailedCreate", f"{what} is not made: {error.message}"
            if error.is_already_exists:
                if not await self._is_taken(worker, resource, name):
                    return True
                reason = "NameTaken"
                text = f"{what} exists, and this worker does not own it; delete it"
            known.set_back(generation, text, self._clock.now())
            self._warn(worker, reason, text)
            return False
        known.go_on()
        self._note(worker, "Created", f"created {what}")
        return True

    def _refuse(self, worker: Worker, text: str) -> None:
        """Nothing is tried again before the worker is another."""
        self._memory.of(worker.metadata.key).refuse(worker.metadata.generation, text)
        self._memory.wake(worker.metadata.key)
        self._warn(worker, "Refused", text)

    async def _is_taken(self, worker: Worker, resource: Resource[Any], name: str) -> bool:
        """Whether a stranger's object has the name, and not this worker's own that was made a
        moment ago."""
        present = await find(self._client, resource, name, worker.metadata.namespace)
        return present is not None and not is_own(present, worker)

    async def _change(self, worker: Worker, action: Amend) -> None:
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
                self._refuse(worker, f"the {action.resource.kind} is refused: {error.message}")
                return
            raise
        if action.note:
            self._warn(worker, "GivenUp", action.note)

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
        await write_status(self._client, worker, {"podUid": None})

    def _note(self, worker: Worker, reason: str, message: str) -> None:
        self._recorder.record(WORKERS, worker.metadata, EventType.NORMAL, reason, message)

    def _warn(self, worker: Worker, reason: str, message: str) -> None:
        self._recorder.record(WORKERS, worker.metadata, EventType.WARNING, reason, message)


async def write_status(client: Client, worker: Worker, patch: JsonObject) -> None:
    """Merge `patch` into the status of the worker as it was read. Raises ApiError, a conflict,
    where it is another by now."""
    meta = worker.metadata
    precondition = {"uid": meta.uid, "resourceVersion": meta.resource_version}
    body = {"metadata": precondition, "status": patch}
    await client.patch(WORKERS, meta.name, body, meta.namespace, subresource="status")
