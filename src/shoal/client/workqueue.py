"""`WorkQueue`: keys that wait to be reconciled.

A key is never worked on twice at the same time, and however often it is added before its turn, it
has one turn. Both come from two sets:

    add ──> dirty ──get──> processing ──done──> (dirty again if added meanwhile)

Source of the idea: client-go, util/workqueue.
"""

import asyncio
from collections import deque
from typing import Generic, TypeVar

from shoal.base.backoff import Backoff
from shoal.base.clock import Clock

K = TypeVar("K")

RETRY_BACKOFF = Backoff(initial_s=0.005, max_s=60.0)


class WorkQueue(Generic[K]):
    def __init__(self, clock: Clock, backoff: Backoff = RETRY_BACKOFF) -> None:
        self.adds = 0
        """Keys that were added and did not wait already, since the start."""
        self.retries = 0
        """Calls of `retry` since the start."""
        self._clock = clock
        self._backoff = backoff
        self._ready: deque[K] = deque()
        self._dirty: set[K] = set()
        self._processing: set[K] = set()
        self._delayed: dict[K, tuple[float, asyncio.Task[None]]] = {}
        self._failures: dict[K, int] = {}
        self._getters: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        """Keys that are ready for their turn."""
        return len(self._ready)

    def add(self, key: K) -> None:
        if key in self._dirty:
            return
        self._dirty.add(key)
        self.adds += 1
        if key not in self._processing:
            self._push(key)

    def add_after(self, key: K, delay_s: float) -> None:
        """Add the key later; of several delays the one that ends first counts."""
        if delay_s <= 0:
            self.add(key)
            return
        due_s = self._clock.monotonic() + delay_s
        if key in self._delayed:
            earlier_s, timer = self._delayed[key]
            if earlier_s <= due_s:
                return
            timer.cancel()
        timer = asyncio.create_task(self._add_later(key, delay_s))
        self._delayed[key] = (due_s, timer)

    def retry(self, key: K) -> None:
        """Add the key after a back-off that grows with each retry until `forget`."""
        self.retries += 1
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        self.add_after(key, self._backoff.delay_s(failures))

    def forget(self, key: K) -> None:
        """The key has succeeded: its next failure counts as the first."""
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        return self._failures.get(key, 0)

    async def get(self) -> K:
        """Wait for a key and take it; `done` must follow."""
        while not self._ready:
            getter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            except asyncio.CancelledError:
                # This getter was woken for a key and cannot take it: wake another one.
                if getter.done() and not getter.cancelled() and self._ready:
                    self._wake()
                raise
        key = self._ready.popleft()
        self._dirty.discard(key)
        self._processing.add(key)
        return key

    def done(self, key: K) -> None:
        self._processing.discard(key)
        if key in self._dirty:
            self._push(key)

    def close(self) -> None:
        """Drop what was to be added later."""
        for _, timer in self._delayed.values():
            timer.cancel()
        self._delayed.clear()

    async def _add_later(self, key: K, delay_s: float) -> None:
        await self._clock.sleep(delay_s)
        del self._delayed[key]
        self.add(key)

    def _push(self, key: K) -> None:
        self._ready.append(key)
        self._wake()

    def _wake(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return
