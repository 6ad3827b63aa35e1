"""Objects that may not be there: read and deleted without minding.

Between a look and a write anybody may delete an object, or make another one under its name. Whoever
has nothing else to do about that asks here.
"""

from typing import TypeVar

from shoal.api.meta import ObjectMeta
from shoal.api.resource import Resource
from shoal.api.status import ApiError
from shoal.client.protocol import Client, DeleteOptions

T = TypeVar("T")


async def find(client: Client, resource: Resource[T], name: str, namespace: str = "") -> T | None:
    """What the server holds under the name; None for nothing."""
    try:
        return await client.get(resource, name, namespace)
    except ApiError as error:
        if error.is_not_found:
            return None
        raise


async def remove(
    client: Client, resource: Resource[T], meta: ObjectMeta, propagation: str | None = None
) -> None:
    """Delete this very object. One that is gone, or whose name another one has by now, needs
    nothing. `propagation` as in `DeleteOptions`."""
    options = DeleteOptions(propagation=propagation, uid=meta.uid)
    try:
        await client.delete(resource, meta.name, meta.namespace, options)
    except ApiError as error:
        if not (error.is_not_found or error.is_conflict):
            raise
