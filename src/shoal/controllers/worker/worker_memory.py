"""What the controller knows of Workers beside the API: nothing that a restart may not forget.

Pods that went, as they were last seen; what queues answered lately; what was refused.
"""

from collections.abc import Callable
from datetime import datetime

from shoal.api.meta import ObjectKey
from shoal.api.pod import Pod
from shoal.controllers.worker.planning import POLL_PERIOD_S
from shoal.controllers.worker.progress import ProgressSample, remember
from shoal.work.protocol import QueueSize

_KEPT_PODS = 50
_MANY_PODS = 100
"""From here on, turns are worth saving."""
_PAUSE_S_PER_POD = 0.0004
_PAUSE_MAX_S = 2.0
_TELL_PERIOD_S = 0.5
_TELL_PERIOD_S_PER_ITEM = 0.0005
"""Items are part of the worker: each write of its status stores them all again."""
_TELL_PERIOD_MAX_S = 10.0


def gathering_s(pods: int) -> float:
    """How long news of a worker's objects are gathered before its turn. A turn looks at all its
    pods, ended ones, too; one for each change would leave time for nothing else."""
    return 0.0 if pods < _MANY_PODS else min(_PAUSE_MAX_S, _PAUSE_S_PER_POD * pods)


class KnownWorker:
    """Of one worker."""

    def __init__(self) -> None:
        self.problem = ""
        """Why its work source could not be used last time."""
        self.size: QueueSize | None = None
        self.samples: list[ProgressSample] = []
        self.pods = 0
        """How many it had when it was last looked at."""
        self._asked_at: datetime | None = None
        self._told_at_s: float | None = None
        self._departed: list[tuple[str, Pod]] = []
        self._refusal: tuple[int, str] = (0, "")

    def depart(self, worker_uid: str, pod: Pod) -> None:
        self._departed = [*self._departed[-_KEPT_PODS + 1 :], (worker_uid, pod)]

    def departed_of(self, worker_uid: str) -> list[Pod]:
        return [pod for uid, pod in self._departed if uid == worker_uid]

    def is_size_due(self, now: datetime) -> bool:
        # A little early is in time: timers and clocks do not agree to the last digit.
        return (
            self._asked_at is None or (now - self._asked_at).total_seconds() >= POLL_PERIOD_S * 0.9
        )

    def note_size(self, size: QueueSize | None, problem: str, now: datetime) -> None:
        self._asked_at, self.problem = now, problem
        if size is not None:
            self.size = size
            self.note_done(size.done, now)

    def note_told(self, now_s: float) -> None:
        """The status was written."""
        self._told_at_s = now_s

    def untold_s(self, items: int, now_s: float) -> float:
        """How long small news have to wait for their turn to be written; 0 for not at all."""
        pause_s = min(_TELL_PERIOD_MAX_S, max(_TELL_PERIOD_S, _TELL_PERIOD_S_PER_ITEM * items))
        return 0.0 if self._told_at_s is None else max(0.0, self._told_at_s + pause_s - now_s)

    def note_done(self, done: int, now: datetime) -> None:
        self.samples = remember(self.samples, done, now)

    def refuse(self, generation: int, message: str) -> None:
        """The API server does not take what this spec asks for."""
        self._refusal = (generation, message)

    def refusal_of(self, generation: int) -> str:
        return self._refusal[1] if self._refusal[0] == generation else ""


class WorkerMemory:
    """Of all workers."""

    def __init__(self, wake: Callable[[ObjectKey], None]) -> None:
        """`wake` has a worker looked at again."""
        self.wake = wake
        self._known: dict[ObjectKey, KnownWorker] = {}

    def of(self, key: ObjectKey) -> KnownWorker:
        return self._known.setdefault(key, KnownWorker())

    def forget(self, key: ObjectKey) -> None:
        self._known.pop(key, None)
