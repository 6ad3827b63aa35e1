"""Keep the counts in a pool's status."""

from shoal.api.ploto import ExecutorPoolStatus
from shoal.api.status import ApiError
from shoal.client.protocol import Client
from shoal.controllers.ploto.pool import PoolKey
from shoal.controllers.ploto.pool_events import pool_resource
from shoal.controllers.ploto.pool_roster import PoolRoster, Standing
from shoal.controllers.ploto.roster import Roster
from shoal.controllers.reconciler import Result


class PoolStatusReconciler:
    def __init__(self, client: Client, roster: Roster) -> None:
        self._client = client
        self._roster = roster

    async def reconcile(self, key: PoolKey) -> Result:
        roster = self._roster.find_pool(key)
        if roster is None or roster.pool is None or roster.pool.is_deleting:
            return Result()
        status = counts(roster)
        if status == roster.pool.status:
            return Result()
        body = {
            "status": {
                "totalExecutor": status.total_executor,
                "runningExecutor": status.running_executor,
                "availableExecutor": status.available_executor,
            }
        }
        try:
            await self._client.patch(
                pool_resource(key), key.name, body, key.namespace, subresource="status"
            )
        except ApiError as error:
            if not error.is_not_found:
                raise
        return Result()


def counts(roster: PoolRoster) -> ExecutorPoolStatus:
    return ExecutorPoolStatus(
        total_executor=roster.living,
        running_executor=roster.count(Standing.BUSY),
        available_executor=roster.count(Standing.IDLE),
    )
