"""The contract of `shoal.agent.runtime.protocol.Runtime`, for every implementation."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shoal.agent.runtime.protocol import Started, StartFailed
from tests.runtimes import Agents, end_all, make_agents


@pytest.fixture(params=["fake", "sandbox", "process"])
async def agents(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Agents]:
    agents = await make_agents(request.param, tmp_path / "pods")
    await agents.runtime.recover()
    yield agents
    await agents.restart()
    await end_all(agents)


@pytest.mark.parametrize(
    ("argv", "exit_code"), [(("true",), 0), (("false",), 1), (("sh", "-c", "exit 42"), 42)]
)
async def test_a_container_ends_with_the_exit_code_of_its_program(
    agents: Agents, argv: tuple[str, ...], exit_code: int
) -> None:
    pod = await agents.pod()
    spec = agents.spec(pod, *argv)
    ended = await agents.run(spec)
    assert (ended.key, ended.exit_code, ended.signal) == (spec.key, exit_code, 0)
    assert ended.started_at <= ended.finished_at
    assert not ended.is_oom_killed


async def test_starting_an_attempt_twice_starts_it_once(agents: Agents) -> None:
    pod = await agents.pod()
    spec = agents.spec(pod, "sleep", "1000")
    first, second = await asyncio.gather(agents.runtime.start(spec), agents.runtime.start(spec))
    assert isinstance(first, Started)
    assert second == first
    assert await agents.runtime.start(spec) == first


async def test_an_attempt_that_has_ended_is_not_started_again(agents: Agents) -> None:
    pod = await agents.pod()
    spec = agents.spec(pod, "true")
    first = await agents.runtime.start(spec)
    await agents.next_exit()
    assert await agents.runtime.start(spec) == first


async def test_preparing_a_pod_twice_changes_nothing(agents: Agents) -> None:
    pod = await agents.pod()
    await agents.runtime.prepare_pod(pod)
    assert (await agents.run(agents.spec(pod, "true"))).exit_code == 0


async def test_terminate_sends_sigterm_to_the_program(agents: Agents) -> None:
    pod = await agents.pod()
    key = await agents.start(agents.spec(pod, "sleep", "1000"))
    await agents.runtime.terminate(key)
    ended = await agents.next_exit()
    assert (ended.exit_code, ended.signal) == (143, 15)


async def test_kill_ends_a_container_with_137(agents: Agents) -> None:
    pod = await agents.pod()
    key = await agents.start(agents.spec(pod, "sleep", "1000"))
    await agents.runtime.kill(key)
    ended = await agents.next_exit()
    assert (ended.exit_code, ended.signal) == (137, 9)


async def test_signals_to_a_container_that_is_gone_are_nothing(agents: Agents) -> None:
    pod = await agents.pod()
    spec = agents.spec(pod, "true")
    await agents.run(spec)
    await agents.runtime.terminate(spec.key)
    await agents.runtime.kill(spec.key)


async def test_exec_gives_the_exit_code_of_the_command(agents: Agents) -> None:
    pod = await agents.pod()
    key = await agents.start(agents.spec(pod, "sleep", "1000"))
    result = await agents.runtime.exec(key, ["sh", "-c", "exit 3"], timeout_s=30)
    assert (result.exit_code, result.is_timed_out) == (3, False)


async def test_exec_gives_up_after_its_time_out(agents: Agents) -> None:
    pod = await agents.pod()
    key = await agents.start(agents.spec(pod, "sleep", "1000"))
    assert (await agents.runtime.exec(key, ["sleep", "1000"], timeout_s=0.1)).is_timed_out


async def test_exec_in_a_container_that_is_gone_cannot_start(agents: Agents) -> None:
    pod = await agents.pod()
    spec = agents.spec(pod, "true")
    await agents.run(spec)
    assert (await agents.runtime.exec(spec.key, ["true"], timeout_s=30)).exit_code in {126, 127}


async def test_a_later_agent_finds_containers_that_run_and_that_ended(agents: Agents) -> None:
    pod = await agents.pod()
    await agents.run(agents.spec(pod, "sh", "-c", "exit 5", name="ended"))
    running = agents.spec(pod, "sleep", "1000", name="running")
    await agents.start(running)

    await agents.restart()
    [found] = await agents.runtime.recover()

    assert (found.uid, found.namespace, found.name) == (pod.uid, pod.namespace, pod.name)
    assert found.pod_ip == pod.pod_ip
    by_name = {container.key.container: container for container in found.containers}
    assert by_name.keys() == {"ended", "running"}
    exit_of_ended = by_name["ended"].exit
    assert exit_of_ended is not None
    assert exit_of_ended.exit_code == 5
    assert by_name["running"].exit is None
    assert await agents.runtime.start(running) == Started(started_at=by_name["running"].started_at)
    await agents.runtime.terminate(running.key)
    assert (await agents.next_exit()).exit_code == 143


async def test_a_removed_container_is_not_found_again(agents: Agents) -> None:
    pod = await agents.pod()
    spec = agents.spec(pod, "true")
    await agents.run(spec)
    await agents.runtime.remove_container(spec.key)
    await agents.restart()
    [found] = await agents.runtime.recover()
    assert not found.containers


async def test_a_removed_pod_is_not_found_again_and_its_exits_are_not_delivered(
    agents: Agents,
) -> None:
    gone = await agents.pod("gone")
    kept = await agents.pod("kept")
    await agents.start(agents.spec(gone, "sleep", "1000"))
    await agents.runtime.remove_pod("gone")
    assert (await agents.run(agents.spec(kept, "true"))).key.pod_uid == "kept"
    await agents.restart()
    assert [pod.uid for pod in await agents.runtime.recover()] == ["kept"]


async def test_removing_a_pod_that_is_not_there_is_nothing(agents: Agents) -> None:
    await agents.runtime.remove_pod("never-was")


async def test_a_container_of_an_unknown_program_cannot_start(agents: Agents) -> None:
    if agents.runtime.name == "fake":
        pytest.skip("what cannot start is scripted in the fake")
    pod = await agents.pod()
    spec = agents.spec(pod, "no-such-program")
    answer = await agents.runtime.start(spec)
    assert answer == StartFailed(
        message='exec: "no-such-program": executable file not found in $PATH'
    )
    assert await agents.runtime.start(spec) == answer


async def test_hosts_are_written_for_prepared_pods_only(agents: Agents) -> None:
    await agents.pod()
    assert await agents.runtime.write_hosts("pod-1", "127.1.2.3 other\n")
    assert not await agents.runtime.write_hosts("pod-2", "")
    await agents.runtime.remove_pod("pod-1")
    assert not await agents.runtime.write_hosts("pod-1", "")
