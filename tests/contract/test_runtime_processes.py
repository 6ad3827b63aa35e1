"""What both real runtimes promise about processes and files."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.protocol import Started
from shoal.agent.runtime.shim.order import ORDER_FILE
from shoal.agent.runtime.shim.records import read_shim_record
from tests.runtimes import (
    PATIENCE_S,
    Agents,
    end_all,
    host_pids,
    is_alive,
    make_agents,
    make_immutable,
)
from tests.waiting import eventually

DAEMON = "(setsid sh -c 'echo up; exec sleep {marker}' &) ; exec sleep 1000"
"""A program that leaves a grandchild in a session of its own."""


@pytest.fixture(params=["sandbox", "process"])
async def agents(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Agents]:
    agents = await make_agents(request.param, tmp_path / "pods")
    await agents.runtime.recover()
    yield agents
    await agents.restart()
    await end_all(agents)


@pytest.fixture
def marker() -> str:
    """A number of seconds that no other test sleeps."""
    return f"1000.{int.from_bytes(os.urandom(6))}"


@pytest.fixture
def immutable() -> Iterator[Callable[[Path], None]]:
    """Makes files that not even root can delete, for as long as the test takes."""
    made: list[Path] = []

    def make(file: Path) -> None:
        file.touch()
        make_immutable(file)
        made.append(file)

    yield make
    for file in made:
        subprocess.run(["chattr", "-i", file], check=True)


async def test_the_environment_is_the_containers_own(
    agents: Agents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_AGENT", "secret")
    pod = await agents.pod()
    spec = agents.spec(pod, "env", env={"GREETING": "good day", "HOME": "/nowhere"})
    await agents.run(spec)
    lines = agents.output(spec.key)
    assert "GREETING=good day" in lines
    assert "HOME=/nowhere" in lines
    assert f"HOSTNAME={pod.hostname}" in lines
    assert any(line.startswith("PATH=/") for line in lines)
    assert not any(line.startswith("OF_THE_AGENT") for line in lines)


async def test_the_working_directory_is_what_was_asked_for(agents: Agents) -> None:
    pod = await agents.pod()
    given = agents.spec(pod, "pwd", working_dir="/usr")
    await agents.run(given)
    default = agents.spec(pod, "pwd")
    await agents.run(default)
    assert (agents.output(given.key), agents.output(default.key)) == (["/usr"], ["/"])


async def test_each_line_of_output_is_an_entry_in_the_format_of_the_cri(agents: Agents) -> None:
    pod = await agents.pod()
    spec = agents.spec(pod, "sh", "-c", "echo one; echo two >&2; printf unended")
    await agents.run(spec)
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"
    found = sorted(re.sub(stamp, "T", line) for line in agents.log(spec.key))
    assert found == ["T stderr F two", "T stdout F one", "T stdout F unended"]


async def test_a_program_that_closes_its_output_goes_on(agents: Agents) -> None:
    pod = await agents.pod()
    spec = agents.spec(pod, "sh", "-c", "echo said; exec >&- 2>&-; sleep 0.05; exit 6")
    assert (await agents.run(spec)).exit_code == 6
    assert agents.output(spec.key) == ["said"]


async def test_a_program_may_act_on_sigterm(agents: Agents) -> None:
    pod = await agents.pod()
    script = "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.01; done"
    key = await agents.start(agents.spec(pod, "sh", "-c", script))
    await agents.wait_output(key)
    await agents.runtime.terminate(key)
    assert (await agents.next_exit()).exit_code == 7
    assert agents.output(key) == ["up", "bye"]


async def test_a_program_that_ignores_sigterm_is_killed_by_kill(agents: Agents) -> None:
    pod = await agents.pod()
    script = "trap '' TERM; echo up; while :; do sleep 0.01; done"
    key = await agents.start(agents.spec(pod, "sh", "-c", script))
    await agents.wait_output(key)
    await agents.runtime.terminate(key)
    still_there = await agents.runtime.exec(key, ["true"], timeout_s=PATIENCE_S)
    assert still_there.exit_code == 0
    await agents.runtime.kill(key)
    assert (await agents.next_exit()).exit_code == 137


async def test_exec_sees_environment_and_directory_of_the_container(agents: Agents) -> None:
    pod = await agents.pod()
    spec = agents.spec(pod, "sleep", "1000", env={"GREETING": "good day"}, working_dir="/usr")
    key = await agents.start(spec)
    command = ["sh", "-c", "echo $GREETING; pwd; echo problem >&2"]
    result = await agents.runtime.exec(key, command, timeout_s=PATIENCE_S)
    assert result.output.splitlines() == ["good day", "/usr", "problem"]


async def test_exec_output_is_cut_at_10_kib(agents: Agents) -> None:
    pod = await agents.pod()
    key = await agents.start(agents.spec(pod, "sleep", "1000"))
    command = ["sh", "-c", "head -c 200000 /dev/zero | tr '\\0' x"]
    result = await agents.runtime.exec(key, command, timeout_s=PATIENCE_S)
    assert (result.exit_code, len(result.output)) == (0, 10 * 1024)


async def test_exec_of_an_unknown_command_has_exit_code_127(agents: Agents) -> None:
    pod = await agents.pod()
    key = await agents.start(agents.spec(pod, "sleep", "1000"))
    result = await agents.runtime.exec(key, ["no-such-command"], timeout_s=PATIENCE_S)
    assert result.exit_code == 127
    assert "not found" in result.output


async def test_a_command_past_its_time_out_is_killed(agents: Agents, marker: str) -> None:
    pod = await agents.pod()
    key = await agents.start(agents.spec(pod, "sleep", "1000"))
    result = await agents.runtime.exec(key, ["sleep", marker], timeout_s=0.1)
    assert result.is_timed_out
    assert not host_pids(marker)


async def test_last_words_are_read_from_the_message_file(agents: Agents) -> None:
    pod = await agents.pod()
    script = 'printf "disk full" > "$SHOAL_TERMINATION_LOG"; exit 1'
    ended = await agents.run(agents.spec(pod, "sh", "-c", script))
    assert ended.termination_message == "disk full"


async def test_last_words_fall_back_to_the_log_of_a_failure(agents: Agents) -> None:
    pod = await agents.pod()
    spec = agents.spec(pod, "sh", "-c", "echo first; echo last; exit 1", falls_back_to_logs=True)
    assert (await agents.run(spec)).termination_message == "first\nlast\n"


async def test_the_address_of_the_pod_can_be_bound(agents: Agents) -> None:
    pod = await agents.pod(pod_ip="127.44.55.66")
    script = (
        "import socket; s = socket.create_server(('127.44.55.66', 0)); print(s.getsockname()[0])"
    )
    spec = agents.spec(pod, sys.executable, "-c", script)
    await agents.run(spec)
    assert agents.output(spec.key) == ["127.44.55.66"]


async def test_children_end_with_the_program(agents: Agents, marker: str) -> None:
    pod = await agents.pod()
    script = f"(setsid sleep {marker} &); sleep 0.05; exit 3"
    ended = await agents.run(agents.spec(pod, "sh", "-c", script))
    assert ended.exit_code == 3
    assert not host_pids(marker)


async def test_removing_a_pod_ends_daemons_of_its_programs_and_deletes_its_directory(
    agents: Agents, marker: str
) -> None:
    pod = await agents.pod()
    key = await agents.start(agents.spec(pod, "sh", "-c", DAEMON.format(marker=marker)))
    await agents.wait_output(key)
    # Between its two programs a process has no command line for a moment.
    assert await eventually(lambda: host_pids(marker))
    await agents.runtime.remove_pod(pod.uid)
    assert not host_pids(marker)
    assert not PodPaths(agents.root, pod.uid).directory.exists()


async def test_removing_a_pod_deletes_what_its_programs_made_unwritable(agents: Agents) -> None:
    pod = await agents.pod()
    volume = agents.volume(pod)
    (volume / "locked").mkdir()
    (volume / "locked" / "file").touch()
    (volume / "locked").chmod(0o500)
    await agents.runtime.remove_pod(pod.uid)
    assert not PodPaths(agents.root, pod.uid).directory.exists()


async def test_a_killed_shim_takes_its_container_along(agents: Agents, marker: str) -> None:
    pod = await agents.pod()
    key = await agents.start(agents.spec(pod, "sh", "-c", DAEMON.format(marker=marker)))
    await agents.wait_output(key)
    shim = read_shim_record(PodPaths(agents.root, pod.uid).container(key))
    assert shim is not None
    other = await agents.start(agents.spec(pod, "sleep", "1000"))
    os.kill(shim.pid, signal.SIGKILL)
    ended = await agents.next_exit()
    assert (ended.key, ended.exit_code, ended.signal) == (key, 137, 9)
    # All of it, or the next attempt would run beside it; and nothing else.
    assert not host_pids(marker)
    result = await agents.runtime.exec(other, ["true"], timeout_s=PATIENCE_S)
    assert result.exit_code == 0


async def test_a_shim_that_is_killed_without_an_agent_takes_its_container_along(
    agents: Agents, marker: str
) -> None:
    pod = await agents.pod()
    key = await agents.start(agents.spec(pod, "sh", "-c", DAEMON.format(marker=marker)))
    await agents.wait_output(key)
    shim = read_shim_record(PodPaths(agents.root, pod.uid).container(key))
    assert shim is not None
    await agents.restart()
    os.kill(shim.pid, signal.SIGKILL)
    await eventually(lambda: not is_alive(shim.pid))
    [found] = await agents.runtime.recover()
    [container] = found.containers
    assert container.exit is not None
    assert container.exit.exit_code == 137
    assert not host_pids(marker)


async def test_an_exit_without_an_agent_is_found_by_the_next(agents: Agents) -> None:
    pod = await agents.pod()
    gate = agents.volume(pod) / "gate"
    os.mkfifo(gate)
    key = await agents.start(agents.spec(pod, "sh", "-c", f"read word < {gate}; exit 9"))
    shim = read_shim_record(PodPaths(agents.root, pod.uid).container(key))
    assert shim is not None
    await agents.restart()
    gate.write_text("go\n")
    await eventually(lambda: not is_alive(shim.pid))
    [found] = await agents.runtime.recover()
    [container] = found.containers
    assert container.exit is not None
    assert container.exit.exit_code == 9
    assert container.exit.started_at == container.started_at


HOST = """
import asyncio, sys
from pathlib import Path
from tests.runtimes import make_agents

async def main():
    agents = await make_agents(sys.argv[1], Path(sys.argv[2]))
    await agents.runtime.recover()
    pod = await agents.pod()
    await agents.start(agents.spec(pod, "sh", "-c", "echo up; exec sleep 1000", name="main"))
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_containers_survive_kill_9_of_the_agent(agents: Agents) -> None:
    await agents.runtime.close()
    command = [sys.executable, "-c", HOST, agents.runtime.name, str(agents.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path.cwd()) as host:
        assert host.stdout is not None
        assert await asyncio.to_thread(host.stdout.readline) == b"ready\n"
        host.kill()
    await agents.restart()
    [found] = await agents.runtime.recover()
    [container] = found.containers
    assert container.exit is None
    assert await agents.wait_output(container.key) == ["up"]
    spec = agents.spec(await agents.pod(), "sh", "-c", "exit 1", name="main")
    assert await agents.runtime.start(spec) == Started(started_at=container.started_at)
    await agents.runtime.terminate(container.key)
    assert (await agents.next_exit()).exit_code == 143


async def test_what_was_begun_and_never_ran_is_begun_anew_after_a_restart(agents: Agents) -> None:
    pod = await agents.pod()
    spec = agents.spec(pod, "true")
    PodPaths(agents.root, pod.uid).container(spec.key).mkdir(parents=True)
    PodPaths(agents.root, "half-made").volumes.mkdir(parents=True)
    await agents.restart()
    [found] = await agents.runtime.recover()
    assert not found.containers
    assert not PodPaths(agents.root, "half-made").directory.exists()
    assert (await agents.run(spec)).exit_code == 0


async def test_a_removal_that_was_cut_short_is_finished_after_a_restart(agents: Agents) -> None:
    pod = await agents.pod()
    spec = agents.spec(pod, "true")
    assert (await agents.run(spec)).exit_code == 0
    directory = PodPaths(agents.root, pod.uid).container(spec.key)
    (directory / ORDER_FILE).unlink()
    await agents.restart()
    [found] = await agents.runtime.recover()
    assert not found.containers
    assert not directory.exists()


async def test_a_file_that_cannot_be_deleted_keeps_no_agent_from_its_pods(
    agents: Agents, immutable: Callable[[Path], None]
) -> None:
    kept, stuck = await agents.pod("kept"), await agents.pod("stuck")
    key = await agents.start(agents.spec(kept, "sleep", "1000"))
    file = agents.volume(stuck) / "file"
    immutable(file)
    with pytest.raises(OSError, match="file"):
        await agents.runtime.remove_pod("stuck")
    await agents.restart()
    assert [pod.uid for pod in await agents.runtime.recover()] == ["kept"]
    assert file.exists()
    await agents.runtime.terminate(key)
    assert (await agents.next_exit()).exit_code == 143


async def test_two_agents_do_not_share_a_directory(
    agents: Agents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shoal.agent.runtime.spawning._LOCK_TRIES", 2)
    other = await make_agents(agents.runtime.name, agents.root)
    with pytest.raises(OSError, match="another agent is using"):
        await other.runtime.recover()


async def test_a_spawner_that_was_killed_is_replaced(agents: Agents) -> None:
    pod = await agents.pod()
    await agents.run(agents.spec(pod, "true"))
    [spawner] = [
        int(pid)
        for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        if b"shoal-spawner" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(spawner, signal.SIGKILL)
    await eventually(lambda: not is_alive(spawner))
    assert (await agents.run(agents.spec(pod, "true"))).exit_code == 0


async def test_many_containers_run_at_once(agents: Agents) -> None:
    pod = await agents.pod()
    specs = [agents.spec(pod, "sleep", "1000") for _ in range(30)]
    answers = await asyncio.gather(*(agents.runtime.start(spec) for spec in specs))
    assert all(isinstance(answer, Started) for answer in answers)
    await agents.runtime.remove_pod(pod.uid)
    assert not host_pids(str(agents.root))
