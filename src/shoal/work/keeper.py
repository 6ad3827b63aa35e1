"""`LeaseKeeper`: what a program does with a work source while it goes through a queue.

The program takes one item after the other and says what became of it. The keeper leases in groups,
renews on a thread of its own for as long as the process works, writes acknowledgements in groups,
and gives back what has not been begun when the program is to stop. Every item it has is in `_held`
until the source has said that it is done, given back or lost.

All calls of the source happen under one lock. The thread is woken through a `SimpleQueue`, the one
thing that a signal handler may put into.
"""

import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import TypeVar

import msgspec

from shoal.base.clock import Clock
from shoal.work.pacing import AGAIN, MAX_BATCH, POLL, RETRY, next_batch
from shoal.work.protocol import ItemLease, QueueLimits, SourceUnavailable, WorkSource

PATIENCE_S = 300.0
"""How long a source may be away, such as a database that starts again, before it is an error."""
LEAVING_PATIENCE_S = 5.0
"""The same for a program that ends: what it cannot give back comes back when the lease is over."""
_TICK_S = 1.0

_log = logging.getLogger("shoal.worker")
_T = TypeVar("_T")


class Stage(Enum):
    """Of an item that the keeper has."""

    WAITING = auto()
    AT_WORK = auto()
    DONE = auto()
    """By the program, and not yet acknowledged."""


class Kept(msgspec.Struct, kw_only=True):
    """One delivery. Changed only under the keeper's lock."""

    lease: ItemLease
    until_s: float
    """Monotonic time up to which the lease lasts for certain."""
    stage: Stage = Stage.WAITING
    is_acknowledged: bool = False
    is_lost: bool = False
    is_ack_unsure: bool = False
    """An acknowledgement was sent, and its answer never came."""


class WorkTally(msgspec.Struct, kw_only=True):
    """What became of items that this program took."""

    done: int = 0
    failed: int = 0
    lost: int = 0
    """Leases that ran out while the item was being worked on: somebody else has it."""
    unsure: int = 0
    """Acknowledged while the source went away: done, or delivered once more."""


class LeaseKeeper:
    """One queue's items for one program. `take` and what follows are called by one thread."""

    def __init__(
        self,
        source: WorkSource,
        queue_name: str,
        *,
        holder: str,
        limits: QueueLimits,
        clock: Clock,
        most: int = MAX_BATCH,
    ) -> None:
        self._source = source
        self._queue = queue_name
        self._holder = holder
        self._limits = limits
        self._clock = clock
        # An only attempt is not to be used up by what another item does to the process.
        self._most = most if limits.max_attempts > 1 else 1
        self._batch = 1
        self._batch_began_s: float | None = None
        self._rng = random.Random()
        self._lock = threading.Lock()
        self._held: dict[str, Kept] = {}
        self._calls: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._is_closing = False
        self._thread = threading.Thread(target=self._keep, name="work-leases", daemon=True)
        self.is_stopping = False
        self.tally = WorkTally()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take no more, and give back what has not been begun. For signal handlers, too."""
        self.is_stopping = True
        self._calls.put(None)

    def take(self, *, is_waiting: bool = True) -> Kept | None:
        """The next item to work on; None when there is none: the queue is drained, the keeper was
        stopped, or (without `is_waiting`) others hold all that is left. Raises SourceUnavailable
        when the source has been away for long."""
        try:
            return self._take(is_waiting=is_waiting)
        except SourceUnavailable:
            if self.is_stopping:
                return None
            raise

    def _take(self, *, is_waiting: bool) -> Kept | None:
        looks = 0
        while not self.is_stopping:
            if (kept := self._next_waiting()) is not None:
                return kept
            if self._insist(self._lease_more, ends_on_stop=True):
                continue
            size = self._insist(lambda: self._source.size(self._queue), ends_on_stop=True)
            if size.is_drained or not (size.ready or is_waiting):
                return None
            looks += 1
            time.sleep(POLL.delay_s(looks))
        return None

    def finish(self, kept: Kept) -> None:
        """The item is done; it is acknowledged with others, within a second."""
        with self._lock:
            kept.stage = Stage.DONE

    def ack(self, kept: Kept) -> bool:
        """Acknowledge now; whether it was still held, for certain."""
        self.finish(kept)
        self._insist(self._write_acks)
        return kept.is_acknowledged

    def fail(self, kept: Kept, reason: str, delay_s: float | None = None) -> bool:
        """Give it back with an attempt used up, by default not to be leased again at once;
        whether it was still held."""
        self.tally.failed += 1
        delay_s = AGAIN.delay_s(kept.lease.attempt) if delay_s is None else delay_s
        return self._give_back([kept], reason, delay_s, uses_attempt=True)

    def hand_back(self, kept: Kept) -> bool:
        """Give it back as if it had not been delivered; whether it was still held."""
        return self._give_back([kept], "handed back", 0.0, uses_attempt=False)

    def is_held(self, kept: Kept) -> bool:
        """Whether the lease lasts for certain: nobody else has the item now."""
        return not kept.is_lost and self._clock.monotonic() < kept.until_s

    def flush(self, patience_s: float = PATIENCE_S) -> None:
        """Returns when the source knows all that is done."""
        self._insist(self._write_acks, patience_s)

    def close(self, patience_s: float = LEAVING_PATIENCE_S) -> None:
        """Acknowledge, give back the rest, end the thread and close the source. What a source
        that is away cannot be told comes back when the leases are over."""
        self.is_stopping = self._is_closing = True
        self._calls.put(None)
        self._thread.join()
        try:
            self._insist(self._write_acks, patience_s)
            self._insist(self._give_back_waiting, patience_s)
        except SourceUnavailable as error:
            _log.warning("items come back when their leases run out: %s", error)
        self._source.close()

    def _next_waiting(self) -> Kept | None:
        with self._lock:
            for token, kept in list(self._held.items()):
                if kept.stage is not Stage.WAITING:
                    continue
                if self.is_held(kept):
                    kept.stage = Stage.AT_WORK
                    return kept
                # Not begun: whoever has it by now does it.
                del self._held[token]
        return None

    def _lease_more(self) -> int:
        """Under the lock of `_insist`; how many items wait then. What is done is written first, so
        groups do not mount up, and the last item of a queue is not held by who looks whether it is
        drained."""
        now_s = self._clock.monotonic()
        self._write_acks()
        if not self._waiting():
            self._lease_group(now_s)
        self._part_suspects()
        return len(self._waiting())

    def _lease_group(self, now_s: float) -> None:
        """Under the lock. `now_s` is when the last group was done."""
        if self._batch_began_s is not None:
            self._batch = next_batch(self._batch, now_s - self._batch_began_s, self._most)
            self._batch_began_s = None
        now_s = self._clock.monotonic()
        leases = self._source.lease(
            self._queue, holder=self._holder, count=self._batch, limits=self._limits
        )
        until_s = now_s + self._limits.lease_s
        self._held |= {each.token: Kept(lease=each, until_s=until_s) for each in leases}
        self._batch_began_s = self._clock.monotonic() if leases else None

    def _part_suspects(self) -> None:
        """Under the lock. An item that was delivered before may be what ended its holder, and
        would take an attempt from every item leased with it: it is worked on alone. So an item
        loses one attempt at most by what others do."""
        waiting = self._waiting()
        suspects = [kept for kept in waiting if kept.lease.attempt > 1]
        if not suspects:
            return
        # The next one is likely to have been delivered before as well.
        self._batch, self._batch_began_s = 1, None
        others = [kept for kept in waiting if kept is not suspects[0]]
        if others:
            self._nack(others, "handed back", 0.0, uses_attempt=False)

    def _write_acks(self) -> None:
        """Under the lock."""
        done = [kept for kept in self._held.values() if kept.stage is Stage.DONE]
        if not done:
            return
        try:
            held = set(self._source.ack(self._queue, [kept.lease.token for kept in done]))
        except SourceUnavailable:
            for kept in done:
                kept.is_ack_unsure = True
            raise
        for kept in done:
            del self._held[kept.lease.token]
            if kept.lease.token in held:
                kept.is_acknowledged = True
                self.tally.done += 1
            elif kept.is_ack_unsure:
                self.tally.unsure += 1
            else:
                kept.is_lost = True
                self.tally.lost += 1

    def _give_back_waiting(self) -> None:
        """Under the lock."""
        if waiting := self._waiting():
            self._nack(waiting, "handed back", 0.0, uses_attempt=False)

    def _waiting(self) -> list[Kept]:
        """Under the lock: leased, and not begun."""
        return [kept for kept in self._held.values() if kept.stage is Stage.WAITING]

    def _give_back(
        self, what: Sequence[Kept], reason: str, delay_s: float, *, uses_attempt: bool
    ) -> bool:
        patience_s = LEAVING_PATIENCE_S if self.is_stopping else PATIENCE_S
        return self._insist(
            lambda: self._nack(what, reason, delay_s, uses_attempt=uses_attempt), patience_s
        )

    def _nack(
        self, what: Sequence[Kept], reason: str, delay_s: float, *, uses_attempt: bool
    ) -> bool:
        """Under the lock."""
        tokens = [kept.lease.token for kept in what]
        held = self._source.nack(
            self._queue,
            tokens,
            reason=reason,
            delay_s=delay_s,
            uses_attempt=uses_attempt,
            max_attempts=self._limits.max_attempts,
        )
        for token in tokens:
            self._held.pop(token, None)
        return len(held) == len(tokens)

    def _insist(
        self,
        call: Callable[[], _T],
        patience_s: float = PATIENCE_S,
        *,
        ends_on_stop: bool = False,
    ) -> _T:
        """The call's answer, under the lock; again with growing pauses while the source does not
        answer, up to `patience_s`, or until the keeper is stopped."""
        give_up_s = self._clock.monotonic() + patience_s
        failures = 0
        while True:
            try:
                with self._lock:
                    return call()
            except SourceUnavailable as error:
                failures += 1
                pause_s = RETRY.jittered_s(failures, self._rng)
                is_stopped = ends_on_stop and self.is_stopping
                if is_stopped or self._clock.monotonic() + pause_s > give_up_s:
                    raise
                if failures == 1:
                    _log.warning("%s; trying again", error)
                time.sleep(pause_s)

    def _keep(self) -> None:
        """The thread: renew, write what is done, give back when stopped."""
        every_s = self._limits.lease_s / 3
        renewed_s = self._clock.monotonic()
        while not self._is_closing:
            try:
                self._calls.get(timeout=min(_TICK_S, every_s))
            except queue.Empty:
                pass
            try:
                with self._lock:
                    if self.is_stopping:
                        self._give_back_waiting()
                    self._write_acks()
                    if self._clock.monotonic() - renewed_s >= every_s:
                        renewed_s = self._clock.monotonic()
                        self._renew()
            except SourceUnavailable:
                # The next tick tries again; the program hears of it when it needs the source.
                renewed_s = float("-inf")

    def _renew(self) -> None:
        """Under the lock."""
        if not self._held:
            return
        now_s = self._clock.monotonic()
        held = set(self._source.renew(self._queue, list(self._held), self._limits.lease_s))
        for token, kept in list(self._held.items()):
            if token in held:
                kept.until_s = now_s + self._limits.lease_s
            elif not kept.is_ack_unsure:
                kept.is_lost = True
