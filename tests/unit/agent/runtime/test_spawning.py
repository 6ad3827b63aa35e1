"""Answers of the spawner are read to their end, and nobody else's descriptor is closed by that."""

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from shoal.agent.runtime.spawning import read_to_end


async def test_an_answer_is_read_to_its_end_and_its_descriptor_closed():
    reading, writing = os.pipe()
    os.write(writing, b"one ")
    os.write(writing, b"two")
    os.close(writing)
    assert await read_to_end(reading) == b"one two"
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(reading)


def test_what_other_threads_have_open_stays_open_on_the_loop_that_control_planes_run_on():
    uvloop: Any = pytest.importorskip("uvloop")
    lost: list[OSError] = []
    is_over = threading.Event()
    others = [threading.Thread(target=_open_and_close, args=(is_over, lost)) for _ in range(2)]
    for thread in others:
        thread.start()
    try:
        uvloop.run(_read_many(6000, lambda: bool(lost)))
    finally:
        is_over.set()
        for thread in others:
            thread.join()
    assert lost == []


def _open_and_close(is_over: threading.Event, lost: list[OSError]) -> None:
    while not is_over.is_set():
        fd = os.open(os.devnull, os.O_RDONLY)
        try:
            os.fstat(fd)
            os.close(fd)
        except OSError as error:
            lost.append(error)


async def _read_many(count: int, is_enough: Callable[[], bool]) -> None:
    for _ in range(count):
        if is_enough():
            return
        reading, writing = os.pipe()
        os.write(writing, b"{}")
        os.close(writing)
        await read_to_end(reading)
