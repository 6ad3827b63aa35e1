"""The task loop of a Python container in an executor pool:

    from shoal.executor import tasks

    for task in tasks():
        print(task.para)

Going on with the loop reports the task as Completed, unless the body called `task.complete` or
`task.fail`. Leaving the loop with the task unreported, by `break` or by an exception, reports it
as Failed: a `for` loop does not tell its iterator why it ended, but an exception that then ends
the program is put in the message. `with task:` tells at once, and always. A process that dies
without leaving the loop reports nothing: its executor died, and the task runs again if it is
reentrant.

Outside of the loop no task is taken, and the sidecar is told so (`exchange.STATE_FILE`): whoever
is assigned to this executor meanwhile loses nothing when the program ends.

SIGTERM ends the loop once the present task is done. The loop takes the signal only where Python
lets it, on the main thread.

Standard library only and quick to import, because this runs in users' own containers.
"""

import json
import os
import select
import signal
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from shoal.executor import exchange
from shoal.executor.directory_watch import DirectoryWatch


class Task:
    """What to do, and where to say how it went. The first report counts."""

    def __init__(self, directory: Path, content: dict[str, Any]) -> None:
        self._directory = directory
        self.name: str = content["name"]
        self.namespace: str = content["namespace"]
        self.uid: str = content["uid"]
        self.para: str = content["para"]
        self.attempt: int = content["attempt"]
        """1 for the first run; one more for every executor that died running it."""
        self.is_reported = False

    def complete(self, output: str = "", message: str = "") -> None:
        """The task is done. Of `output`, 4 KiB are kept."""
        self._report(exchange.COMPLETED, message, output)

    def fail(self, message: str, output: str = "") -> None:
        """The task has failed and is not to be run again."""
        self._report(exchange.FAILED, message, output)

    def _report(self, phase: str, message: str, output: str) -> None:
        if self.is_reported:
            return
        self.is_reported = True
        self._write_result(phase, message, output)

    def abandon(self) -> None:
        """The loop was left with this task: it has failed, unless it was reported before."""
        if self.is_reported:
            return
        why = "the executor's loop ended before the task was done"
        self.fail(why)
        previous = sys.excepthook

        def amend(
            kind: type[BaseException], error: BaseException, traceback: TracebackType | None
        ) -> None:
            # A result that the sidecar has reported by now is past mending.
            if (self._directory / exchange.RESULT_FILE).exists():
                message = f"{why}; its program ended with {kind.__name__}: {error}"
                self._write_result(exchange.FAILED, message, "")
            previous(kind, error, traceback)

        sys.excepthook = amend

    def _write_result(self, phase: str, message: str, output: str) -> None:
        result = {"phase": phase, "message": message, "output": output}
        exchange.write_atomically(self._directory / exchange.RESULT_FILE, result)

    def __enter__(self) -> "Task":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.complete()
        else:
            self.fail(f"{type(error).__name__}: {error}")

    def __repr__(self) -> str:
        return f"Task({self.namespace}/{self.name}, attempt {self.attempt})"


def tasks(directory: Path | None = None, *, use_inotify: bool = True) -> Iterator[Task]:
    """The tasks of this executor, one after the other, until SIGTERM."""
    directory = directory or exchange.exchange_directory()
    watch = DirectoryWatch(directory, use_inotify=use_inotify)
    try:
        with _stop_signal() as stop:
            while (task := _next_task(directory, watch, stop)) is not None:
                try:
                    yield task
                except GeneratorExit:
                    # Before the result: once that is reported, this executor may count as idle.
                    exchange.write_state(directory, exchange.LEAVING)
                    task.abandon()
                    raise
                task.complete()
            exchange.write_state(directory, exchange.LEAVING)
    finally:
        watch.close()


def _next_task(directory: Path, watch: DirectoryWatch, stop: int) -> Task | None:
    """Waits for a task that has no result yet; None when asked to stop."""
    if not _is_readable(stop):
        exchange.write_state(directory, exchange.WAITING)
    while not _is_readable(stop):
        watch.drain()
        # In this order: a result that is gone took its task away before (exchange).
        if not (directory / exchange.RESULT_FILE).exists():
            content = exchange.read_if_there(directory / exchange.TASK_FILE)
            if content is not None:
                exchange.write_state(directory, exchange.WORKING)
                return Task(directory, json.loads(content))
        watch.wait(stop)
    return None


@contextmanager
def _stop_signal() -> Generator[int]:
    """A descriptor that becomes readable on SIGTERM.

    A signal handler alone would not do: Python goes back to a system call that a signal has
    interrupted.
    """
    read_end, write_end = os.pipe()
    on_main_thread = threading.current_thread() is threading.main_thread()

    def stop(*_: object) -> None:
        os.write(write_end, b"x")

    previous = signal.signal(signal.SIGTERM, stop) if on_main_thread else None
    try:
        yield read_end
    finally:
        if on_main_thread:
            signal.signal(signal.SIGTERM, previous)
        os.close(read_end)
        os.close(write_end)


def _is_readable(descriptor: int) -> bool:
    """Without consuming what is there: the wish to stop stays."""
    return bool(select.select([descriptor], [], [], 0)[0])
