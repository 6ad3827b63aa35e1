"""Work sources as the controller asks them: one that hangs costs no turn but its own."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shoal.controllers.worker.queue_access import QueueAccess
from shoal.work.protocol import QueueSize, SourceUnavailable
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


@pytest.fixture
def source() -> Iterator[HangingSource]:
    source = HangingSource()
    yield source
    source.released.set()


async def test_an_answer_is_handed_on_and_the_source_closed(source: HangingSource) -> None:
    source.released.set()
    assert await QueueAccess(source.open).size(URL, "abc") == QueueSize(ready=3)
    assert source.closed == 1


async def test_a_source_that_hangs_is_not_asked_again_until_it_has_answered(
    source: HangingSource,
) -> None:
    access = QueueAccess(source.open, timeout_s=0.02)
    with pytest.raises(SourceUnavailable, match="did not answer within"):
        await access.size(URL, "abc")
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


async def test_what_a_source_has_against_its_url_is_told(source: HangingSource) -> None:
    with pytest.raises(SourceUnavailable, match="no URL"):
        await QueueAccess(source.open).size("", "abc")


async def test_items_that_were_changed_during_a_run_wait_for_the_next_one(tmp_path: Path) -> None:
    access, url = QueueAccess(open_source), f"sqlite://{tmp_path}/q.db"
    await access.put(url, "a/b", ["x", "y"], "run-1")
    await access.put(url, "a/b", ["z"], "run-1")
    assert await access.size(url, "a/b") == QueueSize(ready=2)
    await access.put(url, "a/b", ["z"], "run-2")
    assert await access.size(url, "a/b") == QueueSize(ready=3)
