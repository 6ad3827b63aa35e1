"""Write what was decided about tasks. Each write of a task is a compare-and-set on the task as the
decision saw it: one of two writers wins, the other looks again."""

import logging

import msgspec

from shoal.api import ploto_status
from shoal.api.meta import ObjectKey
from shoal.api.ploto import TASK_ANNOTATION, TASKS, Assignment, Task, TaskPhase
from shoal.api.pod import PODS
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.base.backoff import Backoff
from shoal.base.clock import Clock
from shoal.client.protocol import Client, ConnectionFailed
from shoal.controllers.ploto.executor_pod import PARA_LIMIT_BYTES, Executor, read_executor
from shoal.controllers.ploto.planning import Waiting
from shoal.controllers.ploto.pool_roster import PoolRoster, is_same_executor
from shoal.controllers.ploto.roster import Roster
from shoal.controllers.ploto.task_phase import TaskEvent, executor_death, next_state

_log = logging.getLogger(__name__)

_REFRESH_BACKOFF = Backoff(initial_s=0.1, max_s=10.0)


class TaskWrites:
    """Keeps the roster true to what the server answered. The caller has marked the task with
    `Roster.begin`. Raises ApiError and ConnectionFailed."""

    def __init__(self, client: Client, roster: Roster, clock: Clock) -> None:
        self._client = client
        self._roster = roster
        self._clock = clock

    async def assign(self, pool: PoolRoster, task: Task, executor: Executor) -> None:
        """The status first, for it is the truth; then the executor is told."""
        next_state(task.phase, TaskEvent.ASSIGN)
        try:
            running = await self._patch_status(
                task,
                ploto_status.running(
                    pod_name=executor.name,
                    pod_uid=executor.uid,
                    failed_time=task.status.failed_time,
                    resource_version=task.metadata.resource_version,
                    now=self._clock.now(),
                ),
            )
        finally:
            pool.forget(executor.name)
        if running is not None:
            pool.failed_starts = 0
            await self.deliver(running, executor)

    async def deliver(self, task: Task, executor: Executor) -> None:
        """Tell the executor's sidecar, through its pod, what to run."""
        para = task.spec.para
        assignment = Assignment(
            name=task.metadata.name,
            namespace=task.metadata.namespace,
            uid=task.metadata.uid,
            attempt=task.attempt,
            resource_version=task.metadata.resource_version,
            para=para if len(para.encode()) <= PARA_LIMIT_BYTES else None,
            started_at=task.status.started_at,
        )
        text = msgspec.json.encode(assignment).decode()
        body = {"metadata": {"uid": executor.uid, "annotations": {TASK_ANNOTATION: text}}}
        try:
            pod = await self._client.patch(PODS, executor.name, body, executor.key.namespace)
        except ApiError as error:
            # Gone or replaced: the informer will say so, and the task will be lost then.
            if error.is_not_found or error.is_conflict:
                return
            raise
        told = read_executor(pod)
        if told is not None:
            self._roster.observe_executor(told)

    async def lose(self, task: Task, death: str) -> None:
        """The executor died: the task fails, or waits again."""
        event = executor_death(task)
        phase = next_state(task.phase, event)
        pod_name = task.status.executor_pod_name
        deaths = task.attempt
        message = f"executor {pod_name} died: {death}"
        now = self._clock.now()
        if phase is TaskPhase.PENDING:
            body = ploto_status.waiting(
                reason="ExecutorDied",
                message=f"{message}; it will run again ({deaths} of {task.spec.retry_limit})",
                failed_time=deaths,
                resource_version=task.metadata.resource_version,
                now=now,
            )
        else:
            body = ploto_status.finished(
                phase=phase,
                message=message,
                output="",
                pod_name=pod_name,
                failed_time=deaths,
                started_at=task.status.started_at,
                resource_version=task.metadata.resource_version,
                now=now,
            )
        await self._patch_status(task, body)

    async def give_back(self, task: Task, death: str) -> None:
        """The executor died before it took the task: as if it had not been assigned."""
        next_state(task.phase, TaskEvent.RETURN)
        pod_name = task.status.executor_pod_name
        body = ploto_status.waiting(
            reason="ExecutorDied",
            message=f"executor {pod_name} died before it took the task: {death}",
            failed_time=task.status.failed_time,
            resource_version=task.metadata.resource_version,
            now=self._clock.now(),
        )
        await self._patch_status(task, body)

    async def look_for_executor(self, task: Task) -> None:
        """No informer has shown the pod that the task runs on; before the task is lost, ask the
        server itself."""
        namespace = task.metadata.namespace
        try:
            pod = await self._client.get(PODS, task.status.executor_pod_name, namespace)
        except ApiError as error:
            if not error.is_not_found:
                raise
            await self.lose(task, "its pod is gone")
            return
        executor = read_executor(pod)
        if executor is None or not is_same_executor(task, executor):
            await self.lose(task, "another pod has its name")
            return
        self._roster.observe_executor(executor)

    async def explain(self, task: Task, waiting: Waiting) -> None:
        """Write why the task waits."""
        body = ploto_status.waiting(
            reason=waiting.reason,
            message=waiting.message,
            failed_time=task.status.failed_time,
            resource_version=task.metadata.resource_version,
            now=self._clock.now(),
        )
        await self._patch_status(task, body)

    async def _patch_status(self, task: Task, body: JsonObject) -> Task | None:
        """None if it is not known to be written; the roster knows by then what the task is."""
        name, namespace = task.metadata.name, task.metadata.namespace
        try:
            answer = await self._client.patch(TASKS, name, body, namespace, subresource="status")
        except ConnectionFailed:
            await self._refresh(task.metadata.key)
            return None
        except ApiError as error:
            if not (error.is_conflict or error.is_not_found or error.code >= 500):
                raise
            await self._refresh(task.metadata.key)
            return None
        self._roster.answer_task(answer)
        return answer

    async def _refresh(self, key: ObjectKey) -> None:
        """Read the task, however long it takes: while it is not known what became of a write, its
        executor may be taken or not, and nothing can be decided about it."""
        failures = 0
        while True:
            try:
                self._roster.observe_task(await self._client.get(TASKS, key.name, key.namespace))
                return
            except ConnectionFailed as error:
                _log.warning("cannot read task %s: %s", key, error)
            except ApiError as error:
                if error.is_not_found:
                    self._roster.remove_task(key)
                    return
                if error.code < 500:
                    raise
                _log.warning("cannot read task %s: %s", key, error)
            failures += 1
            await self._clock.sleep(_REFRESH_BACKOFF.delay_s(failures))
