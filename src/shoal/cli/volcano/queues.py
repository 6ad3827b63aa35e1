"""`shoal queue`: list, make, open and close the lines in which work waits."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from shoal.api.resource import JsonObject
from shoal.api.volcano.lifecycle import QueueAction
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroup, PodGroupPhase
from shoal.api.volcano.queue import QUEUES, ROOT, Queue, QueueState, manifest
from shoal.cli.output import CliError, print_rows
from shoal.cli.phrases import counted
from shoal.cli.volcano.asking import ask, wait_until
from shoal.cli.volcano.queue_table import state_of
from shoal.client.existence import find
from shoal.client.protocol import Client

HEADS = (
    "Name",
    "Weight",
    "State",
    "Parent",
    "Inqueue",
    "Pending",
    "Running",
    "Unknown",
    "Completed",
)
_COUNTED = (
    PodGroupPhase.INQUEUE,
    PodGroupPhase.PENDING,
    PodGroupPhase.RUNNING,
    PodGroupPhase.UNKNOWN,
    PodGroupPhase.COMPLETED,
)
_CLOSED = (QueueState.CLOSED, QueueState.CLOSING)


async def list_queues(client: Client, name: str = "") -> None:
    """One row for each, or only the row of one. Raises ApiError where that one is not there."""
    queues = [await client.get(QUEUES, name)] if name else (await client.list(QUEUES)).items
    if not queues:
        print("No resources found")
        return
    groups = (await client.list(POD_GROUPS)).items
    print_rows(HEADS, [queue_row(queue, groups) for queue in queues], is_upper=False)


def queue_row(queue: Queue, groups: Sequence[PodGroup]) -> tuple[object, ...]:
    """Under HEADS. PodGroups are counted here: Volcano leaves the counts of the status at 0."""
    phases = Counter(group.phase for group in groups if group.spec.queue == queue.metadata.name)
    return (
        queue.metadata.name,
        queue.spec.weight,
        state_of(queue),
        queue.spec.parent,
        *(phases[phase] for phase in _COUNTED),
    )


def queue_manifest(name: str, **wanted: object) -> JsonObject:
    """A new queue with those fields of the spec that are wanted: what is None is left out."""
    return manifest(name, **{field: value for field, value in wanted.items() if value is not None})


async def create_queue(client: Client, body: JsonObject, state: QueueState) -> None:
    """A queue is made open; where it is wanted closed, that is asked for right after."""
    queue = await client.create(QUEUES, body, strict=True)
    print(f"create queue {queue.metadata.name} successfully")
    if state in _CLOSED:
        await ask(client, QUEUES, queue, QueueAction.CLOSE_QUEUE)


async def open_queue(client: Client, name: str, limit_s: float | None) -> None:
    """Wait so long until it is open; None: do not wait. Raises CliError."""
    queue = await client.get(QUEUES, name)
    await _refuse_below_closed(client, queue)
    await ask(client, QUEUES, queue, QueueAction.OPEN_QUEUE)
    if limit_s is None:
        print(f"queue {name} is asked to open")
        return
    await wait_until(
        client, QUEUES, queue, lambda found: found.is_open, what="open", limit_s=limit_s
    )
    print(f"queue {name} is Open")


async def _refuse_below_closed(client: Client, queue: Queue) -> None:
    """The controller does, too, but only an event tells of it."""
    parent = queue.spec.parent
    if not parent or parent == ROOT:
        return
    above = await find(client, QUEUES, parent)
    if above is not None and above.status.state in _CLOSED:
        raise CliError(
            f"Failed to open queue {queue.metadata.name} because its parent queue {parent} is"
            " closing or closed. Open the parent queue first."
        )


async def close_queue(client: Client, name: str, limit_s: float | None) -> None:
    """Wait so long until it takes nothing more; None: do not wait. Raises CliError."""
    if name == ROOT:
        raise CliError(f"queue {ROOT} cannot be closed: all others are below it")
    queue = await client.get(QUEUES, name)
    await ask(client, QUEUES, queue, QueueAction.CLOSE_QUEUE)
    if limit_s is None:
        print(f"queue {name} is asked to close")
        return
    closed = await wait_until(
        client,
        QUEUES,
        queue,
        lambda found: found.status.state in _CLOSED,
        what="closed",
        limit_s=limit_s,
    )
    left = [each for each in (await client.list(POD_GROUPS)).items if each.spec.queue == name]
    print(f"queue {name} is {state_of(closed)}{_what_is_left(closed, len(left))}")


def _what_is_left(queue: Queue, count: int) -> str:
    if queue.status.state == QueueState.CLOSED or not count:
        return ""
    return f": it takes nothing more, and is Closed when its {counted(count, 'PodGroup')} left"


async def operate_queue(
    client: Client, name: str, action: str, weight: int, limit_s: float | None
) -> None:
    """vcctl's one verb for three: open, close, or update of the weight. Raises CliError."""
    if action == "open":
        await open_queue(client, name, limit_s)
    elif action == "close":
        await close_queue(client, name, limit_s)
    elif action != "update":
        raise CliError(f"action {action} invalid, valid actions are open, close and update")
    elif weight < 1:
        raise CliError(
            f"when update queue {name}, weight must be specified, the value must be greater than 0"
        )
    else:
        await client.patch(QUEUES, name, {"spec": {"weight": weight}})
        print(f"queue {name} has weight {weight}")


async def delete_queue(client: Client, name: str) -> None:
    await client.delete(QUEUES, name)
    print(f"delete queue {name} successfully")


async def read_queues(client: Client) -> tuple[Mapping[str, Queue], Sequence[PodGroup]]:
    """All queues by name, and all PodGroups."""
    queues, groups = await asyncio.gather(client.list(QUEUES), client.list(POD_GROUPS))
    return {queue.metadata.name: queue for queue in queues.items}, groups.items
