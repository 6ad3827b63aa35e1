"""Calls that take too long, on real threads and real time: there is no other for a watchdog."""

import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from shoal.base.clock import SystemClock
from shoal.base.guard import CallTookTooLong
from shoal.base.watchdog import Watchdog

LIMIT_S = 0.02
A_WHILE_S = 1.0
"""More than a busy machine keeps a quick call waiting."""


def watchdog(limit_s: float = LIMIT_S) -> Watchdog:
    return Watchdog(limit_s, SystemClock())


def for_ever() -> None:
    while True:
        pass


def for_ever_whatever_is_raised() -> None:
    while True:
        with suppress(Exception):
            for_ever()


def stubborn() -> str:
    """Catches the first interruption."""
    with suppress(BaseException):
        for_ever()
    return "done"


def stuck_in_c() -> str:
    time.sleep(3 * LIMIT_S)
    return "done"


def spin(duration_s: float) -> None:
    end_s = time.perf_counter() + duration_s
    while time.perf_counter() < end_s:
        pass


def test_a_quick_call_gives_its_answer() -> None:
    assert watchdog(A_WHILE_S).call(divmod, 7, 2) == (3, 1)


def test_what_a_call_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        watchdog(A_WHILE_S).call(divmod, 7, 0)


@pytest.mark.parametrize("call", [for_ever, for_ever_whatever_is_raised, stubborn, stuck_in_c])
def test_a_call_that_takes_too_long_is_said_to(call: Callable[[], object]) -> None:
    with pytest.raises(CallTookTooLong, match=r"took longer than 0\.02s"):
        watchdog().call(call)


def test_the_next_call_is_watched_too() -> None:
    dog = watchdog(A_WHILE_S)
    for _ in range(2):
        with pytest.raises(CallTookTooLong):
            dog.call(for_ever)
        assert dog.call(divmod, 7, 2) == (3, 1)


def test_a_watchdog_that_fell_asleep_wakes_for_the_next_call() -> None:
    dog = watchdog(limit_s=0.005)
    with suppress(CallTookTooLong):
        dog.call(divmod, 7, 2)
    time.sleep(0.1)
    with pytest.raises(CallTookTooLong):
        dog.call(for_ever)


def test_a_call_within_a_call_has_a_limit_of_its_own() -> None:
    dog = watchdog()

    def outer() -> str:
        with pytest.raises(CallTookTooLong):
            dog.call(for_ever)
        return "went on"

    with pytest.raises(CallTookTooLong):
        dog.call(outer)


def test_nothing_is_raised_outside_of_calls_that_end_about_when_they_are_due() -> None:
    limit_s = 0.002
    dog = watchdog(limit_s)
    late = 0
    for number in range(300):
        try:
            dog.call(spin, limit_s * (0.8 + number % 60 / 100))
        except CallTookTooLong:
            late += 1
        # Where an interruption that came too late would strike.
        spin(limit_s / 100)
    assert 0 < late < 300
