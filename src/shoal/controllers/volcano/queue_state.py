"""Whether a queue takes work: its states, and what its parent does to them.

Drawn in docs/states/queue.md. Source of the table and of the texts: Volcano v1.15,
pkg/controllers/queue/state and queue_controller_action.go.
"""

from enum import StrEnum

import msgspec

from shoal.api.volcano.keys import CLOSED_BY_PARENT
from shoal.api.volcano.lifecycle import QueueAction
from shoal.api.volcano.queue import ROOT, Queue, QueueState
from shoal.base.transitions import follow

MARKED = "true"
"""Of a queue that was closed because its parent was: it opens with its parent."""
UNMARKED = "false"

_SHUT = frozenset({QueueState.CLOSED, QueueState.CLOSING})


class QueueEvent(StrEnum):
    """What is asked of a queue, and whether any PodGroup names it, in whatever phase."""

    OPEN = "Open"
    CLOSE_EMPTY = "CloseEmpty"
    CLOSE_IN_USE = "CloseInUse"
    SYNC_EMPTY = "SyncEmpty"
    SYNC_IN_USE = "SyncInUse"


_TRANSITIONS: dict[tuple[QueueState, QueueEvent], QueueState] = {
    (QueueState.OPEN, QueueEvent.OPEN): QueueState.OPEN,
    (QueueState.OPEN, QueueEvent.CLOSE_EMPTY): QueueState.CLOSED,
    (QueueState.OPEN, QueueEvent.CLOSE_IN_USE): QueueState.CLOSING,
    (QueueState.OPEN, QueueEvent.SYNC_EMPTY): QueueState.OPEN,
    (QueueState.OPEN, QueueEvent.SYNC_IN_USE): QueueState.OPEN,
    (QueueState.CLOSED, QueueEvent.OPEN): QueueState.OPEN,
    (QueueState.CLOSED, QueueEvent.CLOSE_EMPTY): QueueState.CLOSED,
    (QueueState.CLOSED, QueueEvent.CLOSE_IN_USE): QueueState.CLOSED,
    (QueueState.CLOSED, QueueEvent.SYNC_EMPTY): QueueState.CLOSED,
    (QueueState.CLOSED, QueueEvent.SYNC_IN_USE): QueueState.CLOSED,
    (QueueState.CLOSING, QueueEvent.OPEN): QueueState.OPEN,
    (QueueState.CLOSING, QueueEvent.CLOSE_EMPTY): QueueState.CLOSED,
    (QueueState.CLOSING, QueueEvent.CLOSE_IN_USE): QueueState.CLOSING,
    (QueueState.CLOSING, QueueEvent.SYNC_EMPTY): QueueState.CLOSED,
    (QueueState.CLOSING, QueueEvent.SYNC_IN_USE): QueueState.CLOSING,
    (QueueState.UNKNOWN, QueueEvent.OPEN): QueueState.OPEN,
    (QueueState.UNKNOWN, QueueEvent.CLOSE_EMPTY): QueueState.CLOSED,
    (QueueState.UNKNOWN, QueueEvent.CLOSE_IN_USE): QueueState.CLOSING,
    (QueueState.UNKNOWN, QueueEvent.SYNC_EMPTY): QueueState.UNKNOWN,
    (QueueState.UNKNOWN, QueueEvent.SYNC_IN_USE): QueueState.UNKNOWN,
}


def next_state(state: QueueState, event: QueueEvent) -> QueueState:
    """Total: every state can have every event."""
    return follow(_TRANSITIONS, state, event, "a queue")


def state_of(queue: Queue) -> QueueState:
    """A queue without a state is open; in one that nobody knows, it is Unknown."""
    try:
        return QueueState(queue.status.state or QueueState.OPEN)
    except ValueError:
        return QueueState.UNKNOWN


def event_of(action: str, is_in_use: bool) -> QueueEvent:
    """`action` of a command; one that is neither to open nor to close is to look again."""
    if action == QueueAction.OPEN_QUEUE:
        return QueueEvent.OPEN
    if action == QueueAction.CLOSE_QUEUE:
        return QueueEvent.CLOSE_IN_USE if is_in_use else QueueEvent.CLOSE_EMPTY
    return QueueEvent.SYNC_IN_USE if is_in_use else QueueEvent.SYNC_EMPTY


def refusal(queue: Queue, action: str, parent: Queue | None) -> str:
    """Why a command cannot be carried out, for people; empty where it can."""
    if action == QueueAction.CLOSE_QUEUE and queue.metadata.name == ROOT:
        return "Root queue cannot be closed"
    if action != QueueAction.OPEN_QUEUE or state_of(queue) is QueueState.OPEN:
        return ""
    if parent is None or state_of(parent) not in _SHUT:
        return ""
    return (
        f"Failed to open queue {queue.metadata.name} because its parent queue"
        f" {parent.metadata.name} is closing or closed. Open the parent queue first."
    )


def changes_side(queue: Queue, action: str) -> bool:
    """Whether a command opens a queue that is not open, or closes one that is not even closing:
    what people are told of."""
    if action == QueueAction.OPEN_QUEUE:
        return state_of(queue) is not QueueState.OPEN
    return action == QueueAction.CLOSE_QUEUE and state_of(queue) not in _SHUT


class Step(msgspec.Struct, frozen=True):
    """Where a queue is to go. A mark is written before the state, so that a queue that was closed
    by its parent never looks as if somebody had closed it; it is taken back after the state."""

    state: QueueState
    mark: str | None = None
    """New value of the annotation; None leaves it."""


def command_step(queue: Queue, action: str, is_in_use: bool) -> Step:
    """What a command that is not refused leads to. Whoever opens or closes a queue speaks for
    it from then on, whatever its parent did."""
    state = next_state(state_of(queue), event_of(action, is_in_use))
    is_decided = action in (QueueAction.OPEN_QUEUE, QueueAction.CLOSE_QUEUE)
    return Step(state, UNMARKED if is_decided and _is_marked(queue) else None)


def sync_step(queue: Queue, parent: Queue | None, is_in_use: bool) -> Step:
    """What a queue comes to by itself: closed with its parent, opened with it where it was closed
    with it, and Closed once a closing queue is not used any more."""
    state = state_of(queue)
    if parent is not None and state_of(parent) in _SHUT and state not in _SHUT:
        event = event_of(QueueAction.CLOSE_QUEUE, is_in_use)
        return Step(next_state(state, event), None if _is_marked(queue) else MARKED)
    if parent is not None and state_of(parent) is QueueState.OPEN and _is_marked(queue):
        event = event_of(QueueAction.OPEN_QUEUE, is_in_use)
        return Step(next_state(state, event), UNMARKED)
    return Step(next_state(state, event_of(QueueAction.SYNC_QUEUE, is_in_use)))


def _is_marked(queue: Queue) -> bool:
    return queue.metadata.annotations.get(CLOSED_BY_PARENT) == MARKED
