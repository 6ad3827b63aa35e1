"""Make and remove executors' pods."""

from shoal.api.pod import PODS
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.protocol import Client, DeleteOptions
from shoal.controllers.ploto.executor_pod import Executor, executor_body, read_executor
from shoal.controllers.ploto.pool import Pool
from shoal.controllers.ploto.pool_events import PoolEvents
from shoal.controllers.ploto.pool_roster import PoolRoster
from shoal.controllers.ploto.roster import Roster

DOOMED_GRACE_S = 1
"""What an executor is left whose task was deleted."""


class ExecutorWrites:
    """Keeps the roster true to what the server answered. Raises ApiError, ConnectionFailed."""

    def __init__(
        self,
        client: Client,
        roster: Roster,
        events: PoolEvents,
        clock: Clock,
        sidecar_image: str,
    ) -> None:
        self._client = client
        self._roster = roster
        self._events = events
        self._clock = clock
        self._sidecar_image = sidecar_image

    async def create(self, roster: PoolRoster, pool: Pool) -> None:
        """The caller has counted it in `creating`."""
        body = executor_body(pool, self._sidecar_image)
        try:
            pod = await self._client.create(PODS, body, pool.key.namespace)
        except ApiError as error:
            if not error.is_namespace_terminating:
                self._events.warn(
                    pool, "FailedCreate", f"cannot create an executor: {error.message}"
                )
            raise
        finally:
            roster.creating -= 1
        executor = read_executor(pod)
        if executor is not None:
            self._roster.observe_executor(executor)

    async def retire(self, roster: PoolRoster, executor: Executor) -> None:
        """Remove a living executor without a task; not if anything has happened to it since."""
        options = DeleteOptions(
            uid=executor.uid,
            resource_version=executor.resource_version,
            # SIGTERM asks a container to finish its task, which is not wanted any more.
            grace_period_s=DOOMED_GRACE_S if roster.is_doomed(executor.name) else None,
        )
        await self._delete(roster, executor, options)

    async def bury(self, roster: PoolRoster, executor: Executor) -> None:
        """Remove what is left of a dead executor."""
        if executor.run is None:
            roster.failed_starts += 1
            roster.last_failed_start = self._clock.now()
            roster.last_death = executor.death
        if roster.pool is not None:
            # Without its name, so that many deaths of one cause are one event that is counted up.
            self._events.warn(roster.pool, "ExecutorDied", f"an executor died: {executor.death}")
        await self._delete(roster, executor, DeleteOptions(uid=executor.uid))

    async def _delete(self, roster: PoolRoster, executor: Executor, options: DeleteOptions) -> None:
        """The caller has marked it as retiring."""
        try:
            await self._client.delete(PODS, executor.name, executor.key.namespace, options)
        except ApiError as error:
            roster.set_retiring(executor.name, False)
            if error.is_not_found:
                self._roster.remove_executor(executor.key, executor.uid)
            elif error.is_conflict:
                await self._refresh(executor)
            else:
                raise

    async def _refresh(self, executor: Executor) -> None:
        try:
            pod = await self._client.get(PODS, executor.name, executor.key.namespace)
        except ApiError as error:
            if not error.is_not_found:
                raise
            self._roster.remove_executor(executor.key, executor.uid)
            return
        found = read_executor(pod)
        if found is not None:
            self._roster.observe_executor(found)
