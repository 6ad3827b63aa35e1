"""Runtimes under test: a machine that outlives them, and pods to run on it."""

import asyncio
import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from shoal.agent.runtime.cgroups import Cgroups
from shoal.agent.runtime.confinement import Confinement
from shoal.agent.runtime.containers import ShimRuntime
from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.probing import probe_cgroups, probe_sandbox
from shoal.agent.runtime.process import ProcessConfinement
from shoal.agent.runtime.protocol import (
    ContainerExit,
    ContainerKey,
    ContainerSpec,
    Limits,
    Mount,
    PodSandbox,
    Runtime,
    Started,
)
from shoal.agent.runtime.spawning import Spawner
from shoal.base.clock import SystemClock
from shoal.testing.runtime import FakeMachine, FakeRuntime
from tests.waiting import eventually

PATIENCE_S = 30
"""For a machine that is busy; nothing here takes a second."""


class Agents:
    """One agent after another on the same machine."""

    def __init__(self, make: Callable[[], Runtime], root: Path) -> None:
        self.make = make
        self.root = root
        self.runtime = make()
        self._numbers = itertools.count()

    async def restart(self) -> None:
        """The agent ends and another comes. The caller recovers."""
        await self.runtime.close()
        self.runtime = self.make()

    async def pod(self, uid: str = "pod-1", **fields: object) -> PodSandbox:
        values: dict[str, object] = {
            "namespace": "default",
            "name": uid,
            "hostname": uid,
            "pod_ip": "127.1.2.3",
            "hosts_text": f"127.1.2.3 {uid}\n",
        }
        pod = PodSandbox(uid=uid, **(values | fields))  # type: ignore[arg-type]
        await self.runtime.prepare_pod(pod)
        return pod

    def spec(
        self,
        pod: PodSandbox,
        *argv: str,
        name: str = "",
        env: Mapping[str, str] | None = None,
        mounts: Sequence[Mount] = (),
        limits: Limits = Limits(),
        **fields: object,
    ) -> ContainerSpec:
        key = ContainerKey(pod.uid, name or f"c{next(self._numbers)}", 0)
        return ContainerSpec(
            key=key,
            pod=pod,
            argv=argv,
            env=env or {},
            mounts=mounts,
            limits=limits,
            **fields,  # type: ignore[arg-type]
        )

    async def start(self, spec: ContainerSpec) -> ContainerKey:
        answer = await self.runtime.start(spec)
        assert isinstance(answer, Started), answer
        return spec.key

    async def next_exit(self) -> ContainerExit:
        async with asyncio.timeout(PATIENCE_S):
            return await anext(self.runtime.exits())

    async def run(self, spec: ContainerSpec) -> ContainerExit:
        """To its end."""
        await self.start(spec)
        return await self.next_exit()

    def log(self, key: ContainerKey) -> list[str]:
        return PodPaths(self.root, key.pod_uid).log(key).read_text().splitlines()

    def output(self, key: ContainerKey) -> list[str]:
        return [line.split(" ", 3)[3] for line in self.log(key)]

    async def wait_output(self, key: ContainerKey, lines: int = 1) -> list[str]:
        """The container's output once it has that many lines."""
        log = PodPaths(self.root, key.pod_uid).log(key)
        await eventually(lambda: log.exists() and len(self.output(key)) >= lines)
        return self.output(key)

    def volume(self, pod: PodSandbox, name: str = "data") -> Path:
        directory = PodPaths(self.root, pod.uid).volume(name)
        directory.mkdir(parents=True, exist_ok=True)
        return directory


def is_alive(pid: int) -> bool:
    """Zombies are not: what is left of them is their parent's business."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def host_pids(marker: str) -> list[int]:
    """Live processes of the whole machine whose command line has the marker."""
    found: list[int] = []
    for entry in os.listdir("/proc"):
        if not entry.isdecimal() or int(entry) == os.getpid():
            continue
        try:
            words = Path(f"/proc/{entry}/cmdline").read_bytes()
        except OSError:
            continue
        if marker.encode() in words and is_alive(int(entry)):
            found.append(int(entry))
    return found


def make_immutable(file: Path) -> None:
    """Not even root can delete it then. The caller ends that with `chattr -i`; the test is skipped
    where it cannot be had."""
    program = shutil.which("chattr")
    if program is None or subprocess.run([program, "+i", file], capture_output=True).returncode:
        pytest.skip("no file can be made immutable here")


async def make_agents(kind: str, root: Path, has_cgroups: bool = False) -> Agents:
    """Without cgroups unless they are asked for: the same then holds on every machine."""
    clock = SystemClock()
    if kind == "fake":
        machine = FakeMachine(clock)
        return Agents(lambda: FakeRuntime(machine), root)
    confinement: Confinement = ProcessConfinement()
    if kind == "sandbox":
        findings = await probe_sandbox(clock)
        if findings.confinement is None:
            pytest.skip(findings.sentence)
        confinement = findings.confinement
    cgroups: Cgroups | None = None
    if has_cgroups:
        findings_of_groups = probe_cgroups()
        cgroups = findings_of_groups.cgroups
        if cgroups is None:
            pytest.skip(findings_of_groups.sentence)
    return Agents(
        lambda: ShimRuntime(root, confinement, cgroups, Spawner(root, clock), clock), root
    )


async def end_all(agents: Agents) -> None:
    for pod in await agents.runtime.recover():
        await agents.runtime.remove_pod(pod.uid)
    await agents.runtime.close()
