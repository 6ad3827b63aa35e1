"""How fast work queues are: one process puts items, others lease and acknowledge every one.

Nothing is done with the items, so that the source alone is measured. Servers are started for the
measurement, with the settings that they come with (PostgreSQL) or that keep most (Redis, Valkey:
each write is appended to a file before it is answered).
"""

import multiprocessing
import resource
import tempfile
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from enum import StrEnum
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path

import msgspec

from shoal.base.clock import SystemClock
from shoal.testing import databases
from shoal.work.protocol import QueueLimits
from shoal.work.sources import open_source

_QUEUE = "default/bench"
_LIMITS = QueueLimits(lease_s=600.0)
_REPORT_EVERY_S = 1.0


class SourceKind(StrEnum):
    SQLITE = "sqlite"
    POSTGRES = "postgres"
    REDIS = "redis"
    VALKEY = "valkey"


_SERVERS = {
    SourceKind.POSTGRES: databases.postgresql,
    SourceKind.REDIS: databases.redis,
    SourceKind.VALKEY: databases.valkey,
}


class WorkMeasured(msgspec.Struct, frozen=True, kw_only=True):
    """What one run came to."""

    source: str
    items: int
    workers: int
    group: int
    """Items in one lease call, and in one acknowledgement."""
    put_per_s: float
    done_per_s: float
    """Leased and acknowledged by all workers together, from their start to their end."""
    done: int
    rss_mb: float
    """Of the process that put, or the largest worker, at its peak."""
    file_mb: float
    """Of SQLite's file afterwards."""


@contextmanager
def served(kind: SourceKind) -> Generator[tuple[str, Path]]:
    """The URL of a new, empty source, and the folder it is in. Raises NoSuchServer."""
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as name:
        folder = Path(name)
        if kind is SourceKind.SQLITE:
            yield f"sqlite://{folder}/queues.db", folder
            return
        # PostgreSQL may have to run as another user.
        folder.chmod(0o711)
        server = _SERVERS[kind](folder / kind)
        try:
            server.start()
            yield server.url, folder
        finally:
            server.stop()


def measure(
    kind: SourceKind, items: int, workers: int, group: int, report: Callable[[str], None]
) -> WorkMeasured:
    """One run on a source of its own. Raises NoSuchServer, SourceUnavailable."""
    clock = SystemClock()
    with served(kind) as (url, folder), closing(open_source(url)) as source:
        report("putting")
        began_s = clock.monotonic()
        source.put(_QUEUE, (f'{{"row": {number}}}' for number in range(items)))
        put_s = clock.monotonic() - began_s
        report(f"put at {items / put_s:,.0f} a second; going through them")

        def tell() -> None:
            report(f"{group} at a time: {source.size(_QUEUE).done:,} of {items:,} items")

        done_s, rss_mb = _go_through(url, workers, group, tell)
        done = source.size(_QUEUE).done
        source.close()
        file_mb = sum(each.stat().st_size for each in folder.glob("queues.db*")) / 1e6
    return WorkMeasured(
        source=kind,
        items=items,
        workers=workers,
        group=group,
        put_per_s=round(items / put_s, 1),
        done_per_s=round(done / done_s, 1),
        done=done,
        rss_mb=round(max(rss_mb, _rss_mb()), 1),
        file_mb=round(file_mb, 1),
    )


def _go_through(
    url: str, workers: int, group: int, tell: Callable[[], None]
) -> tuple[float, float]:
    """Seconds from the moment all workers are there to the last one's end; the largest RSS. Raises
    EOFError where a worker died."""
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(workers + 1)
    waiting: list[Connection] = []
    processes: list[SpawnProcess] = []
    for _ in range(workers):
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_drain, args=(url, group, gate, writer))
        process.start()
        writer.close()
        processes.append(process)
        waiting.append(reader)
    gate.wait()
    clock = SystemClock()
    began_s = clock.monotonic()
    largest_mb = 0.0
    while waiting:
        ready = wait(waiting, _REPORT_EVERY_S)
        for each in [each for each in waiting if each in ready]:
            largest_mb = max(largest_mb, each.recv())
            each.close()
            waiting.remove(each)
        if not ready:
            tell()
    took_s = clock.monotonic() - began_s
    for process in processes:
        process.join()
    return took_s, largest_mb


def _drain(url: str, group: int, gate: Barrier, told: "Connection") -> None:
    with closing(open_source(url)) as source:
        source.size(_QUEUE)
        gate.wait()
        while leases := source.lease(_QUEUE, holder="bench", count=group, limits=_LIMITS):
            source.ack(_QUEUE, [lease.token for lease in leases])
    told.send(_rss_mb())


def _rss_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
