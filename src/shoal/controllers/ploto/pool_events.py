"""What `kubectl describe` shows of a pool: events on the pool's own object."""

from shoal.api.core import EventType
from shoal.api.meta import Object
from shoal.api.ploto import GROUP
from shoal.api.resource import Resource
from shoal.client.events import EventRecorder
from shoal.controllers.ploto.pool import Pool, PoolKey


class PoolEvents:
    def __init__(self, recorder: EventRecorder) -> None:
        self._recorder = recorder

    def tell(self, pool: Pool, reason: str, message: str) -> None:
        self._recorder.record(
            pool_resource(pool.key), pool.metadata, EventType.NORMAL, reason, message
        )

    def warn(self, pool: Pool, reason: str, message: str) -> None:
        self._recorder.record(
            pool_resource(pool.key), pool.metadata, EventType.WARNING, reason, message
        )


def pool_resource(key: PoolKey) -> Resource[Object]:
    """The collection that a pool is in, read only for metadata."""
    return Resource(GROUP, "v1", f"{key.kind.lower()}s", key.kind, Object)
