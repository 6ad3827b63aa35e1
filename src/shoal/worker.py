"""For programs in pods that go through a work queue:

    from shoal.worker import work

    for item in work():
        copy_table(item.json()["table"])

The loop ends when the queue is drained. Where the queue is, and how long an item may be held
without a sign of life, is told by the pod's environment. An item is acknowledged when the loop's
body has come to its end; leaving the loop before (an exception, `break`, `return`) gives the item
back with an attempt used up, and the exception goes on. `with item:` around the body keeps the
loop going instead: an exception there is logged, and the next item follows. Left in any other way,
also by `break`, which Python does not tell from the end, the block says that the item is done.

On SIGTERM the item at hand may still be finished; those leased ahead go back at once, and instead
of the next one the loop raises SystemExit(143), so that nobody takes the queue for drained.

docs/howto/work-queues.md tells more.
"""

import atexit
import logging
import os
import signal
import socket
import threading
import weakref
from collections.abc import Generator, Iterator, Mapping
from types import FrameType, TracebackType
from typing import Any, Self

import msgspec

from shoal.api import worker as environment
from shoal.base.clock import SystemClock
from shoal.work.keeper import Kept, LeaseKeeper, WorkTally
from shoal.work.pacing import MAX_BATCH
from shoal.work.protocol import QueueLimits, SourceUnavailable
from shoal.work.sources import open_source

__all__ = ["HeldItem", "SourceUnavailable", "Work", "limits_of", "pod_name", "work"]

STOPPED = 128 + signal.SIGTERM
"""Exit code of a program that was told to end before the queue was drained."""

_log = logging.getLogger("shoal.worker")


def work(
    url: str | None = None,
    queue: str | None = None,
    *,
    batch: int = MAX_BATCH,
    lease_s: float | None = None,
    max_attempts: int | None = None,
) -> "Work":
    """The items of a queue, one after the other. What is not given is taken from SHOAL_WORK_URL,
    SHOAL_WORK_QUEUE (`<namespace>/<name>`), SHOAL_WORK_LEASE_SECONDS and
    SHOAL_WORK_MAX_ATTEMPTS, which pods of a Worker have. `batch` is how many items are leased at
    once at most; 1 leases none ahead. Raises SourceUnavailable, also on the way, when the source
    has been away for five minutes; ValueError where nothing says which queue, or a number is none
    that can be meant."""
    url = url or os.environ.get(environment.URL_VARIABLE, "")
    queue = queue or os.environ.get(environment.QUEUE_VARIABLE, "")
    if not url or not queue:
        raise ValueError(
            f"which queue? Set {environment.URL_VARIABLE} and {environment.QUEUE_VARIABLE}, as a "
            "Worker of mode Queue does in its pods, or give url and queue"
        )
    if batch < 1:
        raise ValueError("batch must be at least 1")
    usual = limits_of(os.environ)
    limits = QueueLimits(
        lease_s=usual.lease_s if lease_s is None else lease_s,
        max_attempts=usual.max_attempts if max_attempts is None else max_attempts,
    )
    if not _can_be_meant(limits):
        raise ValueError("lease_s must be a number of seconds and max_attempts at least 1")
    keeper = LeaseKeeper(
        open_source(url),
        queue,
        holder=pod_name(),
        limits=limits,
        clock=SystemClock(),
        most=batch,
    )
    return Work(keeper)


def limits_of(variables: Mapping[str, str]) -> QueueLimits:
    """What a pod's environment says of leases. Raises ValueError."""
    lease_s = variables.get(environment.LEASE_VARIABLE) or environment.DEFAULT_LEASE_S
    attempts = variables.get(environment.MAX_ATTEMPTS_VARIABLE) or environment.DEFAULT_MAX_ATTEMPTS
    try:
        limits = QueueLimits(lease_s=float(lease_s), max_attempts=int(attempts))
    except ValueError:
        limits = QueueLimits(lease_s=0, max_attempts=0)
    if not _can_be_meant(limits):
        raise ValueError(
            f"{environment.LEASE_VARIABLE} must be a number of seconds and "
            f"{environment.MAX_ATTEMPTS_VARIABLE} a number of deliveries, both above 0"
        )
    return limits


def _can_be_meant(limits: QueueLimits) -> bool:
    return 0 < limits.lease_s < float("inf") and limits.max_attempts >= 1


def pod_name() -> str:
    """Who holds leases: the pod, by its host name."""
    return os.environ.get("HOSTNAME") or socket.gethostname()


class HeldItem:
    """An item that is this program's to do."""

    def __init__(self, keeper: LeaseKeeper, kept: Kept) -> None:
        self._keeper = keeper
        self._kept = kept
        self.is_settled = False
        """Somebody has said what became of it."""

    @property
    def body(self) -> str:
        return self._kept.lease.item.body

    @property
    def id(self) -> int:
        """Of the queue; the same for every delivery of the item."""
        return self._kept.lease.item.id

    @property
    def attempt(self) -> int:
        """From 1: which delivery this is."""
        return self._kept.lease.attempt

    def json(self) -> Any:
        """The body, read as JSON. Raises ValueError."""
        return msgspec.json.decode(self.body)

    def is_held(self) -> bool:
        """Whether nobody else can have the item: to be asked before a step that must not be done
        twice. False when the process was stopped, or cut off from the source, for longer than the
        lease."""
        return self._keeper.is_held(self._kept)

    def finish(self) -> None:
        """It is done: acknowledged with others within a second. The end of the loop's body says
        so, too."""
        self.is_settled = True
        self._keeper.finish(self._kept)

    def ack(self) -> bool:
        """Acknowledge it now, not at the end of the loop's body. False when the lease was lost:
        somebody else has the item, and does it again."""
        self.is_settled = True
        return self._keeper.ack(self._kept)

    def nack(self, reason: str, delay_s: float | None = None) -> bool:
        """It failed: another attempt comes after `delay_s`, by default 1 s, then 2 s, 4 s, up to
        a minute; after the last one it is put with the dead, with the reason. False when the
        lease was lost."""
        self.is_settled = True
        return self._keeper.fail(self._kept, reason, delay_s)

    def hand_back(self) -> bool:
        """Give it back for somebody else, as if it had not been delivered. False when the lease
        was lost."""
        self.is_settled = True
        return self._keeper.hand_back(self._kept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Acknowledges, or gives back after an exception, which ends here unless it asks the
        program to end."""
        if self.is_settled:
            return isinstance(error, Exception) and self._note(error)
        if error is None:
            self.finish()
            return False
        if not isinstance(error, Exception):
            self.hand_back()
            return False
        self.nack(f"{type(error).__name__}: {error}")
        return self._note(error)

    def _note(self, error: Exception) -> bool:
        _log.error("item %d failed at attempt %d", self.id, self.attempt, exc_info=error)
        return True


class Work:
    """What `work()` gives: to be gone through once."""

    def __init__(self, keeper: LeaseKeeper) -> None:
        self._keeper = keeper
        self._usual_handler: Any = None
        self._is_handling = False
        self._is_stopped = False

    @property
    def tally(self) -> WorkTally:
        """What became of the items so far."""
        return self._keeper.tally

    def stop(self) -> None:
        """What SIGTERM does, for programs that handle signals themselves or loop elsewhere than
        in the main thread."""
        self._is_stopped = True
        self._keeper.stop()

    def __iter__(self) -> Iterator[HeldItem]:
        """Raises SourceUnavailable, and SystemExit after SIGTERM."""
        items = self._items()
        # Only the loop may hold it: that it lets go is how we learn that it was left.
        atexit.register(_close, weakref.ref(items))
        return items

    def _items(self) -> Generator[HeldItem]:
        keeper = self._keeper
        keeper.start()
        self._handle_signals()
        item: HeldItem | None = None
        try:
            while (kept := keeper.take()) is not None:
                item = HeldItem(keeper, kept)
                yield item
                if not item.is_settled:
                    item.finish()
            keeper.flush()
        finally:
            self._leave(item)
            keeper.close()
            self._release_signals()
        if self._is_stopped:
            raise SystemExit(STOPPED)

    def _leave(self, item: HeldItem | None) -> None:
        """The loop was left with an item at hand."""
        if item is None or item.is_settled:
            return
        try:
            item.nack("the loop was left before the item was done; the pod's log may say why")
        except SourceUnavailable as error:
            _log.warning("item %d comes back when its lease runs out: %s", item.id, error)

    def _handle_signals(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        self._usual_handler = signal.getsignal(signal.SIGTERM)
        signal.signal(signal.SIGTERM, self._on_sigterm)
        self._is_handling = True

    def _release_signals(self) -> None:
        if self._is_handling:
            signal.signal(signal.SIGTERM, self._usual_handler)

    def _on_sigterm(self, number: int, frame: FrameType | None) -> None:
        self.stop()
        if callable(self._usual_handler):
            self._usual_handler(number, frame)


def _close(items: "weakref.ref[Generator[HeldItem]]") -> None:
    """At the program's end: a loop that was left by an exception may still be held by its
    traceback."""
    left = items()
    if left is not None:
        left.close()
