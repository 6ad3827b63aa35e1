"""Users, groups, capabilities and no_new_privs, read back from inside of containers."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shoal.agent.runtime.protocol import Mount, Privileges, StartFailed
from tests.runtimes import PATIENCE_S, Agents, end_all, make_agents

DEFAULT_MASK = 0xA80425FB
ALL_MASK = 0x1FFFFFFFFFF
NET_BIND_SERVICE = 1 << 10
is_root = os.geteuid() == 0

REFUSES_ROOT = """
[ $(id -u) != 0 ] || { echo execution as root is not permitted; exit 1; }
id -u
mkdir -m 700 /shoal-test/data && touch /shoal-test/data/PG_VERSION
"""
"""What a PostgreSQL server asks of who starts it."""


@pytest.fixture(params=["sandbox", "process"])
async def agents(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Agents]:
    agents = await make_agents(request.param, tmp_path / "pods")
    await agents.runtime.recover()
    yield agents
    await agents.restart()
    await end_all(agents)


def masks(lines: list[str]) -> dict[str, int]:
    return {name: int(value, 16) for name, value in (line.split(":\t") for line in lines)}


async def capabilities_of(agents: Agents, **fields: object) -> dict[str, int]:
    pod = await agents.pod()
    spec = agents.spec(pod, "grep", "^Cap", "/proc/self/status", **fields)  # type: ignore[arg-type]
    assert (await agents.run(spec)).exit_code == 0
    return masks(agents.output(spec.key))


def has_capabilities(agents: Agents) -> bool:
    """An ordinary user has some in a user namespace only."""
    return is_root or agents.runtime.name == "sandbox"


async def test_root_has_the_capabilities_that_container_engines_give(agents: Agents) -> None:
    if not has_capabilities(agents):
        pytest.skip("plain processes of an ordinary user have none")
    sets = await capabilities_of(agents, user_id=0)
    assert sets["CapBnd"] == sets["CapEff"] == sets["CapPrm"] == DEFAULT_MASK
    assert sets["CapInh"] == sets["CapAmb"] == 0


async def test_what_is_dropped_is_gone_and_what_is_added_is_there(agents: Agents) -> None:
    if not has_capabilities(agents):
        pytest.skip("plain processes of an ordinary user have none")
    privileges = Privileges(added=["NET_BIND_SERVICE"], dropped=["ALL"])
    sets = await capabilities_of(agents, user_id=0, privileges=privileges)
    assert sets["CapBnd"] == sets["CapEff"] == sets["CapPrm"] == NET_BIND_SERVICE


async def test_another_user_has_none_of_those_that_bound_it(agents: Agents) -> None:
    if not has_capabilities(agents):
        pytest.skip("plain processes of an ordinary user have none")
    sets = await capabilities_of(agents, user_id=4321)
    assert sets["CapEff"] == sets["CapPrm"] == sets["CapInh"] == sets["CapAmb"] == 0
    assert sets["CapBnd"] == DEFAULT_MASK


async def test_a_privileged_container_has_all_that_the_agent_has(agents: Agents) -> None:
    if not has_capabilities(agents):
        pytest.skip("plain processes of an ordinary user have none")
    privileges = Privileges(is_privileged=True)
    sets = await capabilities_of(agents, user_id=0, privileges=privileges)
    own = masks([ln for ln in Path("/proc/self/status").read_text().splitlines() if "Cap" in ln])
    # A user namespace begins with all that there are.
    assert sets["CapEff"] == (own["CapBnd"] if is_root else ALL_MASK)


async def test_a_command_executed_later_has_no_more_than_the_container(agents: Agents) -> None:
    if not has_capabilities(agents):
        pytest.skip("plain processes of an ordinary user have none")
    pod = await agents.pod()
    spec = agents.spec(pod, "sleep", "1000", user_id=0, privileges=Privileges(dropped=["ALL"]))
    key = await agents.start(spec)
    result = await agents.runtime.exec(key, ["grep", "^Cap", "/proc/self/status"], PATIENCE_S)
    assert masks(result.output.splitlines())["CapBnd"] == 0


@pytest.mark.parametrize("can_gain", [True, False])
async def test_new_privileges_are_forbidden_where_that_is_asked_for(
    agents: Agents, can_gain: bool
) -> None:
    pod = await agents.pod()
    privileges = Privileges(can_gain=can_gain)
    spec = agents.spec(pod, "grep", "NoNewPrivs", "/proc/self/status", privileges=privileges)
    await agents.run(spec)
    assert agents.output(spec.key) == [f"NoNewPrivs:\t{0 if can_gain else 1}"]


async def test_groups_of_the_pod_are_the_programs_or_it_is_told_that_they_are_not(
    agents: Agents,
) -> None:
    pod = await agents.pod()
    privileges = Privileges(groups=[5000, 6000])
    spec = agents.spec(pod, "id", "-G", privileges=privileges, user_id=4321, group_id=8765)
    warnings = " ".join(agents.runtime.honours(spec).warnings)
    await agents.run(spec)
    has_groups = agents.output(spec.key) == ["8765 5000 6000"]
    assert has_groups is is_root
    assert ("supplementalGroups" in warnings) is not is_root


async def test_a_group_without_a_user_is_taken(agents: Agents) -> None:
    if not has_capabilities(agents):
        pytest.skip("plain processes of an ordinary user cannot change")
    pod = await agents.pod()
    spec = agents.spec(pod, "id", "-g", group_id=8765)
    await agents.run(spec)
    assert agents.output(spec.key) == ["8765"]


async def test_groups_of_the_host_are_those_of_the_image_unless_the_pod_is_strict(
    agents: Agents,
) -> None:
    if not is_root:
        pytest.skip("only root can set groups")
    pod = await agents.pod()
    seen: list[list[str]] = []
    for is_merged in (True, False):
        privileges = Privileges(groups=[5000], has_image_groups=is_merged)
        spec = agents.spec(pod, "id", "-G", privileges=privileges, user_id=1, group_id=8765)
        await agents.run(spec)
        seen.append(agents.output(spec.key)[0].split())
    merged, strict = seen
    assert strict == ["8765", "5000"]
    assert {*strict, "1"} <= {*merged}


async def test_what_cannot_be_added_is_told(agents: Agents) -> None:
    pod = await agents.pod()
    for privileges, word in (
        (Privileges(added=["SYS_TIME"]), "SYS_TIME"),
        (Privileges(is_privileged=True), "privileged"),
    ):
        spec = agents.spec(pod, "true", privileges=privileges)
        warnings = " ".join(agents.runtime.honours(spec).warnings)
        assert (word in warnings) is not is_root


async def test_a_capability_that_is_none_is_refused(agents: Agents) -> None:
    pod = await agents.pod()
    spec = agents.spec(pod, "true", privileges=Privileges(added=["FLY"]))
    answer = await agents.runtime.start(spec)
    assert isinstance(answer, StartFailed)
    assert "unknown capabilities FLY" in answer.message
    assert answer.reason == "CreateContainerError"


async def test_a_server_that_refuses_root_runs_as_the_user_it_is_told(tmp_path: Path) -> None:
    agents = await make_agents("sandbox", tmp_path / "pods")
    await agents.runtime.recover()
    pod = await agents.pod()
    volume = agents.volume(pod)
    volume.chmod(0o777)
    mounts = [Mount(source=volume, target="/shoal-test")]
    spec = agents.spec(pod, "sh", "-c", REFUSES_ROOT, user_id=999, mounts=mounts)
    ended = await agents.run(spec)
    assert ended.exit_code == 0, agents.output(spec.key)
    assert agents.output(spec.key) == ["999"]
    assert (volume / "data").stat().st_uid == (999 if is_root else os.geteuid())
    await end_all(agents)
