"""Bound the time of calls into code of others: an endless loop must not hold its caller for ever.

A thread looks a few times per limit whether the running call is overdue, and then has CPython raise
an exception in the caller's thread (PyThreadState_SetAsyncExc). Only Python code can be interrupted
so; a call that is stuck in C ends late, and is told from others by the clock.

The exception must not land outside of the call. So each call has a lock: the watchdog fires only
while it holds the lock, and whoever ends the call takes it for good, and then withdraws what was
fired but not yet raised. What is raised in the midst of that is caught one level up, where the call
is ended once more; a second exception would have to be fired within these few instructions, and the
watchdog fires only once per limit.
"""

import ctypes
import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from shoal.base.clock import Clock
from shoal.base.guard import CallTookTooLong

_P = ParamSpec("_P")
_T = TypeVar("_T")

_LOOKS_PER_LIMIT = 5
_IDLE_LOOKS = 10
"""After so many looks without a call the watchdog sleeps until there is one."""


class _Interruption(BaseException):
    """Raised in the thread of an overdue call; no `Exception`, which the call would rather catch
    by accident."""


class _Watch:
    """One call under watch."""

    def __init__(self, thread_id: int, overdue_at_s: float) -> None:
        self._thread_id = thread_id
        self.overdue_at_s = overdue_at_s
        self.is_interrupted = False
        self._lock = threading.RLock()

    def interrupt(self) -> None:
        """Called by the watchdog. Nothing happens where the call has ended."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            self.is_interrupted = True
            _raise_in(self._thread_id, ctypes.py_object(_Interruption))
        finally:
            self._lock.release()

    def end(self) -> None:
        """Called by the thread of the call: from here on nothing is fired. Harmless when called
        again, which is why the lock is one that its owner may take twice."""
        self._lock.acquire()
        if self.is_interrupted:
            _raise_in(self._thread_id, None)


class Watchdog:
    """Watches the calls of one thread, which may be nested. Its own thread is started by the first
    call and lives as long as the process; it sleeps while there are no calls."""

    def __init__(self, limit_s: float, clock: Clock) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self._watch: _Watch | None = None
        """The innermost call."""
        self._is_asleep = False
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def call(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """The function's answer, or what it raises. Raises CallTookTooLong for one that took longer
        than the limit, whether it was interrupted or not."""
        outer = self._watch
        watch = _Watch(threading.get_ident(), self._clock.monotonic() + self._limit_s)
        overdue_at_s = watch.overdue_at_s
        try:
            try:
                self._begin(watch)
                answer = function(*args, **kwargs)
            finally:
                watch.end()
        except BaseException as error:
            watch.end()
            if watch.is_interrupted:
                raise CallTookTooLong(self._limit_s) from error
            raise
        finally:
            self._watch = outer
        if watch.is_interrupted or self._clock.monotonic() > overdue_at_s:
            raise CallTookTooLong(self._limit_s)
        return answer

    def _begin(self, watch: _Watch) -> None:
        self._watch = watch
        if self._thread is None:
            self._thread = threading.Thread(target=self._look_on, name="watchdog", daemon=True)
            self._thread.start()
        elif self._is_asleep:
            self._wake.set()

    def _look_on(self) -> None:
        idle_looks = 0
        while True:
            watch = self._watch
            if watch is None:
                idle_looks += 1
            else:
                idle_looks = 0
                if watch.overdue_at_s <= self._clock.monotonic():
                    watch.overdue_at_s = self._clock.monotonic() + self._limit_s
                    watch.interrupt()
            self._rest(is_idle=idle_looks > _IDLE_LOOKS)

    def _rest(self, is_idle: bool) -> None:
        if not is_idle:
            time.sleep(self._limit_s / _LOOKS_PER_LIMIT)
            return
        self._wake.clear()
        self._is_asleep = True
        # A call that began before it could see that nobody looks is seen here.
        if self._watch is None:
            self._wake.wait()
        self._is_asleep = False


def _raise_in(thread_id: int, error: "ctypes.py_object[type[BaseException]] | None") -> None:
    """None withdraws what was not raised yet."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), error)
