"""The SQLite store's writer thread, which owns the revision.

It takes all that waits in the queue, judges each write against the ledger, commits the lot with
one fsync, and hands the outcomes to the event loop in one call. `sqlite.SqliteStore` is the other
end of the queue.
"""

import asyncio
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shoal.base.clock import Clock
from shoal.base.guard import Failed, attempt
from shoal.store.database import Checkpointer, Database
from shoal.store.ledger import Accepted, Ledger, Write
from shoal.store.protocol import Entry, StoreError, StoreFailed, StoreFull
from shoal.store.published import Retention

_log = logging.getLogger(__name__)

_MAX_BATCH = 512
_TRIM_EVERY = 1024
"""Revisions between two trims of the log."""


@dataclass(frozen=True, slots=True)
class QueuedWrite:
    write: Write
    answer: asyncio.Future[Entry]


@dataclass(frozen=True, slots=True)
class QueuedTrim:
    """Forget the log up to and with revision `oldest`."""

    oldest: int
    answer: asyncio.Future[None]


Job = QueuedWrite | QueuedTrim
JobQueue = queue.SimpleQueue[Job | None]
"""None ends the writer."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction did. `outcomes` are in revision order."""

    outcomes: Sequence[tuple[asyncio.Future[Entry], Accepted | Failed]]
    trims: Sequence[QueuedTrim]


class LogTrimmer:
    """Says up to which revision the log may go: by count at once, by age a little late."""

    def __init__(self, retention: Retention, clock: Clock, revision: int) -> None:
        self._retention = retention
        self._clock = clock
        # What a restart finds counts as new: ages are not written down.
        self._marks = deque([(clock.monotonic(), revision)])

    def trim_to(self, revision: int) -> int:
        """0 while there is nothing worth a trim."""
        now_s = self._clock.monotonic()
        if revision - self._marks[-1][1] < _TRIM_EVERY:
            return 0
        self._marks.append((now_s, revision))
        floor = max(revision - self._retention.log_events, 0)
        while self._marks[0][0] < now_s - self._retention.log_age_s:
            floor = max(floor, self._marks.popleft()[1])
        return floor


class Writer:
    """The thread: takes what is queued, commits it as one batch, says so."""

    def __init__(
        self,
        jobs: JobQueue,
        ledger: Ledger,
        database: Database,
        checkpointer: Checkpointer,
        trimmer: LogTrimmer,
        on_batch: Callable[[Batch], None],
        on_end: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`on_batch` and `on_end` are called on `loop`. Ledger and database are the writer's
        from `start` on, until `on_end`."""
        self._jobs = jobs
        self._ledger = ledger
        self._database = database
        self._checkpointer = checkpointer
        self._trimmer = trimmer
        self._on_batch = on_batch
        self._on_end = on_end
        self._loop = loop
        self._has_failed = False
        self._is_full = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)

    def start(self) -> None:
        self._checkpointer.start()
        self._thread.start()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            jobs, is_last = self._next_jobs()
            if jobs:
                batch = self._carry_out(jobs)
                self._loop.call_soon_threadsafe(self._on_batch, batch)
        self._checkpointer.stop()
        self._database.close()
        self._loop.call_soon_threadsafe(self._on_end)

    def _next_jobs(self) -> tuple[list[Job], bool]:
        """Waits for something, then takes all there is; the flag says that it was the last."""
        jobs: list[Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == _MAX_BATCH:
                return jobs, False
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, False
        return jobs, True

    def _carry_out(self, jobs: Sequence[Job]) -> Batch:
        trims = [job for job in jobs if isinstance(job, QueuedTrim)]
        outcomes = [
            (job.answer, attempt(self._ledger.apply, job.write))
            for job in jobs
            if isinstance(job, QueuedWrite)
        ]
        accepted = [result for _, result in outcomes if isinstance(result, Accepted)]
        trim_to = max([self._trimmer.trim_to(self._ledger.revision), *(t.oldest for t in trims)])
        refusal = self._commit(accepted, trim_to)
        if refusal is not None:
            outcomes = [(answer, Failed(refusal())) for answer, _ in outcomes]
        return Batch(outcomes, trims)

    def _commit(self, accepted: Sequence[Accepted], trim_to: int) -> type[StoreError] | None:
        """What all who wait are to be told, if not that it is done."""
        if self._has_failed:
            return StoreFailed
        if not accepted and not trim_to:
            return None
        outcome = attempt(self._database.commit, accepted, trim_to)
        if not isinstance(outcome, Failed):
            self._note_room(is_full=False)
            self._checkpointer.note_written(sum(len(a.entry.value) for a in accepted))
            return None
        if isinstance(outcome.error, StoreFull):
            self._ledger.take_back(accepted)
            self._note_room(is_full=True)
            return StoreFull
        # Whatever it was: those who wait must be answered, and as the ledger is ahead of the disk
        # from here on, nothing may be written any more.
        self._has_failed = True
        _log.error(
            "the data file cannot be written; the store is read-only now", exc_info=outcome.error
        )
        return StoreFailed

    def _note_room(self, *, is_full: bool) -> None:
        """Says it once, not with every write that is refused."""
        if is_full and not self._is_full:
            _log.error("%s; every write is refused until then", StoreFull.__doc__)
        elif self._is_full and not is_full:
            _log.warning("the disk of the data folder has room again; writes are accepted")
        self._is_full = is_full
