"""What the controller knows of Workers beside the API: nothing that a restart may not forget.

Ended Jobs that still matter; pods that went, as they were last seen; what queues answered lately;
what was refused. Whoever wires tells it of Jobs and pods; a restart is told of all Jobs anew.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from shoal.api.batch import Job
from shoal.api.job_indexes import read_indexes
from shoal.api.meta import ObjectKey
from shoal.api.pod import Pod
from shoal.api.worker import WORKER_UID_LABEL, Worker
from shoal.controllers.worker.planning import POLL_PERIOD_S, PROBLEM_PERIOD_S
from shoal.controllers.worker.progress import ProgressSample, remember
from shoal.controllers.worker.sight import item_index, run_of
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
_ANY = 2**31
"""Above every number of an item."""


def gathering_s(pods: int) -> float:
    """How long news of a worker's objects are gathered before its turn. A turn looks at all pods
    of its Jobs that still matter, ended ones, too; one for each change would leave time for nothing
    else."""
    return 0.0 if pods < _MANY_PODS else min(_PAUSE_MAX_S, _PAUSE_S_PER_POD * pods)


class KnownWorker:
    """Of one worker."""

    def __init__(self) -> None:
        self.problem = ""
        """Why its work source could not be used last time."""
        self.setback = ""
        """Why the API server did not make something of it last time; a sentence."""
        self.size: QueueSize | None = None
        self.samples: list[ProgressSample] = []
        self.pods = 0
        """How many it had when it was last looked at."""
        self._asked_at: datetime | None = None
        self._told_at_s: float | None = None
        self._departed: list[tuple[str, Pod]] = []
        self._refusal: tuple[int, str] = (0, "")
        self._held: tuple[int, datetime] | None = None
        self._ended: dict[str, Job] = {}
        self._runs = set[int]()

    def note_job(self, old: Job | None, new: Job | None) -> None:
        """A Job came, changed or went."""
        if new is not None and new.is_finished:
            self._ended[new.metadata.uid] = new
            self._runs.add(run_of(new))
        elif new is None and old is not None:
            self._ended.pop(old.metadata.uid, None)

    def ended_jobs(self, worker: Worker) -> list[Job]:
        """Those that have ended and still matter. One of an item does until the status as it is
        stored has told of that item."""
        owner, status = worker.metadata.uid, worker.status
        told = read_indexes(status.succeeded_items, _ANY) | read_indexes(status.failed_items, _ANY)
        matter: list[Job] = []
        for uid, job in list(self._ended.items()):
            if job.metadata.labels.get(WORKER_UID_LABEL) != owner:
                continue
            index, run = item_index(job), run_of(job)
            is_told = index is not None and (
                run < status.run or (run == status.run and index in told)
            )
            if is_told:
                del self._ended[uid]
            else:
                matter.append(job)
        return matter

    def runs_before(self, run: int) -> list[int]:
        """Older ones that had Jobs; 0, that of schedules, is none."""
        return sorted(each for each in self._runs if 0 < each < run)

    def forget_run(self, run: int) -> None:
        """Its Jobs are gone."""
        self._runs.discard(run)

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

    def set_back(self, generation: int, message: str, now: datetime) -> None:
        """The API server does not make now what this spec asks for: it is tried again later."""
        self.setback = message
        self._held = (generation, now + timedelta(seconds=PROBLEM_PERIOD_S))

    def held_back_s(self, generation: int, now: datetime) -> float:
        """How long nothing is to be made; 0 where that may be tried."""
        if self._held is None or self._held[0] != generation:
            return 0.0
        return max(0.0, (self._held[1] - now).total_seconds())

    def go_on(self) -> None:
        """Nothing is in the way of what is to be made."""
        self.setback, self._held = "", None


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
