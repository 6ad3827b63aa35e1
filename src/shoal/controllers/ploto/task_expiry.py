"""Remove finished tasks when their time has come, through the archive where there is one."""

from datetime import datetime, timedelta

from shoal.api.meta import ObjectKey
from shoal.api.ploto import TASKS, Task
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.protocol import Client, DeleteOptions
from shoal.controllers.ploto.archive import ArchiveSink
from shoal.controllers.ploto.roster import Roster
from shoal.controllers.reconciler import Result


class TaskExpiry:
    """Without an archive, a task without `ttlSecondsAfterFinished` stays; with one, it is archived
    after `archive_after_s`."""

    def __init__(
        self,
        client: Client,
        roster: Roster,
        clock: Clock,
        archive: ArchiveSink | None,
        archive_after_s: float,
    ) -> None:
        self._client = client
        self._roster = roster
        self._clock = clock
        self._archive = archive
        self._archive_after_s = archive_after_s

    async def reconcile(self, key: ObjectKey) -> Result:
        task = self._roster.task(key)
        ends_at = None if task is None else self._ends_at(task)
        if task is None or ends_at is None:
            return Result()
        left_s = (ends_at - self._clock.now()).total_seconds()
        if left_s > 0:
            return Result(requeue_after_s=left_s)
        try:
            await self._remove(task)
        except ApiError as error:
            # Removed by somebody else, or another task has its name by now.
            if not (error.is_not_found or error.is_conflict):
                raise
        return Result()

    def _ends_at(self, task: Task) -> datetime | None:
        finished_at = task.status.finished_at
        if not task.phase.is_final or finished_at is None:
            return None
        ttl_s: float | None = task.spec.ttl_seconds_after_finished
        if ttl_s is None and self._archive is not None:
            ttl_s = self._archive_after_s
        return None if ttl_s is None else finished_at + timedelta(seconds=ttl_s)

    async def _remove(self, task: Task) -> None:
        name, namespace = task.metadata.name, task.metadata.namespace
        if self._archive is not None:
            whole = await self._client.get(TASKS.untyped(), name, namespace)
            if whole["metadata"]["uid"] == task.metadata.uid:
                await self._archive.append(whole)
        await self._client.delete(TASKS, name, namespace, DeleteOptions(uid=task.metadata.uid))
