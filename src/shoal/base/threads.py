"""Threads for calls that may never return. Unlike those of an executor they do not keep the process
from ending."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_daemon_thread(name: str, call: Callable[[], T]) -> Future[T]:
    """What the call returns or raises, in a thread of its own that ends with the process."""
    answer: Future[T] = Future()

    def run() -> None:
        try:
            found = call()
        except BaseException as error:
            answer.set_exception(error)
        else:
            answer.set_result(found)

    threading.Thread(target=run, name=name, daemon=True).start()
    return answer
