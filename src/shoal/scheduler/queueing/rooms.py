"""Where a pod is in the scheduling queue, as a state machine.

The rooms are kube-scheduler's. The drawing is docs/states/scheduling-queue.md.
"""

from enum import StrEnum


class Room(StrEnum):
    OUTSIDE = "outside"
    """Not in the queue: unknown, being bound, placed or gone."""
    ACTIVE = "active"
    """Ready to be tried."""
    BACKOFF = "backoff"
    """Ready after a while."""
    UNSCHEDULABLE = "unschedulable"
    """Waits for an event that may help; gated pods, too."""
    IN_FLIGHT = "in-flight"
    """Taken out for a cycle that has not ended."""


class Move(StrEnum):
    ADMIT = "admit"
    """To be tried as soon as its turn comes."""
    BACK_OFF = "back-off"
    SHELVE = "shelve"
    POP = "pop"
    LEAVE = "leave"


class IllegalMove(Exception):
    """A slip of the queue: the move cannot happen in that room."""

    def __init__(self, pod: str, room: Room, move: Move) -> None:
        super().__init__(f"pod {pod} is in room {room}: cannot {move}")


_MOVES: dict[tuple[Room, Move], Room] = {
    (Room.OUTSIDE, Move.ADMIT): Room.ACTIVE,
    (Room.OUTSIDE, Move.SHELVE): Room.UNSCHEDULABLE,
    (Room.OUTSIDE, Move.BACK_OFF): Room.BACKOFF,
    (Room.ACTIVE, Move.POP): Room.IN_FLIGHT,
    (Room.ACTIVE, Move.LEAVE): Room.OUTSIDE,
    (Room.BACKOFF, Move.ADMIT): Room.ACTIVE,
    (Room.BACKOFF, Move.POP): Room.IN_FLIGHT,
    (Room.BACKOFF, Move.LEAVE): Room.OUTSIDE,
    (Room.UNSCHEDULABLE, Move.ADMIT): Room.ACTIVE,
    (Room.UNSCHEDULABLE, Move.BACK_OFF): Room.BACKOFF,
    (Room.UNSCHEDULABLE, Move.SHELVE): Room.UNSCHEDULABLE,
    (Room.UNSCHEDULABLE, Move.LEAVE): Room.OUTSIDE,
    (Room.IN_FLIGHT, Move.ADMIT): Room.ACTIVE,
    (Room.IN_FLIGHT, Move.BACK_OFF): Room.BACKOFF,
    (Room.IN_FLIGHT, Move.SHELVE): Room.UNSCHEDULABLE,
    (Room.IN_FLIGHT, Move.LEAVE): Room.OUTSIDE,
}


def next_state(room: Room, move: Move) -> Room | None:
    """None where the move is illegal in that room."""
    return _MOVES.get((room, move))
