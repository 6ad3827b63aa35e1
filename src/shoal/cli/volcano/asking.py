"""Asking a controller for something: a Command is created, then its effect is waited for.

The controller deletes the Command and acts; that it is gone tells nothing. So it is the object
itself that is looked at until it is where it was asked to be.
Source: Volcano v1.15, pkg/cli/util/util.go.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from shoal.api.core import EVENTS
from shoal.api.meta import Object
from shoal.api.owners import controller_reference
from shoal.api.resource import JsonObject, Resource
from shoal.api.volcano.command import COMMANDS
from shoal.cli.output import CliError
from shoal.client.protocol import Client

NAMESPACE = "default"
"""Of commands to queues, which have no namespace."""
_POLL_S = 0.1
_EPOCH = datetime.fromtimestamp(0, UTC)

ObjectT = TypeVar("ObjectT", bound=Object)


def command(resource: Resource[ObjectT], target: ObjectT, action: str) -> JsonObject:
    """The manifest of a Command, owned by what it is about."""
    owner = controller_reference(resource.api_version, resource.kind, target.metadata)
    return {
        "metadata": {
            "generateName": f"{target.metadata.name}-{action.lower()}-",
            "ownerReferences": [owner],
        },
        "target": owner,
        "action": action,
    }


async def ask(client: Client, resource: Resource[ObjectT], target: ObjectT, action: str) -> None:
    """Create the Command."""
    namespace = target.metadata.namespace or NAMESPACE
    await client.create(COMMANDS, command(resource, target, action), namespace)


async def wait_until(
    client: Client,
    resource: Resource[ObjectT],
    target: ObjectT,
    is_there: Callable[[ObjectT], bool],
    *,
    what: str,
    limit_s: float,
) -> ObjectT:
    """The object when `is_there` says so. `what` it has not become within the limit is said in the
    CliError, with the latest warning about it."""
    name, namespace = target.metadata.name, target.metadata.namespace
    loop = asyncio.get_running_loop()
    give_up_s = loop.time() + limit_s
    while True:
        found = await client.get(resource, name, namespace)
        if is_there(found):
            return found
        if loop.time() >= give_up_s:
            why = await _latest_warning(client, target)
            raise CliError(
                f"{resource.kind.lower()} {name} is not {what} after {limit_s:g} s: "
                + (why or "nobody has said why; does its controller run?")
            )
        await asyncio.sleep(_POLL_S)


async def _latest_warning(client: Client, target: Object) -> str:
    about = f"involvedObject.uid={target.metadata.uid}"
    page = await client.list(EVENTS, target.metadata.namespace, field_selector=about)
    warnings = [event for event in page.items if event.type == "Warning"]
    latest = max(warnings, key=lambda event: event.last_timestamp or _EPOCH, default=None)
    return "" if latest is None else latest.message
