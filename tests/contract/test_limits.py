"""Limits of containers and pods: by groups where the machine lets us make them, by looking where
not. Everything that grows here grows against a limit of a few dozen megabytes or processes."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shoal.agent.runtime.protocol import Limits
from tests.runtimes import PATIENCE_S, Agents, end_all, make_agents
from tests.waiting import eventually

MIB = 1 << 20
ALLOCATE = "kept = []\nwhile True: kept.append(bytearray(1 << 20))"
CREEP = "import time\nkept = []\nwhile True: kept.append(bytearray(4 << 20)); time.sleep(.02)"
"""Slow enough to be seen before it has taken much."""
SHARED = (
    "import mmap, os, time\nkept = []\nwhile True:\n kept.append(mmap.mmap(-1, 4 << 20));"
    " kept[-1].write(b'x' * (4 << 20)); time.sleep(.02)"
)
FORK_BOMB = """
import os, time
children = []
try:
    while len(children) < 200:
        child = os.fork()
        if child == 0:
            time.sleep(1000)
        children.append(child)
except OSError as error:
    print(len(children), error.strerror)
"""
SPIN = "while True: pass"


@pytest.fixture(params=["sandbox", "process"])
async def held(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Agents]:
    """Runtimes with groups."""
    agents = await make_agents(request.param, tmp_path / "pods", has_cgroups=True)
    await agents.runtime.recover()
    yield agents
    await agents.restart()
    await end_all(agents)


@pytest.fixture(params=["sandbox", "process"])
async def watched(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Agents]:
    """Runtimes that have to look."""
    agents = await make_agents(request.param, tmp_path / "pods")
    await agents.runtime.recover()
    yield agents
    await agents.restart()
    await end_all(agents)


def groups_of(uid: str, controller: str) -> list[Path]:
    return list(Path("/sys/fs/cgroup").glob(f"{controller}/**/shoal/{uid}"))


async def test_the_kernel_kills_who_is_over_the_limit(held: Agents) -> None:
    pod = await held.pod(uid=f"oom-{os.getpid()}")
    limits = Limits(memory_bytes=64 * MIB)
    ended = await held.run(held.spec(pod, sys.executable, "-c", ALLOCATE, limits=limits))
    assert (ended.is_oom_killed, ended.exit_code) == (True, 137)
    await held.runtime.remove_pod(pod.uid)
    assert not groups_of(pod.uid, "*")


@pytest.mark.parametrize("script", [CREEP, SHARED])
async def test_who_is_seen_over_the_limit_is_killed(watched: Agents, script: str) -> None:
    pod = await watched.pod()
    limits = Limits(memory_bytes=64 * MIB)
    ended = await watched.run(watched.spec(pod, sys.executable, "-c", script, limits=limits))
    assert (ended.is_oom_killed, ended.exit_code) == (True, 137)


async def test_a_family_of_processes_is_counted_together(watched: Agents) -> None:
    pod = await watched.pod()
    script = (
        "import os, time\nfor _ in range(3): os.fork()\n"
        "kept = bytearray(os.urandom(1 << 20) * 16)\ntime.sleep(1000)"
    )
    limits = Limits(memory_bytes=96 * MIB)
    ended = await watched.run(watched.spec(pod, sys.executable, "-c", script, limits=limits))
    assert (ended.is_oom_killed, ended.exit_code) == (True, 137)


async def test_containers_share_the_limit_of_their_pod(held: Agents) -> None:
    of_pod = Limits(memory_bytes=96 * MIB)
    pod = await held.pod(uid=f"shared-{os.getpid()}", limits=of_pod)
    script = "import time; kept = bytearray(b'x' * (40 << 20)); print('up'); time.sleep(1000)"
    first = held.spec(pod, sys.executable, "-uc", script, limits=of_pod)
    await held.start(first)
    await held.wait_output(first.key)
    ended = await held.run(held.spec(pod, sys.executable, "-c", ALLOCATE, limits=of_pod))
    assert (ended.is_oom_killed, ended.exit_code) == (True, 137)


async def test_groups_of_an_earlier_agent_are_removed_by_one_that_makes_them_elsewhere(
    held: Agents, tmp_path: Path
) -> None:
    uid = f"earlier-{os.getpid()}"
    pod = await held.pod(uid=uid, limits=Limits(memory_bytes=96 * MIB))
    spec = held.spec(pod, "sleep", "1000", limits=Limits(memory_bytes=64 * MIB))
    await held.start(spec)
    assert groups_of(uid, "*")
    # It makes none at all, and so knows as little of where they are.
    other = await make_agents(held.runtime.name, tmp_path / "pods")
    await held.runtime.close()
    await other.runtime.recover()
    await other.runtime.remove_pod(uid)
    await other.runtime.close()
    assert not groups_of(uid, "*")


async def test_no_groups_are_left_of_a_pod_that_is_over(held: Agents) -> None:
    pod = await held.pod(uid=f"over-{os.getpid()}", limits=Limits(memory_bytes=96 * MIB))
    spec = held.spec(pod, "echo", "done", limits=Limits(memory_bytes=64 * MIB))
    await held.run(spec)
    assert groups_of(pod.uid, "*")
    await held.runtime.release_pod(pod.uid)
    assert not groups_of(pod.uid, "*")
    assert held.output(spec.key) == ["done"]


async def test_a_fork_bomb_is_held_by_the_limit_of_its_pod(held: Agents) -> None:
    if not held.runtime.capabilities.limits_pids:
        pytest.skip("no pids cgroup")
    pod = await held.pod(uid=f"bomb-{os.getpid()}", limits=Limits(pids=20))
    spec = held.spec(pod, sys.executable, "-c", FORK_BOMB)
    await held.run(spec)
    [line] = held.output(spec.key)
    children, _, reason = line.partition(" ")
    assert int(children) < 20
    assert reason == "Resource temporarily unavailable"


async def test_who_uses_more_cpu_than_its_limit_is_throttled(held: Agents) -> None:
    if not held.runtime.capabilities.limits_cpu:
        pytest.skip("no cpu cgroup")
    pod = await held.pod(uid=f"cpu-{os.getpid()}")
    spec = held.spec(pod, sys.executable, "-c", SPIN, limits=Limits(cpu_millis=50))
    await held.start(spec)
    [group] = [path for path in groups_of(pod.uid, "*") if (path / "cpu.stat").exists()]
    stat = group / f"{spec.key.container}.0" / "cpu.stat"

    def counters() -> dict[str, int]:
        return {name: int(value) for name, value in map(str.split, stat.read_text().splitlines())}

    await eventually(lambda: counters()["nr_throttled"] >= 5)
    # A twentieth of each period that has begun, and as much again for what the kernel rounds.
    pid = int(stat.with_name("cgroup.procs").read_text().split()[0])
    assert cpu_us(pid) <= (counters()["nr_periods"] + 2) * 2 * 5_000


def cpu_us(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) * 1_000_000 // os.sysconf("SC_CLK_TCK")


async def test_a_command_executed_later_counts_against_the_limit(held: Agents) -> None:
    pod = await held.pod(uid=f"exec-{os.getpid()}")
    spec = held.spec(pod, "sleep", "1000", limits=Limits(memory_bytes=64 * MIB))
    key = await held.start(spec)
    command = [sys.executable, "-c", ALLOCATE]
    result = await held.runtime.exec(key, command, PATIENCE_S)
    assert result.exit_code == 137


async def test_what_is_not_limited_is_told(watched: Agents) -> None:
    pod = await watched.pod()
    limits = Limits(cpu_millis=100, memory_bytes=MIB, pids=3)
    warnings = watched.runtime.honours(watched.spec(pod, "true", limits=limits)).warnings
    assert [warning.partition(" is not")[0] for warning in warnings] == [
        "the cpu limit",
        "the pid limit",
    ]
