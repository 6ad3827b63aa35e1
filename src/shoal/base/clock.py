"""Clocks. Decisions get `now` as an argument; only shells hold a clock.

`SystemClock` is real time. `VirtualClock` stands still until a test advances it, so no test
sleeps: everything that waits through `Clock.sleep` wakes in order as time passes.
"""

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where a shell reads time and waits for it."""

    def now(self) -> datetime:
        """Wall-clock time, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards, from an arbitrary start."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Return after `delay_s` seconds of this clock."""
        ...


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)


class VirtualClock:
    """Time that moves only by `advance`."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed_s = 0.0
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        return self._elapsed_s

    async def sleep(self, delay_s: float) -> None:
        if delay_s <= 0:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed_s + delay_s, next(self._order), wake))
        await wake

    async def advance(self, delay_s: float) -> None:
        """Let `delay_s` seconds pass; sleepers wake one by one, each with time to act."""
        await self._settle()
        end_s = self._elapsed_s + delay_s
        while self._sleepers and self._sleepers[0][0] <= end_s:
            wake_s, _, wake = heapq.heappop(self._sleepers)
            self._elapsed_s = max(self._elapsed_s, wake_s)
            if not wake.done():
                wake.set_result(None)
                await self._settle()
        self._elapsed_s = end_s
        await self._settle()

    async def _settle(self) -> None:
        """Give every ready task a few turns of the loop."""
        for _ in range(20):
            await asyncio.sleep(0)
