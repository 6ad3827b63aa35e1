"""What a sandbox adds: mounts, process tree and hostname of its own, with the host untouched."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from shoal.agent.runtime.protocol import Mount, StartFailed
from tests.runtimes import PATIENCE_S, Agents, end_all, make_agents


@pytest.fixture
async def agents(tmp_path: Path) -> AsyncIterator[Agents]:
    agents = await make_agents("sandbox", tmp_path / "pods")
    await agents.runtime.recover()
    yield agents
    await agents.restart()
    await end_all(agents)


@pytest.fixture
def host_directory(tmp_path: Path) -> Iterator[Path]:
    """A directory of the host with something in it, below which mountPaths will be missing."""
    directory = tmp_path / "host"
    (directory / "sub").mkdir(parents=True)
    (directory / "file").write_text("host's\n")
    yield directory
    assert sorted(path.name for path in directory.iterdir()) == ["file", "sub"]
    assert not list((directory / "sub").iterdir())


async def output_of(agents: Agents, *argv: str, **fields: object) -> list[str]:
    pod = await agents.pod()
    spec = agents.spec(pod, *argv, **fields)  # type: ignore[arg-type]
    ended = await agents.run(spec)
    assert ended.exit_code == 0, agents.output(spec.key)
    return agents.output(spec.key)


async def test_a_volume_is_at_its_mount_path_and_the_host_is_untouched(
    agents: Agents, host_directory: Path
) -> None:
    pod = await agents.pod()
    volume = agents.volume(pod)
    (volume / "greeting").write_text("hello\n")
    targets = [
        f"{host_directory}/new/deep/path",
        f"{host_directory}/sub/inner",
        "/shoal-test-top",
        "/etc/shoal-test/conf.d",
        "/var/run/shoal-test",
    ]
    mounts = [Mount(source=volume, target=target) for target in targets]
    script = (
        f"cat {' '.join(f'{target}/greeting' for target in targets)}; "
        f"cat {host_directory}/file; ls /etc/passwd; echo written > /shoal-test-top/answer"
    )
    lines = await output_of(agents, "sh", "-c", script, mounts=mounts)
    assert lines == ["hello"] * len(targets) + ["host's", "/etc/passwd"]
    assert (volume / "answer").read_text() == "written\n"
    assert not any(os.path.exists(target) for target in targets)


async def test_what_a_program_writes_beside_a_missing_mount_path_is_kept(
    agents: Agents, tmp_path: Path
) -> None:
    pod = await agents.pod()
    results = tmp_path / "home" / "results"
    results.mkdir(parents=True)
    mounts = [Mount(source=agents.volume(pod), target=f"{tmp_path}/home/data")]
    await output_of(agents, "sh", "-c", f"echo 42 > {results}/answer", mounts=mounts)
    assert (results / "answer").read_text() == "42\n"


async def test_a_single_file_is_mounted_where_there_is_one_and_where_there_is_none(
    agents: Agents, host_directory: Path
) -> None:
    pod = await agents.pod()
    file = agents.volume(pod) / "settings"
    file.write_text("pod's\n")
    mounts = [
        Mount(source=file, target=f"{host_directory}/file"),
        Mount(source=file, target=f"{host_directory}/other"),
    ]
    script = f"cat {host_directory}/file {host_directory}/other"
    assert await output_of(agents, "sh", "-c", script, mounts=mounts) == ["pod's", "pod's"]
    assert (host_directory / "file").read_text() == "host's\n"


async def test_a_volume_inside_a_volume_is_mounted_after_it(agents: Agents) -> None:
    pod = await agents.pod()
    outer, inner = agents.volume(pod, "outer"), agents.volume(pod, "inner")
    (inner / "leaf").write_text("inner\n")
    mounts = [
        Mount(source=inner, target="/shoal-test/inner", read_only=True),
        Mount(source=outer, target="/shoal-test"),
    ]
    script = "cat /shoal-test/inner/leaf; echo > /shoal-test/own"
    assert await output_of(agents, "sh", "-c", script, mounts=mounts) == ["inner"]
    assert (outer / "own").exists()


async def test_a_read_only_mount_refuses_writes(agents: Agents) -> None:
    pod = await agents.pod()
    volume = agents.volume(pod)
    mounts = [Mount(source=volume, target="/shoal-test", read_only=True)]
    spec = agents.spec(pod, "touch", "/shoal-test/file", mounts=mounts)
    assert (await agents.run(spec)).exit_code == 1
    assert "Read-only file system" in agents.output(spec.key)[0]


async def test_a_read_only_root_leaves_volumes_writable(agents: Agents, tmp_path: Path) -> None:
    pod = await agents.pod()
    mounts = [Mount(source=agents.volume(pod), target="/shoal-test")]
    script = (
        f"touch /shoal-test/file && ! touch {tmp_path}/file && ! touch /file && echo > /dev/null"
    )
    spec = agents.spec(pod, "sh", "-c", script, mounts=mounts, read_only_root=True)
    assert (await agents.run(spec)).exit_code == 0


async def test_a_sandbox_has_its_own_process_tree(agents: Agents) -> None:
    pod = await agents.pod()
    script = "echo $$; ls -d /proc/[0-9]* | wc -l"
    spec = agents.spec(pod, "sh", "-c", script)
    await agents.run(spec)
    pid, processes = agents.output(spec.key)
    assert int(pid) == 2
    assert int(processes) < 10


async def test_the_first_process_of_a_sandbox_has_a_name_that_says_what_it_is(
    agents: Agents,
) -> None:
    script = "tr '\\0' '\\n' < /proc/1/cmdline; cat /proc/1/comm"
    assert await output_of(agents, "sh", "-c", script) == ["shoal-shim", "shoal-shim"]


async def test_a_program_cannot_end_the_first_process_of_its_sandbox(agents: Agents) -> None:
    assert await output_of(agents, "sh", "-c", "kill -9 1; sleep 0.05; echo alive") == ["alive"]


async def test_hostname_and_hosts_are_the_pods(agents: Agents) -> None:
    lines = await output_of(agents, "sh", "-c", "hostname; cat /etc/hostname /etc/hosts")
    assert lines == ["pod-1", "pod-1", "127.1.2.3 pod-1"]
    assert os.uname().nodename != "pod-1"


async def test_a_running_container_sees_its_hosts_change(agents: Agents) -> None:
    pod = await agents.pod()
    script = "echo ready; until grep -q new /etc/hosts; do sleep 0.01; done; cat /etc/hosts"
    key = await agents.start(agents.spec(pod, "sh", "-c", script))
    await agents.wait_output(key)
    await agents.runtime.write_hosts(pod.uid, "::1 new\n")
    assert (await agents.next_exit()).exit_code == 0
    # For a moment empty lines stand where the old text was longer.
    assert [line for line in agents.output(key) if line] == ["ready", "::1 new"]


async def test_last_words_go_to_the_termination_message_path(agents: Agents) -> None:
    pod = await agents.pod()
    for path in ("/dev/termination-log", "/shoal-test/words"):
        script = f"printf 'so long' > {path}"
        spec = agents.spec(pod, "sh", "-c", script, termination_message_path=path)
        assert (await agents.run(spec)).termination_message == "so long"
        assert not os.path.exists(path)


async def test_exec_is_inside_of_the_sandbox(agents: Agents) -> None:
    pod = await agents.pod()
    volume = agents.volume(pod)
    (volume / "greeting").write_text("hello\n")
    mounts = [Mount(source=volume, target="/shoal-test")]
    key = await agents.start(agents.spec(pod, "sleep", "1000", mounts=mounts))
    command = ["sh", "-c", "hostname; cat /shoal-test/greeting; ls -d /proc/[0-9]* | wc -l"]
    result = await agents.runtime.exec(key, command, timeout_s=PATIENCE_S)
    hostname, greeting, processes = result.output.split()
    assert (hostname, greeting) == ("pod-1", "hello")
    assert int(processes) < 10


async def test_run_as_user_is_who_the_program_is(agents: Agents) -> None:
    lines = await output_of(
        agents, "sh", "-c", "id -u; id -g; echo ok > /dev/stdout", user_id=4321, group_id=8765
    )
    assert lines == ["4321", "8765", "ok"]


async def test_a_user_that_the_host_does_not_know_has_a_name(agents: Agents) -> None:
    name = await output_of(agents, "sh", "-c", "id -un; grep -c root: /etc/passwd", user_id=54321)
    assert name == ["54321", "1"]


async def test_an_accounts_file_of_the_pod_itself_is_left_alone(
    agents: Agents, tmp_path: Path
) -> None:
    accounts = tmp_path / "accounts"
    accounts.write_text("sam:x:54321:54321::/:/bin/sh\n")
    mounts = [Mount(source=accounts, target="/etc/passwd")]
    assert await output_of(agents, "id", "-un", user_id=54321, mounts=mounts) == ["sam"]


async def test_devices_work(agents: Agents) -> None:
    script = "head -c 4 /dev/urandom | wc -c; echo gone > /dev/null; script -qec 'tty' /dev/null"
    lines = await output_of(agents, "sh", "-c", script)
    assert lines[0] == "4"
    assert lines[1].startswith("/dev/pts/")


async def test_a_missing_working_directory_is_made(agents: Agents, host_directory: Path) -> None:
    missing = f"{host_directory}/work/here"
    assert await output_of(agents, "pwd", working_dir=missing) == [missing]


async def test_the_hosts_mounts_are_as_before(agents: Agents) -> None:
    before = host_mounts()
    pod = await agents.pod()
    mounts = [Mount(source=agents.volume(pod), target="/etc/shoal-test")]
    await agents.start(agents.spec(pod, "sleep", "1000", mounts=mounts))
    assert host_mounts() == before


def host_mounts() -> list[str]:
    """Without those of other control planes, which come and go."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if " /run/shoal/" not in line]


async def test_a_mount_path_below_a_file_is_a_start_failure(
    agents: Agents, host_directory: Path
) -> None:
    pod = await agents.pod()
    mounts = [Mount(source=agents.volume(pod), target=f"{host_directory}/file/below")]
    answer = await agents.runtime.start(agents.spec(pod, "true", mounts=mounts))
    assert isinstance(answer, StartFailed)
    assert "file" in answer.message


async def test_the_root_itself_cannot_be_a_volume(agents: Agents) -> None:
    pod = await agents.pod()
    spec = agents.spec(pod, "true", mounts=[Mount(source=agents.volume(pod), target="/")])
    assert agents.runtime.honours(spec).refusals
    answer = await agents.runtime.start(spec)
    assert isinstance(answer, StartFailed)
    assert answer.reason == "MountPathUnavailable"
