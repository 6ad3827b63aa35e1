"""What a sandbox does not show of the host: the control plane's own files, its pods' among them."""

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shoal.agent.runtime.containers import ShimRuntime
from shoal.agent.runtime.host_view import HostView
from shoal.agent.runtime.probing import probe_sandbox
from shoal.agent.runtime.protocol import ContainerSpec, Mount
from shoal.agent.runtime.sandbox import SandboxConfinement
from shoal.agent.runtime.spawning import Spawner
from shoal.base.clock import SystemClock
from tests.runtimes import PATIENCE_S, Agents, end_all

SECRET = "geheim"


class Site:
    """A data folder with a secret, its pods, and a kubeconfig beside it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.data = place / "data"
        self.token = self.data / "pki" / "token"
        self.token.parent.mkdir(parents=True)
        self.token.write_text(SECRET)
        self.kubeconfig = place / "kubeconfig"
        self.kubeconfig.write_text(SECRET)
        self.agents: Agents

    def shown(self, namespace: str) -> list[Mount]:
        folder = self.data / "work" / namespace
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
        return [Mount(source=folder, target=str(self.data / "work"))]

    async def open(self) -> None:
        clock = SystemClock()
        findings = await probe_sandbox(clock)
        if findings.confinement is None:
            pytest.skip(findings.sentence)
        view = HostView(hidden=[self.data, self.kubeconfig], shown=self.shown)
        confinement = SandboxConfinement(findings.confinement.has_user_namespace, view)
        root = self.data / "pods"
        self.agents = Agents(
            lambda: ShimRuntime(root, confinement, None, Spawner(root, clock), clock), root
        )
        await self.agents.runtime.recover()

    async def spec(self, script: str, **fields: object) -> ContainerSpec:
        pod = await self.agents.pod()
        return self.agents.spec(pod, "sh", "-c", script, **fields)  # type: ignore[arg-type]

    async def says(self, script: str, **fields: object) -> list[str]:
        """What a container prints that comes to a good end."""
        spec = await self.spec(script, **fields)
        ended = await self.agents.run(spec)
        assert ended.exit_code == 0, self.agents.output(spec.key)
        return self.agents.output(spec.key)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path)
    await site.open()
    yield site
    await site.agents.restart()
    await end_all(site.agents)


async def test_of_the_data_folder_a_pod_sees_its_namespaces_queues_and_nothing_else(
    site: Site,
) -> None:
    site.shown("default")[0].source.joinpath("mine").write_text("own\n")
    site.shown("other")[0].source.joinpath("theirs").write_text("others'\n")
    script = f"cd {site.data} && find . -type f -o -type d | sort; cat work/mine; echo > work/new"
    assert await site.says(script) == [".", "./work", "./work/mine", "own"]
    assert (site.data / "work" / "default" / "new").exists()


async def test_what_is_hidden_cannot_be_written(site: Site) -> None:
    script = f"! touch {site.data}/file && ! mkdir {site.data}/pki"
    lines = await site.says(script)
    assert all("Read-only file system" in line for line in lines)
    assert not (site.data / "file").exists()


async def test_a_hidden_file_is_empty_and_what_is_beside_it_is_there(site: Site) -> None:
    (site.place / "other").write_text("host's\n")
    assert await site.says(f"cat {site.kubeconfig} {site.place}/other") == ["host's"]
    assert site.kubeconfig.read_text() == SECRET


async def test_a_link_to_what_is_hidden_leads_to_nothing(site: Site) -> None:
    (site.place / "link").symlink_to(site.data)
    assert await site.says(f"ls {site.place}/link/") == ["work"]


async def test_what_is_hidden_stays_so_where_a_mount_path_beside_it_is_missing(site: Site) -> None:
    volume = site.agents.volume(await site.agents.pod())
    (volume / "greeting").write_text("hello\n")
    mounts = [Mount(source=volume, target=f"{site.place}/new/deep")]
    script = f"cat {site.place}/new/deep/greeting; ls {site.data}; cat {site.kubeconfig}"
    assert await site.says(script, mounts=mounts) == ["hello", "work"]


async def test_a_volume_of_the_data_folder_is_at_its_mount_path_wherever_that_is(
    site: Site,
) -> None:
    claimed = site.data / "volumes" / "claim"
    claimed.mkdir(parents=True)
    (claimed / "part").mkdir()
    mounts = [
        Mount(source=claimed, target="/shoal-test/volume"),
        Mount(source=claimed, target=str(claimed)),
        Mount(source=claimed / "part", target=f"{site.data}/elsewhere/part", read_only=True),
    ]
    script = (
        f"echo hello > /shoal-test/volume/greeting; cat {claimed}/greeting; cd {site.data}; "
        "ls . elsewhere; ! touch elsewhere/part/file 2> /dev/null"
    )
    lines = await site.says(script, mounts=mounts)
    assert [line for line in lines if line] == [
        "hello", ".:", "elsewhere", "volumes", "work", "elsewhere:", "part"
    ]  # fmt: skip


@pytest.mark.parametrize("is_at_its_own_path", [False, True])
async def test_a_volume_that_holds_the_data_folder_does_not_show_it(
    site: Site, is_at_its_own_path: bool
) -> None:
    (site.place / "other").write_text("host's\n")
    target = str(site.place) if is_at_its_own_path else "/shoal-test"
    mounts = [Mount(source=site.place, target=target)]
    script = f"cat {target}/kubeconfig {target}/other; ls {target}/data; ls {site.data}"
    inside = ["work"] if is_at_its_own_path else []
    assert await site.says(script, mounts=mounts) == ["host's", *inside, "work"]
    assert site.token.read_text() == SECRET


@pytest.mark.parametrize("is_read_only", [False, True])
async def test_a_volume_above_the_data_folder_is_no_hindrance(
    site: Site, is_read_only: bool
) -> None:
    volume = site.agents.volume(await site.agents.pod())
    (volume / "greeting").write_text("hello\n")
    mounts = [Mount(source=volume, target=str(site.place), read_only=is_read_only)]
    lines = await site.says(
        f"cd {site.place}; cat greeting; ls -d data/* 2> /dev/null || :", mounts=mounts
    )
    # There is room for what a pod may see of it in a volume that can be written.
    assert lines == (["hello"] if is_read_only else ["hello", "data/work"])


async def test_a_volume_that_names_what_is_hidden_shows_it(site: Site) -> None:
    mounts = [
        Mount(source=site.data, target=str(site.data)),
        Mount(source=site.token, target="/shoal-test/token"),
    ]
    script = f"cat {site.token} /shoal-test/token; echo > {site.data}/new"
    assert await site.says(script, mounts=mounts) == [SECRET + SECRET]
    assert (site.data / "new").exists()


async def test_a_command_inside_of_a_container_sees_no_more(site: Site) -> None:
    key = await site.agents.start(await site.spec("sleep 1000"))
    command = ["sh", "-c", f"ls {site.data}; cat {site.token} {site.kubeconfig}"]
    result = await site.agents.runtime.exec(key, command, timeout_s=PATIENCE_S)
    assert result.output.startswith("work\n")
    assert SECRET not in result.output


async def test_the_open_files_of_the_first_process_are_no_way_out(site: Site) -> None:
    script = "for each in /proc/1/fd/*; do readlink $each && exit 1; done; ls /proc/1/root/ || :"
    lines = await site.says(f"({script}) 2>&1")
    assert all("ermission denied" in line for line in lines)


async def test_namespaces_of_a_programs_own_are_no_way_out(site: Site) -> None:
    inner = f"umount {site.data}; umount -l {site.data}; umount -R {site.place}; cat {site.token}"
    script = f"unshare --user --map-root-user --mount sh -c '{inner}' 2>&1; ls {site.data}"
    lines = await site.says(script)
    assert lines[-1] == "work"
    assert SECRET not in lines


async def test_records_and_logs_are_kept_though_the_container_does_not_see_them(
    site: Site,
) -> None:
    spec = await site.spec("read line < /shoal-test/go; echo $line; echo bye > $WORDS; exit 3",
                           env={"WORDS": "/dev/termination-log"},
                           mounts=[Mount(source=site.place, target="/shoal-test")])  # fmt: skip
    os.mkfifo(site.place / "go")
    key = await site.agents.start(spec)
    await site.agents.restart()
    await site.agents.runtime.recover()
    (site.place / "go").write_text("on\n")
    ended = await site.agents.next_exit()
    assert (ended.exit_code, ended.termination_message) == (3, "bye\n")
    assert site.agents.output(key) == ["on"]


async def test_another_user_comes_to_the_queues_through_folders_that_are_shut(site: Site) -> None:
    site.place.chmod(0o700)
    script = f"id -u; echo x > {site.data}/work/file; cat {site.data}/work/file; ls {site.data}"
    assert await site.says(script, user_id=4321, group_id=8765) == ["4321", "x", "work"]
    assert stat.S_IMODE(site.place.stat().st_mode) == 0o700


async def test_a_read_only_root_leaves_the_queues_writable(site: Site) -> None:
    script = f"touch {site.data}/work/file && ! touch {site.place}/file 2> /dev/null"
    assert await site.says(script, read_only_root=True) == []
    assert (site.data / "work" / "default" / "file").exists()


async def test_a_working_directory_in_the_data_folder_is_an_empty_one(site: Site) -> None:
    (site.data / "programs").mkdir()
    (site.data / "programs" / "hello").write_text(SECRET)
    assert await site.says("pwd; ls", working_dir=f"{site.data}/programs") == [
        f"{site.data}/programs"
    ]
