"""When memory is looked at, and what of it counts."""

import mmap
import os

from hypothesis import given
from hypothesis import strategies as st

from shoal.agent.runtime.shim.memory import (
    MemoryWatch,
    proportional_bytes,
    resident_bytes,
    wait_s,
)

MIB = 1 << 20


@given(st.integers(1, 1 << 40), st.integers(0, 1 << 40), st.floats(-1e12, 1e12))
def test_the_next_look_comes_soon_and_not_at_once(limit: int, used: int, growth: float) -> None:
    assert 0.02 <= wait_s(limit, used, growth) <= 1.0


@given(st.integers(0, 1000), st.integers(0, 1000), st.floats(0, 1e9), st.floats(0, 1e9))
def test_who_is_nearer_to_the_limit_or_grows_faster_is_looked_at_sooner(
    used: int, more: int, growth: float, faster: float
) -> None:
    limit = 2000 * MIB
    first = wait_s(limit, used * MIB, growth)
    assert wait_s(limit, (used + more) * MIB, growth + faster) <= first


def test_a_process_over_the_limit_is_noticed_at_the_next_look() -> None:
    watch = MemoryWatch(limit_bytes=1)
    assert not watch.is_over
    assert watch.look(lambda: [os.getpid()], 100.0) == 0.02
    assert watch.is_over


def test_before_it_is_time_nothing_is_looked_at() -> None:
    watch = MemoryWatch(limit_bytes=1 << 40)
    assert watch.look(lambda: [os.getpid()], 100.0) == 1.0
    looks: list[int] = []
    assert watch.look(lambda: looks, 100.25) == 0.75
    assert not watch.is_over


def test_memory_that_processes_share_is_counted_once() -> None:
    kept = mmap.mmap(-1, 64 * MIB)
    kept.write(b"x" * (64 * MIB))
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        sum(kept[:: mmap.PAGESIZE])
        os.write(ready[1], b"r")
        os.read(done[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    both = (os.getpid(), child)
    plain = [resident_bytes(pid) for pid in both]
    shares = [proportional_bytes(pid) for pid in both]
    os.write(done[1], b"d")
    os.waitpid(child, 0)
    for fd in (*ready, *done):
        os.close(fd)
    assert min(plain) >= 64 * MIB
    assert sum(shares) <= sum(plain) - 60 * MIB


def test_a_process_that_has_ended_has_no_memory() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert resident_bytes(child) == proportional_bytes(child) == 0
