"""Work sources as the controller asks them: one that hangs costs no turn but its own."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from shoal.base.clock import VirtualClock
from shoal.controllers.worker.planning import PROBLEM_PERIOD_S
from shoal.controllers.worker.queue_access import QueueAccess
from shoal.work.protocol import QueueSize, SourceUnavailable, WorkSource
from shoal.work.sources import open_source
from tests.waiting import eventually

URL = "redis://db"


class HangingSource:
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.closed = 0

    def open(self, url: str) -> "HangingSource":
        if not url:
            raise SourceUnavailable("no URL")
        return self

    def size(self, queue: str) -> QueueSize:
        self.released.wait(30)
        return QueueSize(ready=len(queue))

    def close(self) -> None:
        self.closed += 1


class FailingSource:
    """Refuses until it is well."""

    def __init__(self) -> None:
        self.is_well = False
        self.asked = 0

    def open(self, url: str) -> "FailingSource":
        return self

    def size(self, queue: str) -> QueueSize:
        self.asked += 1
        if not self.is_well:
            raise SourceUnavailable("refused")
        return QueueSize()

    def close(self) -> None: ...


@pytest.fixture
def source() -> Iterator[HangingSource]:
    source = HangingSource()
    yield source
    source.released.set()


async def test_an_answer_is_handed_on_and_the_source_closed(source: HangingSource) -> None:
    source.released.set()
    assert await QueueAccess(source.open, VirtualClock()).size(URL, "abc") == QueueSize(ready=3)
    assert source.closed == 1


async def test_a_source_that_hangs_is_not_asked_again_until_it_has_answered(
    source: HangingSource,
) -> None:
    clock = VirtualClock()
    access = QueueAccess(source.open, clock, timeout_s=0.02)
    with pytest.raises(SourceUnavailable, match="did not answer within"):
        await access.size(URL, "abc")
    await clock.advance(PROBLEM_PERIOD_S)
    with pytest.raises(SourceUnavailable, match="has not answered an earlier question yet"):
        await access.size(URL, "abc")
    with pytest.raises(SourceUnavailable, match="did not answer within"):
        await access.size("redis://other", "abc")
    source.released.set()

    async def answered() -> bool:
        try:
            return await access.size(URL, "abc") == QueueSize(ready=3)
        except SourceUnavailable:
            return False

    await eventually(answered, "an answer")


async def test_what_a_source_failed_with_is_the_answer_for_a_while() -> None:
    clock, source = VirtualClock(), FailingSource()
    access = QueueAccess(source.open, clock)
    for _ in range(3):
        with pytest.raises(SourceUnavailable, match="refused"):
            await access.size(URL, "abc")
    assert source.asked == 1
    await clock.advance(PROBLEM_PERIOD_S)
    source.is_well = True
    assert await access.size(URL, "abc") == QueueSize()
    assert await access.size(URL, "abc") == QueueSize()
    assert source.asked == 3


async def test_whoever_waited_for_a_question_to_the_same_source_gets_its_problem() -> None:
    source = FailingSource()
    access = QueueAccess(source.open, VirtualClock())
    answers = [access.size(URL, "abc") for _ in range(5)]
    told = await asyncio.gather(*answers, return_exceptions=True)
    assert {str(each) for each in told} == {"refused"}
    # Those that had been put before it failed.
    assert source.asked <= 3


async def test_a_source_that_answers_slowly_is_asked_more_than_one_question_at_a_time() -> None:
    # Each answer waits for another question.
    together = threading.Barrier(2)

    class SlowSource(FailingSource):
        def size(self, queue: str) -> QueueSize:
            together.wait(30)
            return QueueSize(ready=1)

    access = QueueAccess(lambda url: SlowSource(), VirtualClock(), timeout_s=60)
    asked = [access.size(URL, "abc") for _ in range(2)]
    assert await asyncio.gather(*asked) == [QueueSize(ready=1)] * 2


async def test_one_turn_at_a_time_waits_for_a_source_that_failed(source: HangingSource) -> None:
    clock, failing = VirtualClock(), FailingSource()
    opened: list[WorkSource] = [failing, source]
    access = QueueAccess(lambda url: opened.pop(0), clock)
    with pytest.raises(SourceUnavailable, match="refused"):
        await access.size(URL, "abc")
    await clock.advance(PROBLEM_PERIOD_S)
    waiting = asyncio.create_task(access.size(URL, "abc"))
    await asyncio.sleep(0)
    with pytest.raises(SourceUnavailable, match="refused"):
        await access.size(URL, "abc")
    assert not waiting.done()
    source.released.set()
    # A machine that is busy enough lets it come too late.
    with suppress(SourceUnavailable):
        assert await waiting == QueueSize(ready=3)


def test_a_source_that_hangs_does_not_keep_the_process() -> None:
    program = """
import asyncio, threading
from shoal.base.clock import SystemClock
from shoal.controllers.worker.queue_access import QueueAccess
from shoal.work.protocol import SourceUnavailable
async def ask():
    try:
        await QueueAccess(lambda url: threading.Event().wait(), SystemClock(), 0.05).size("u", "q")
    except SourceUnavailable as error:
        print(error)
asyncio.run(ask())
"""
    run = [sys.executable, "-c", program]
    ended = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True)
    assert "did not answer within" in ended.stdout


async def test_what_a_source_has_against_its_url_is_told(source: HangingSource) -> None:
    with pytest.raises(SourceUnavailable, match="no URL"):
        await QueueAccess(source.open, VirtualClock()).size("", "abc")


async def test_items_that_were_changed_during_a_run_wait_for_the_next_one(tmp_path: Path) -> None:
    access, url = QueueAccess(open_source, VirtualClock()), f"sqlite://{tmp_path}/q.db"
    await access.put(url, "a/b", ["x", "y"], "run-1")
    await access.put(url, "a/b", ["z"], "run-1")
    assert await access.size(url, "a/b") == QueueSize(ready=2)
    await access.put(url, "a/b", ["z"], "run-2")
    assert await access.size(url, "a/b") == QueueSize(ready=3)
