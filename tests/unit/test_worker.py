"""The loop of `shoal.worker`: what becomes of an item by how its body ends."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shoal.api import worker as environment
from shoal.base.clock import SystemClock
from shoal.work.protocol import QueueSize
from shoal.work.sqlite import SqliteSource
from shoal.worker import HeldItem, limits_of, work

QUEUE = "default/orders"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteSource]:
    """That of the environment, with three items."""
    monkeypatch.setenv(environment.URL_VARIABLE, f"sqlite://{tmp_path}/q.db")
    monkeypatch.setenv(environment.QUEUE_VARIABLE, QUEUE)
    monkeypatch.setenv(environment.MAX_ATTEMPTS_VARIABLE, "2")
    with closing(SqliteSource(tmp_path / "q.db", SystemClock())) as opened:
        opened.put(QUEUE, ['{"row": 1}', '{"row": 2}', '{"row": 3}'])
        yield opened


def test_the_loop_acknowledges_each_item_and_ends_when_the_queue_is_drained(
    source: SqliteSource,
) -> None:
    assert [(item.json(), item.attempt, item.is_held()) for item in work()] == [
        ({"row": 1}, 1, True),
        ({"row": 2}, 1, True),
        ({"row": 3}, 1, True),
    ]
    assert source.size(QUEUE) == QueueSize(done=3)


def test_an_exception_goes_on_and_its_item_has_used_an_attempt(source: SqliteSource) -> None:
    with pytest.raises(ZeroDivisionError):
        for item in work():
            if item.json()["row"] == 2:
                raise ZeroDivisionError
    assert source.size(QUEUE) == QueueSize(done=1, delayed=1, ready=1)


def test_leaving_the_loop_gives_the_item_back_unless_it_was_acknowledged(
    source: SqliteSource,
) -> None:
    for _ in work():
        break
    assert source.size(QUEUE) == QueueSize(delayed=1, ready=2)
    for item in work():
        assert item.ack()
        break
    assert source.size(QUEUE) == QueueSize(delayed=1, ready=1, done=1)


def test_with_an_item_as_context_the_loop_goes_on_after_an_exception(
    source: SqliteSource, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []
    for item in work(batch=1, max_attempts=1):
        with item:
            seen.append(item.id)
            if item.id == 2:
                raise ValueError("no such table")
    assert seen == [1, 2, 3]
    assert source.size(QUEUE) == QueueSize(done=2, dead=1)
    [dead] = source.dead_letters(QUEUE, 9)
    assert dead.reason == "ValueError: no such table"
    [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.getMessage() == "item 2 failed at attempt 1"


def test_an_item_whose_block_is_left_by_break_is_done_unless_it_was_given_back(
    source: SqliteSource,
) -> None:
    for item in work():
        with item:
            break
    assert source.size(QUEUE) == QueueSize(done=1, ready=2)
    for item in work():
        with item:
            assert item.nack("no", delay_s=600)
            break
    assert source.size(QUEUE) == QueueSize(done=1, delayed=1, ready=1)


def test_what_asks_the_program_to_end_is_not_kept_by_the_context(source: SqliteSource) -> None:
    with pytest.raises(SystemExit):
        for item in work():
            with item:
                raise SystemExit(9)
    assert source.size(QUEUE) == QueueSize(ready=3)


def test_an_item_is_given_back_at_once_or_later(source: SqliteSource) -> None:
    ways = {
        1: lambda item: item.nack("no", delay_s=600),
        2: HeldItem.ack,
        3: lambda item: item.nack("no", delay_s=600),
    }
    items = iter(work())
    for _ in ways:
        item = next(items)
        assert ways[item.id](item)
    assert source.size(QUEUE) == QueueSize(delayed=2, done=1)


def test_sigterm_lets_the_item_end_and_then_the_program(source: SqliteSource) -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen = 0
    with pytest.raises(SystemExit) as ended:
        for _ in work():
            seen += 1
            os.kill(os.getpid(), signal.SIGTERM)
    assert (seen, ended.value.code) == (1, 143)
    assert source.size(QUEUE) == QueueSize(done=1, ready=2)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_handler_of_the_programs_own_is_called_too(source: SqliteSource) -> None:
    called: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: called.append(number))
    try:
        with pytest.raises(SystemExit):
            for _ in work():
                os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert called == [signal.SIGTERM]


def test_the_loop_works_in_another_thread_where_stop_ends_it(source: SqliteSource) -> None:
    codes: list[object] = []

    def loop() -> None:
        items = work()
        try:
            for _ in items:
                items.stop()
        except SystemExit as ended:
            codes.append(ended.code)

    thread = threading.Thread(target=loop)
    thread.start()
    thread.join()
    assert codes == [143]
    assert source.size(QUEUE) == QueueSize(done=1, ready=2)


def test_a_loop_that_nobody_tells_its_queue_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(environment.URL_VARIABLE, raising=False)
    with pytest.raises(ValueError, match="which queue"):
        work()


@pytest.mark.parametrize(
    "variables",
    [
        {environment.LEASE_VARIABLE: "soon"},
        {environment.LEASE_VARIABLE: "0"},
        {environment.MAX_ATTEMPTS_VARIABLE: "0"},
        {environment.LEASE_VARIABLE: "nan"},
    ],
)
def test_limits_that_are_none_are_refused(variables: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="SHOAL_WORK_LEASE_SECONDS must be"):
        limits_of(variables)


@pytest.mark.parametrize("limits", [{"lease_s": -1.0}, {"lease_s": 0.0}, {"max_attempts": 0}])
def test_limits_that_cannot_be_meant_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="lease_s must be a number of seconds"):
        work("sqlite:////no/folder/q.db", QUEUE, **limits)
