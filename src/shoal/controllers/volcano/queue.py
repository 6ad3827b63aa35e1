"""Queues: made where they must exist, put below `root`, opened and closed.

Every look at a queue begins with the commands that wait (`queue_commands`); then the queue follows
its parent (`queue_state`). What comes of it is written by `queue_writes`.
"""

from shoal.api.meta import ObjectKey
from shoal.api.status import ApiError
from shoal.api.volcano.command import COMMANDS, Command
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroup
from shoal.api.volcano.queue import QUEUES, ROOT, Queue, built_in_queues
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller
from shoal.controllers.volcano import queue_state
from shoal.controllers.volcano.queue_commands import QueueCommands, queue_target
from shoal.controllers.volcano.queue_writes import BY_QUEUE, QueueWrites

BY_PARENT = "spec.parent"
"""Index of queues."""

_ALWAYS_THERE = {each["metadata"]["name"]: each for each in built_in_queues()}


class QueueReconciler:
    """Must have one worker: commands are carried out one after the other."""

    def __init__(
        self, client: Client, queues: Lister[Queue], writes: QueueWrites, commands: QueueCommands
    ) -> None:
        self._client = client
        self._queues = queues
        self._writes = writes
        self._commands = commands

    async def reconcile(self, key: ObjectKey) -> Result:
        await self._commands.carry_out()
        queue = self._queues.get(key)
        if queue is None:
            if key.name in _ALWAYS_THERE:
                await self._make(key.name)
            return Result()
        if queue.metadata.deletion_timestamp is not None:
            return Result()
        if not queue.spec.parent and key.name != ROOT:
            queue = await self._writes.put_below_root(queue)
        parent = self._queues.get(ObjectKey("", queue.parent))
        is_in_use = self._writes.is_in_use(key.name)
        await self._writes.take(queue, queue_state.sync_step(queue, parent, is_in_use))
        return Result()

    async def _make(self, name: str) -> None:
        try:
            await self._client.create(QUEUES, _ALWAYS_THERE[name])
        except ApiError as error:
            if not error.is_already_exists:
                raise


def queue_controller(
    client: Client, informers: InformerSet, recorder: EventRecorder, clock: Clock
) -> Controller:
    """Follows queues, PodGroups that leave them, and commands to them."""
    work: WorkQueue[ObjectKey] = WorkQueue(clock)
    queues, pod_groups = informers.informer(QUEUES), informers.informer(POD_GROUPS)
    commands = informers.informer(COMMANDS)
    queues.add_index(BY_PARENT, lambda queue: [queue.parent] if queue.parent else [])
    pod_groups.add_index(BY_QUEUE, lambda group: [group.spec.queue])
    writes = QueueWrites(client, pod_groups.lister)
    reconciler = QueueReconciler(
        client, queues.lister, writes, QueueCommands(client, commands.lister, writes, recorder)
    )

    def on_queue(old: Queue | None, new: Queue | None) -> None:
        queue = new or old
        if queue is None:
            return
        work.add(queue.metadata.key)
        if old is None or new is None or old.status.state != new.status.state:
            for child in queues.lister.by_index(BY_PARENT, queue.metadata.name):
                work.add(child.metadata.key)

    def on_pod_group(old: PodGroup | None, new: PodGroup | None) -> None:
        if old is not None and (new is None or new.spec.queue != old.spec.queue):
            work.add(ObjectKey("", old.spec.queue))

    def on_command(old: Command | None, new: Command | None) -> None:
        target = queue_target(new) if new is not None else None
        if target is not None:
            work.add(ObjectKey("", target.name))

    queues.add_handler(on_queue)
    pod_groups.add_handler(on_pod_group)
    commands.add_handler(on_command)
    for name in _ALWAYS_THERE:
        work.add(ObjectKey("", name))
    return Controller("queue", reconciler, work)
