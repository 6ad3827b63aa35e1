"""Workers become workloads: `planning` decides, `observing` reads for it, `acting` carries it out.

Each turn tells first and does then: a status that is not up to date is written, with the
resourceVersion that it was decided from, and the turn ends; the next one, on the status as it
stands, acts. Only news that nothing is decided from may wait, so that they are not written all the
time. Before a run is started the worker is read anew, as the lister may lag behind.
"""

from collections.abc import Sequence

from shoal.api.core import EventType
from shoal.api.meta import ObjectKey
from shoal.api.resource import JsonObject
from shoal.api.worker import WORKERS, Worker, WorkerPhase, WorkerStatus
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.existence import find
from shoal.client.protocol import Client
from shoal.controllers.reconciler import Result
from shoal.controllers.worker.acting import WorkerActor, write_status
from shoal.controllers.worker.actions import Action, Make, StartRun, Withdraw
from shoal.controllers.worker.observing import WorkerObserver
from shoal.controllers.worker.planning import PROBLEM_PERIOD_S, WorkerPlan, plan
from shoal.controllers.worker.sight import Sight
from shoal.controllers.worker.sources import WorkerSources
from shoal.controllers.worker.status import is_small, status_patch
from shoal.controllers.worker.worker_memory import WorkerMemory


class WorkerReconciler:
    """Brings one worker's workload nearer to what it asks for, and tells how it fares."""

    def __init__(
        self,
        client: Client,
        observer: WorkerObserver,
        memory: WorkerMemory,
        sources: WorkerSources,
        recorder: EventRecorder,
        clock: Clock,
    ) -> None:
        self._client = client
        self._observer = observer
        self._memory = memory
        self._own_url = sources.own_url
        self._actor = WorkerActor(client, memory, sources, recorder, clock)
        self._recorder = recorder
        self._clock = clock

    async def reconcile(self, key: ObjectKey) -> Result:
        worker = self._observer.worker(key)
        if worker is None:
            self._memory.forget(key)
            return Result()
        sight = await self._observer.look(worker)
        planned = plan(sight, self._own_url(key.namespace))
        self._note_progress(sight, planned)
        patch = status_patch(worker.status, planned.status)
        wait_s = self._untold_s(worker, patch)
        if patch and not wait_s:
            await write_status(self._client, worker, patch)
            self._memory.of(key).note_told(self._clock.monotonic())
            self._tell(worker, planned.status)
            # The worker's own change brings it back, to act on what is told now.
            return Result(planned.look_again_in_s)
        return await self._act(sight, planned, wait_s)

    async def _act(self, sight: Sight, planned: WorkerPlan, wait_s: float) -> Result:
        known = self._memory.of(sight.worker.metadata.key)
        if not await self._is_fresh(sight.worker, planned.actions):
            return Result()
        for action in planned.actions:
            if not await self._actor.do(sight, action):
                is_told = (known.problem, known.setback) == (sight.problem, sight.setback)
                return Result(PROBLEM_PERIOD_S if is_told else 0)
        if sight.problem and not planned.wants_size:
            known.problem = ""
        if sight.setback and not planned.is_held_back:
            known.go_on()
        if (known.problem, known.setback) != (sight.problem, sight.setback):
            return Result(0)
        return Result(wait_s or planned.look_again_in_s)

    def _untold_s(self, worker: Worker, patch: JsonObject) -> float:
        """How long the news have to wait; 0 where they are to be told at once."""
        if not patch or not is_small(patch):
            return 0.0
        items = len(worker.spec.queue.items) if worker.spec.queue is not None else 0
        return self._memory.of(worker.metadata.key).untold_s(items, self._clock.monotonic())

    def _note_progress(self, sight: Sight, planned: WorkerPlan) -> None:
        """Of what is not counted by a queue."""
        known = self._memory.of(sight.worker.metadata.key)
        progress = planned.status.progress
        is_new = not known.samples or (
            progress is not None and known.samples[-1].done != progress.done
        )
        if progress is not None and is_new and not planned.wants_size:
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

    def _tell(self, worker: Worker, told: WorkerStatus) -> None:
        if told.phase == worker.status.phase:
            return
        is_bad = told.phase in (WorkerPhase.FAILED, WorkerPhase.INVALID)
        kind = EventType.WARNING if is_bad else EventType.NORMAL
        self._recorder.record(WORKERS, worker.metadata, kind, told.phase, told.message)
