"""Calls that may never return."""

import threading

import pytest

from shoal.base.threads import in_daemon_thread


def test_what_a_call_returns_or_raises_is_handed_on():
    def fail() -> None:
        raise ZeroDivisionError

    assert in_daemon_thread("one", lambda: 7).result(30) == 7
    with pytest.raises(ZeroDivisionError):
        in_daemon_thread("two", fail).result(30)


def test_the_thread_does_not_keep_the_process():
    thread = in_daemon_thread("three", threading.current_thread).result(30)
    assert (thread.name, thread.daemon) == ("three", True)
