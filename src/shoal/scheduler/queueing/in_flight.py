"""Events that happen while pods are out of the queue for a cycle.

A cycle decides on what it saw at its start. An event that comes later may already have undone the
rejection, so on its way back into the queue a pod is asked about every event since it was popped.
"""

from collections import deque
from collections.abc import Sequence

from shoal.scheduler.queueing.wake_rules import Happening


class InFlight:
    """Keeps events only as long as some pod that was popped before them is out."""

    def __init__(self) -> None:
        self._happenings: deque[Happening] = deque()
        self._first = 0
        """Number of the first event kept."""
        self._popped_at: dict[str, int] = {}
        """Uid -> number of the first event it has not seen, in order of popping."""

    def start(self, uid: str) -> None:
        self._popped_at[uid] = self._first + len(self._happenings)

    def note(self, happening: Happening) -> None:
        if self._popped_at:
            self._happenings.append(happening)

    def end(self, uid: str) -> Sequence[Happening]:
        """The cycle is over; what happened during it."""
        since = self._popped_at.pop(uid, None)
        if since is None or not self._happenings:
            return ()
        missed = list(self._happenings)[since - self._first :]
        oldest = next(iter(self._popped_at.values()), self._first + len(self._happenings))
        while self._first < oldest:
            self._happenings.popleft()
            self._first += 1
        return missed
