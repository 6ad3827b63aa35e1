"""Where a pod is in the scheduling queue, as a state machine.

The rooms are kube-scheduler's. The drawing is docs/states/scheduling-queue.md.
"""

from enum import StrEnum

from shoal.base.transitions import follow


class Room(StrEnum):
    """Where a pod is."""

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
    """How it comes to another room."""

    ADMIT = "admit"
    """To be tried as soon as its turn comes."""
    BACK_OFF = "back-off"
    SHELVE = "shelve"
    POP = "pop"
    LEAVE = "leave"


_TRANSITIONS: dict[tuple[Room, Move], Room] = {
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


def next_state(room: Room, move: Move, pod: str = "") -> Room:
    """Total; raises IllegalTransition, which names the pod, for a move that the room cannot
    have."""
    return follow(_TRANSITIONS, room, move, "pod", pod)
