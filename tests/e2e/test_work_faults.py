"""Work queues when holders are killed or stopped, and when the database is: every item is
acknowledged once, none is lost, and none is delivered twice without a lease that was over."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from shoal.testing.databases import DatabaseServer
from shoal.work.protocol import QueueLimits, QueueSize, WorkSource
from shoal.work.sources import open_source
from tests import work_program
from tests.servers import running

QUEUE = "default/faults"
HOLDERS = 4
LEASE_S = 2.0
TIMEOUT_S = 120.0


class Site:
    """A queue, its database where it is a server, and programs that work on it."""

    def __init__(self, url: str, folder: Path, server: DatabaseServer | None) -> None:
        self.url = url
        self.server = server
        self._folder = folder
        self.killed: set[int] = set()
        self.programs: list[subprocess.Popen[bytes]] = []

    def start(self, pause_s: float, way: str = "once") -> subprocess.Popen[bytes]:
        variables = {
            **os.environ,
            "SHOAL_WORK_URL": self.url,
            "SHOAL_WORK_QUEUE": QUEUE,
            "SHOAL_WORK_LEASE_SECONDS": str(LEASE_S),
            "SHOAL_WORK_MAX_ATTEMPTS": "1000",
        }
        words = [sys.executable, work_program.__file__, str(self._folder), str(pause_s), way]
        program = subprocess.Popen(words, env=variables, stderr=subprocess.DEVNULL)
        self.programs.append(program)
        return program

    def kill(self, program: subprocess.Popen[bytes]) -> None:
        program.kill()
        program.wait()
        self.programs.remove(program)
        self.killed.add(program.pid)

    def diary(self, pid: int) -> list[tuple[str, int]]:
        path = self._folder / f"diary-{pid}"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(line.split()[0], int(line.split()[1])) for line in lines]

    def lines(self) -> Iterator[tuple[int, str, int]]:
        """Holder, word, item."""
        for path in self._folder.glob("diary-*"):
            pid = int(path.name.removeprefix("diary-"))
            for word, item in self.diary(pid):
                yield pid, word, item

    def end(self) -> None:
        for program in self.programs:
            program.kill()
            program.wait()


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    if request.param == "sqlite":
        made = Site((tmp_path / "q.db").as_uri().replace("file:", "sqlite:"), tmp_path, None)
        yield made
        made.end()
        return
    with running(request.param) as server:
        made = Site(server.url, tmp_path, server)
        yield made
        made.end()


def until(holds: Callable[[], bool], what: str) -> None:
    give_up_s = time.monotonic() + TIMEOUT_S
    while not holds():
        assert time.monotonic() < give_up_s, what
        time.sleep(0.02)


def count_done(source: WorkSource) -> int:
    return source.size(QUEUE).done


def wait_for_programs(site: Site) -> None:
    for program in site.programs:
        assert program.wait(TIMEOUT_S) == 0


def holders_of_items(site: Site) -> dict[int, list[int]]:
    """Item -> who began it."""
    found: dict[int, list[int]] = defaultdict(list)
    for pid, word, item in site.lines():
        if word == "begin":
            found[item].append(pid)
    return found


def check_once(site: Site, source: WorkSource, total: int) -> int:
    """Every item is done, once; how many were delivered again, each for a reason."""
    assert source.size(QUEUE) == QueueSize(done=total)
    holders = holders_of_items(site)
    assert len(holders) == total
    acked = [item for _, word, item in site.lines() if word == "acked"]
    assert len(acked) == len(set(acked))
    lost = {(pid, item) for pid, word, item in site.lines() if word == "lost"}
    again = 0
    for item, pids in holders.items():
        without_reason = [pid for pid in pids if pid not in site.killed and (pid, item) not in lost]
        assert len(without_reason) <= 1, f"item {item} was delivered to {pids} for no reason"
        again += len(pids) - 1
    return again


def test_holders_killed_at_any_time_cost_nothing_but_deliveries(site: Site) -> None:
    total, kills, rng = 600, 8, random.Random(7)
    with closing(open_source(site.url)) as source:
        source.put(QUEUE, map(str, range(total)))
        for _ in range(HOLDERS):
            site.start(0.004)
        for kill in range(kills):
            reached = total * kill // (kills + 1)
            until(lambda least=reached: count_done(source) >= least, "items get done")
            time.sleep(rng.uniform(0, 0.05))
            site.kill(rng.choice(site.programs))
            site.start(0.004)
        wait_for_programs(site)
        again = check_once(site, source, total)
    assert again <= kills + sum(word == "lost" for _, word, _ in site.lines())


def test_acknowledgements_in_groups_are_written_once_too(site: Site) -> None:
    total, kills = 2000, 4
    with closing(open_source(site.url)) as source:
        source.put(QUEUE, map(str, range(total)))
        for _ in range(HOLDERS):
            site.start(0.0, "grouped")
        for kill in range(kills):
            reached = total * kill // (kills + 1)
            until(lambda least=reached: count_done(source) >= least, "items get done")
            site.kill(site.programs[0])
            site.start(0.0, "grouped")
        wait_for_programs(site)
        assert source.size(QUEUE) == QueueSize(done=total)
    lost = sum(item for _, word, item in site.lines() if word == "tally")
    for item, pids in holders_of_items(site).items():
        alive = [pid for pid in pids if pid not in site.killed]
        assert len(alive) <= 1 + lost, f"item {item} was delivered to {pids} for no reason"


@pytest.mark.parametrize("site", ["postgresql", "redis", "valkey"], indirect=True)
def test_a_database_that_is_killed_and_restarted_loses_nothing(site: Site) -> None:
    total, kills = 600, 2
    assert site.server is not None
    with closing(open_source(site.url)) as source:
        source.put(QUEUE, map(str, range(total)))
        for _ in range(HOLDERS):
            site.start(0.01)
        for kill in range(kills):
            reached = total * (kill + 1) // (kills + 2)
            until(lambda least=reached: count_done(source) >= least, "items get done")
            source.close()
            site.server.kill()
            site.server.start()
        wait_for_programs(site)
        check_once(site, source, total)


def test_a_holder_that_was_stopped_past_its_lease_is_told(site: Site) -> None:
    with closing(open_source(site.url)) as source:
        source.put(QUEUE, ["a"])
        stopped = site.start(0.2)
        until(lambda: ("begin", 1) in site.diary(stopped.pid), "the item is begun")
        stopped.send_signal(signal.SIGSTOP)
        until(lambda: source.size(QUEUE).ready == 1, "the lease runs out")
        other = site.start(0.0)
        assert other.wait(TIMEOUT_S) == 0
        stopped.send_signal(signal.SIGCONT)
        assert stopped.wait(TIMEOUT_S) == 0
        assert source.size(QUEUE) == QueueSize(done=1)
    assert site.diary(other.pid) == [("begin", 1), ("held", 1), ("acked", 1), ("tally", 0)]
    assert site.diary(stopped.pid) == [("begin", 1), ("unheld", 1), ("lost", 1), ("tally", 1)]


def test_sigterm_hands_back_what_was_leased_ahead_and_ends_the_item_at_hand(site: Site) -> None:
    with closing(open_source(site.url)) as source:
        source.put(QUEUE, map(str, range(2000)))
        program = site.start(0.0, "grouped")
        until(lambda: count_done(source) > 200, "items get done")
        program.terminate()
        assert program.wait(TIMEOUT_S) == 128 + signal.SIGTERM
        site.programs.remove(program)
        size = source.size(QUEUE)
        begun = [item for word, item in site.diary(program.pid) if word == "begin"]
        assert (size.leased, size.delayed, size.dead) == (0, 0, 0)
        assert size.done == len(begun) == len(set(begun))
        assert size.ready == 2000 - size.done
        [lease] = source.lease(QUEUE, holder="next", count=1, limits=QueueLimits(max_attempts=1))
        assert lease.attempt == 1
