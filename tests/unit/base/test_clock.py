"""Virtual time, and what waits by it."""

import asyncio

from shoal.base.backoff import Backoff
from shoal.base.clock import VirtualClock
from shoal.base.supervision import keep_running


async def test_sleepers_wake_in_order_and_each_sees_its_own_time():
    clock = VirtualClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, delay_s: float) -> None:
        await clock.sleep(delay_s)
        woken.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper("late", 5))
        group.create_task(sleeper("early", 2))
        await clock.advance(10)
    assert woken == [("early", 2.0), ("late", 5.0)]
    assert clock.monotonic() == 10.0


async def test_a_service_that_fails_is_started_again_after_a_backoff():
    clock = VirtualClock()
    starts: list[float] = []

    async def service() -> None:
        starts.append(clock.monotonic())
        raise RuntimeError("broken")

    task = asyncio.create_task(keep_running("service", service, clock))
    await clock.advance(0.75)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [round(start, 6) for start in starts] == [0.0, 0.1, 0.3, 0.7]


def test_delays_double_up_to_the_maximum():
    backoff = Backoff(initial_s=10, max_s=300)
    assert [backoff.delay_s(n) for n in (0, 1, 2, 5, 6, 10_000)] == [0, 10, 20, 160, 300, 300]
