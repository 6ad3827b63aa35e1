"""Keys that wait: once each, one worker a key, delays."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from shoal.base.backoff import Backoff
from shoal.base.clock import VirtualClock
from shoal.client.workqueue import WorkQueue

BACKOFF = Backoff(initial_s=1.0, max_s=8.0)


def make_queue(clock: VirtualClock | None = None) -> WorkQueue[str]:
    return WorkQueue(clock or VirtualClock(), BACKOFF)


async def test_keys_come_in_the_order_they_were_added() -> None:
    queue = make_queue()
    for key in "abc":
        queue.add(key)
    assert [await queue.get() for _ in range(3)] == ["a", "b", "c"]


async def test_a_key_that_waits_already_is_not_added_twice() -> None:
    queue = make_queue()
    queue.add("a")
    queue.add("a")
    assert len(queue) == 1


async def test_a_key_added_while_it_is_worked_on_comes_back_after_done() -> None:
    queue = make_queue()
    queue.add("a")
    await queue.get()
    queue.add("a")
    queue.add("a")
    assert len(queue) == 0
    queue.done("a")
    assert len(queue) == 1
    assert await queue.get() == "a"
    queue.done("a")
    assert len(queue) == 0


async def test_get_waits_for_a_key() -> None:
    queue = make_queue()
    getter = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    assert not getter.done()
    queue.add("a")
    assert await getter == "a"


async def test_a_cancelled_getter_takes_no_key_with_it() -> None:
    queue = make_queue()
    first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    first.cancel()
    async with asyncio.timeout(5):
        assert await second == "a"


async def test_a_delayed_key_comes_when_its_time_is_over() -> None:
    clock = VirtualClock()
    queue = make_queue(clock)
    queue.add_after("a", 5)
    await clock.advance(4)
    assert len(queue) == 0
    await clock.advance(1)
    assert len(queue) == 1


async def test_of_several_delays_the_one_that_ends_first_counts() -> None:
    clock = VirtualClock()
    queue = make_queue(clock)
    queue.add_after("a", 5)
    queue.add_after("a", 2)
    queue.add_after("a", 9)
    await clock.advance(2)
    assert await queue.get() == "a"
    queue.done("a")
    await clock.advance(20)
    assert len(queue) == 0


async def test_retries_back_off_until_the_key_is_forgotten() -> None:
    clock = VirtualClock()
    queue = make_queue(clock)
    for delay_s in (1, 2, 4, 8, 8):
        queue.retry("a")
        await clock.advance(delay_s - 0.5)
        assert len(queue) == 0
        await clock.advance(0.5)
        assert await queue.get() == "a"
        queue.done("a")
    assert queue.failures("a") == 5
    queue.forget("a")
    queue.retry("a")
    await clock.advance(1)
    assert len(queue) == 1


async def test_a_closed_queue_adds_nothing_later() -> None:
    clock = VirtualClock()
    queue = make_queue(clock)
    queue.add_after("a", 1)
    queue.close()
    await clock.advance(2)
    assert len(queue) == 0


@given(st.lists(st.tuples(st.sampled_from(["add", "get", "done"]), st.sampled_from("abc"))))
def test_no_key_is_lost_and_none_is_worked_on_twice_at_once(
    steps: list[tuple[str, str]],
) -> None:
    async def run() -> None:
        queue = make_queue()
        owed: set[str] = set()
        working: set[str] = set()
        for step, key in steps:
            if step == "add":
                queue.add(key)
                owed.add(key)
            elif step == "get" and len(queue):
                taken = await queue.get()
                assert taken not in working
                working.add(taken)
                owed.remove(taken)
            elif step == "done" and key in working:
                working.remove(key)
                queue.done(key)
            assert len(queue) == len(owed - working)

    asyncio.run(run())


async def test_adds_and_retries_are_counted() -> None:
    clock = VirtualClock()
    queue = make_queue(clock)
    queue.add("a")
    queue.add("a")
    await queue.get()
    queue.retry("a")
    assert (queue.adds, queue.retries) == (1, 1)
    await clock.advance(1.0)
    queue.done("a")
    assert (queue.adds, queue.retries, len(queue)) == (2, 1, 1)
