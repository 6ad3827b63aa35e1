"""Commands to queues, each carried out exactly once.

A Command is deleted only after what it asks for has been written, and none is begun before the
one created before it is gone. What a command asks for is a state, so a controller that was killed
between the write and the deletion carries the same command out again and changes nothing: no other
command can have come between. (Volcano v1.15 deletes first, and loses the command when it is
killed then.) Source of reasons and texts: Volcano v1.15,
pkg/controllers/queue/queue_controller_action.go.
"""

import logging

from shoal.api.core import EventType
from shoal.api.meta import OwnerReference
from shoal.api.status import ApiError
from shoal.api.volcano.command import COMMANDS, Command, age
from shoal.api.volcano.lifecycle import QueueAction
from shoal.api.volcano.queue import QUEUES, Queue
from shoal.client.events import EventRecorder
from shoal.client.existence import find, remove
from shoal.client.informer import Lister
from shoal.client.protocol import Client
from shoal.controllers.volcano import queue_state
from shoal.controllers.volcano.queue_writes import QueueWrites

_log = logging.getLogger(__name__)

_SUCCESS: dict[str, str] = {
    QueueAction.OPEN_QUEUE: "Open queue succeed",
    QueueAction.CLOSE_QUEUE: "Close queue succeed",
}
_FAILURE: dict[str, str] = {
    QueueAction.OPEN_QUEUE: "Open queue failed for",
    QueueAction.CLOSE_QUEUE: "Close queue failed for",
}


def queue_target(command: Command) -> OwnerReference | None:
    """The queue that the command is for; None where it is for something else."""
    target = command.target
    if target is None or (target.api_version, target.kind) != (QUEUES.api_version, QUEUES.kind):
        return None
    return target


class QueueCommands:
    def __init__(
        self,
        client: Client,
        commands: Lister[Command],
        writes: QueueWrites,
        recorder: EventRecorder,
    ) -> None:
        self._client = client
        self._commands = commands
        self._writes = writes
        self._recorder = recorder

    async def carry_out(self) -> None:
        """All that are there, oldest first. Raises where one has to be tried again; those behind
        it wait until it is done."""
        for command in sorted(self._commands.list(), key=age):
            target = queue_target(command)
            if target is not None and await self._is_still_there(command):
                await self._carry_out_one(command.action, target)
                await remove(self._client, COMMANDS, command.metadata)

    async def _carry_out_one(self, action: str, target: OwnerReference) -> None:
        """Decided from what the server says now: informers may not know of the last command."""
        queue = await find(self._client, QUEUES, target.name)
        if queue is None or target.uid not in ("", queue.metadata.uid):
            _log.info("%s of queue %s: there is no such queue", action, target.name)
            return
        above = queue.parent
        parent = await find(self._client, QUEUES, above) if above else None
        reason = queue_state.refusal(queue, action, parent)
        if reason:
            self._warn(queue, action, reason)
            return
        is_in_use = self._writes.is_in_use(queue.metadata.name)
        try:
            await self._writes.take(queue, queue_state.command_step(queue, action, is_in_use))
        except ApiError as error:
            if not error.is_final:
                raise
            self._warn(queue, action, f"{_FAILURE.get(action, action)} {error.message}")
            return
        if queue_state.changes_side(queue, action):
            self._recorder.record(
                QUEUES, queue.metadata, EventType.NORMAL, action, _SUCCESS[action]
            )

    def _warn(self, queue: Queue, action: str, message: str) -> None:
        self._recorder.record(QUEUES, queue.metadata, EventType.WARNING, action, message)

    async def _is_still_there(self, command: Command) -> bool:
        """An informer may show a command for a while after it has been carried out."""
        metadata = command.metadata
        present = await find(self._client, COMMANDS, metadata.name, metadata.namespace)
        return present is not None and present.metadata.uid == metadata.uid
