"""What a program's keeper does with its items, on a SQLite source in a folder of the test's."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shoal.base.clock import SystemClock
from shoal.work.keeper import LeaseKeeper
from shoal.work.protocol import QueueLimits, QueueSize, SourceUnavailable
from shoal.work.sqlite import SqliteSource

QUEUE = "default/orders"
LONG = QueueLimits(lease_s=600, max_attempts=3)


class RestartedSource(SqliteSource):
    """One whose database goes away when it is told to."""

    failures = 0
    nack_failures = 0
    is_answer_lost = False
    """The next acknowledgement happens, and its answer is lost."""

    def lease(self, *words, **flags):
        self._fail()
        return super().lease(*words, **flags)

    def ack(self, queue: str, tokens: Sequence[str]) -> Sequence[str]:
        self._fail()
        answer = super().ack(queue, tokens)
        if self.is_answer_lost:
            self.is_answer_lost = False
            raise SourceUnavailable("gone")
        return answer

    def nack(self, *words, **flags):
        if self.nack_failures:
            self.nack_failures -= 1
            raise SourceUnavailable("gone")
        return super().nack(*words, **flags)

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise SourceUnavailable("gone")


@pytest.fixture
def source(tmp_path: Path) -> Iterator[RestartedSource]:
    with closing(RestartedSource(tmp_path / "q.db", SystemClock())) as opened:
        yield opened


def keeper_of(tmp_path: Path, limits: QueueLimits = LONG, most: int = 64) -> LeaseKeeper:
    source = RestartedSource(tmp_path / "q.db", SystemClock())
    return made(source, limits, most)


def made(source: RestartedSource, limits: QueueLimits = LONG, most: int = 64) -> LeaseKeeper:
    return LeaseKeeper(source, QUEUE, holder="pod-a", limits=limits, clock=SystemClock(), most=most)


class SteppedClock(SystemClock):
    """Stands still between steps."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        return self.elapsed_s


def until(holds: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < give_up_s
        time.sleep(0.01)


def test_a_queue_is_gone_through_to_its_end(source: RestartedSource, tmp_path: Path) -> None:
    source.put(QUEUE, map(str, range(300)))
    keeper = keeper_of(tmp_path)
    keeper.start()
    bodies: list[str] = []
    while kept := keeper.take():
        bodies.append(kept.lease.item.body)
        keeper.finish(kept)
    keeper.close()
    assert bodies == [str(number) for number in range(300)]
    assert keeper.tally.done == 300
    assert source.size(QUEUE) == QueueSize(done=300)


def test_what_is_done_is_written_while_the_next_item_takes_long(
    source: RestartedSource, tmp_path: Path
) -> None:
    source.put(QUEUE, ["a", "b"])
    keeper = keeper_of(tmp_path)
    keeper.start()
    first = keeper.take()
    assert first is not None
    keeper.finish(first)
    assert source.size(QUEUE).done == 0
    until(lambda: source.size(QUEUE).done == 1)
    keeper.close()


def test_leases_live_for_as_long_as_the_program(source: RestartedSource, tmp_path: Path) -> None:
    source.put(QUEUE, ["a"])
    keeper = keeper_of(tmp_path, QueueLimits(lease_s=0.9))
    keeper.start()
    kept = keeper.take()
    assert kept is not None
    first_until_s = kept.until_s
    until(lambda: kept.until_s > first_until_s + 1.0)
    assert keeper.is_held(kept)
    assert keeper.ack(kept)
    keeper.close()


def test_a_stopped_program_keeps_the_item_at_hand_only(
    source: RestartedSource, tmp_path: Path
) -> None:
    source.put(QUEUE, map(str, range(50)))
    keeper = keeper_of(tmp_path)
    keeper.start()
    for _ in range(4):  # 1 item, then 2, then the first of 4.
        kept = keeper.take()
        assert kept is not None
        keeper.finish(kept)
    kept = keeper.take()
    assert kept is not None
    keeper.stop()
    until(lambda: source.size(QUEUE) == QueueSize(ready=45, leased=1, done=4))
    assert keeper.take() is None
    assert keeper.ack(kept)
    keeper.close()
    assert source.size(QUEUE) == QueueSize(ready=45, done=5)


def test_a_lost_lease_is_told(source: RestartedSource, tmp_path: Path) -> None:
    source.put(QUEUE, ["a"])
    keeper = keeper_of(tmp_path)
    keeper.start()
    kept = keeper.take()
    assert kept is not None
    source.renew(QUEUE, [kept.lease.token], 0)
    until(lambda: source.size(QUEUE).ready == 1)
    [taken] = source.lease(QUEUE, holder="pod-b", count=1, limits=LONG)
    assert not keeper.ack(kept)
    assert keeper.tally.lost == 1
    assert source.ack(QUEUE, [taken.token])
    keeper.close()


def test_a_source_that_comes_back_is_waited_for(source: RestartedSource) -> None:
    source.put(QUEUE, ["a"])
    keeper = made(source)
    keeper.start()
    source.failures = 2
    kept = keeper.take()
    assert kept is not None
    source.failures = 1
    assert keeper.ack(kept)
    keeper.close()
    assert source.size(QUEUE) == QueueSize(done=1)


def test_an_acknowledgement_whose_answer_was_lost_is_unsure_and_not_lost(
    source: RestartedSource,
) -> None:
    source.put(QUEUE, ["a"])
    keeper = made(source)
    keeper.start()
    kept = keeper.take()
    assert kept is not None
    source.is_answer_lost = True
    assert not keeper.ack(kept)
    assert (keeper.tally.unsure, keeper.tally.lost) == (1, 0)
    keeper.close()
    assert source.size(QUEUE) == QueueSize(done=1)


def test_a_source_that_stays_away_is_an_error(source: RestartedSource) -> None:
    source.put(QUEUE, ["a"])
    keeper = made(source)
    keeper.start()
    kept = keeper.take()
    assert kept is not None
    source.failures = 10**9
    keeper.finish(kept)
    with pytest.raises(SourceUnavailable, match="gone"):
        keeper.flush(patience_s=0.1)
    source.failures = 0
    keeper.close()
    assert source.size(QUEUE) == QueueSize(done=1)


def test_an_item_that_fails_is_left_alone_for_a_while(
    source: RestartedSource, tmp_path: Path
) -> None:
    source.put(QUEUE, ["a"])
    keeper = keeper_of(tmp_path)
    keeper.start()
    kept = keeper.take()
    assert kept is not None
    assert keeper.fail(kept, "no")
    assert source.size(QUEUE) == QueueSize(delayed=1)
    assert keeper.tally.failed == 1
    keeper.close()


def test_a_program_that_is_told_to_go_does_not_wait_for_a_source_that_is_away(
    source: RestartedSource,
) -> None:
    source.put(QUEUE, ["a"])
    keeper = made(source)
    keeper.start()
    source.failures = 10**9
    stopping = threading.Timer(0.05, keeper.stop)
    stopping.start()
    assert keeper.take() is None
    assert keeper.is_stopping
    source.failures = 0
    keeper.close()


@pytest.mark.parametrize("max_attempts", [1, 2, 3])
def test_items_that_end_their_program_die_and_take_no_other_along(
    tmp_path: Path, max_attempts: int
) -> None:
    clock, limits = SteppedClock(), QueueLimits(lease_s=60, max_attempts=max_attempts)
    ends = {"20", "21", "45"}

    def drain(source: SqliteSource) -> bool:
        """False where the program was ended by an item: nobody acknowledges or gives back."""
        keeper = LeaseKeeper(source, QUEUE, holder="pod-a", limits=limits, clock=clock)
        while kept := keeper.take(is_waiting=False):
            if kept.lease.item.body in ends:
                return False
            keeper.finish(kept)
        keeper.flush()
        return True

    with closing(SqliteSource(tmp_path / "q.db", clock)) as source:
        source.put(QUEUE, map(str, range(100)))
        while not drain(source):
            clock.elapsed_s += 61
        assert {each.item.body for each in source.dead_letters(QUEUE, 100)} == ends
        assert source.size(QUEUE) == QueueSize(done=97, dead=3)


def test_an_item_that_comes_back_is_worked_on_alone(source: RestartedSource) -> None:
    source.put(QUEUE, ["a", "b", "c", "d", "e"])
    before = source.lease(QUEUE, holder="pod-b", count=2, limits=LONG)
    keeper = made(source)
    first = keeper.take()
    assert first is not None
    keeper.finish(first)
    source.nack(QUEUE, [lease.token for lease in before], reason="no")
    source.nack_failures = 1
    suspect = keeper.take()
    assert suspect is not None
    assert (suspect.lease.item.body, suspect.lease.attempt) == ("a", 2)
    assert source.nack_failures == 0
    assert source.size(QUEUE) == QueueSize(ready=3, leased=1, done=1)
    keeper.finish(suspect)
    suspect = keeper.take()
    assert suspect is not None
    assert (suspect.lease.item.body, suspect.lease.attempt) == ("b", 2)
    assert source.size(QUEUE) == QueueSize(ready=2, leased=1, done=2)
