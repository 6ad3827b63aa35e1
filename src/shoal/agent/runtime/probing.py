"""What this machine allows, found out by doing it: a sandbox is tried with `true` in it.

Asking the kernel's settings instead would mean to know them all: user namespaces may be off by
sysctl, by AppArmor, by a seccomp filter or by an outer container, each with its own sign.
"""

import asyncio
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from shoal.agent.runtime.cgroups import CgroupFindings, find_cgroups
from shoal.agent.runtime.containers import ShimRuntime
from shoal.agent.runtime.host_view import HostView
from shoal.agent.runtime.process import ProcessConfinement
from shoal.agent.runtime.protocol import ContainerKey, ContainerSpec, PodSandbox, StartFailed
from shoal.agent.runtime.sandbox import SandboxConfinement
from shoal.agent.runtime.spawning import Spawner
from shoal.base.clock import Clock


@dataclass(frozen=True, kw_only=True)
class SandboxFindings:
    confinement: SandboxConfinement | None
    sentence: str
    """What was found, for people; why not, when there is no sandbox."""


async def probe_sandbox(clock: Clock) -> SandboxFindings:
    """Root needs no user namespace, unless it is a root without the right to mount."""
    refusal = ""
    for has_user_namespace in (False, True) if os.geteuid() == 0 else (True,):
        confinement = SandboxConfinement(has_user_namespace)
        refusal = await _try(confinement, clock)
        if not refusal:
            kind = "with a user namespace" if has_user_namespace else "as root"
            return SandboxFindings(confinement=confinement, sentence=f"sandbox {kind}")
    return SandboxFindings(confinement=None, sentence=f"no sandbox on this machine: {refusal}")


def probe_cgroups() -> CgroupFindings:
    return find_cgroups(
        Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text()
    )


async def _try(confinement: SandboxConfinement, clock: Clock) -> str:
    """Why a sandbox cannot be had; empty when it can."""
    with tempfile.TemporaryDirectory(prefix="shoal-probe-") as directory:
        root = Path(directory)
        runtime = ShimRuntime(root, confinement, None, Spawner(root, clock), clock)
        pod = PodSandbox(
            uid="probe",
            namespace="",
            name="probe",
            hostname="probe",
            pod_ip="127.0.0.1",
            hosts_text="",
        )
        spec = ContainerSpec(key=ContainerKey("probe", "probe", 0), pod=pod, argv=["true"], env={})
        await runtime.recover()
        try:
            await runtime.prepare_pod(pod)
            answer = await runtime.start(spec)
            if isinstance(answer, StartFailed):
                return answer.message
            ended = await anext(runtime.exits())
            return "" if ended.exit_code == 0 else "a program in it fails"
        finally:
            await runtime.remove_pod("probe")
            await runtime.close()


class RuntimeUnavailableError(Exception):
    """The runtime that was asked for cannot be had on this machine; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    runtime: ShimRuntime
    sentence: str
    """Which runtime and limits, and why: for the log and the Node."""
    network_refusal: str = ""
    """Why pods cannot have network namespaces; empty where it may be tried."""


class RuntimeChooser:
    """Probes once, then makes a runtime for each (virtual) node of the machine."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._probing = asyncio.Lock()
        self._sandbox: SandboxFindings | None = None
        self._cgroups: CgroupFindings | None = None

    async def choose(self, wanted: str, root: Path, view: HostView = HostView()) -> Choice:
        """`wanted` is `auto`, `sandbox` or `process`. `root` will hold the pods' directories, and
        is one agent's alone; a sandbox shows the host as `view` says. Raises
        RuntimeUnavailableError."""
        async with self._probing:
            if self._cgroups is None:
                self._cgroups = probe_cgroups()
            if self._sandbox is None and wanted != "process":
                self._sandbox = await probe_sandbox(self._clock)
        sentence = "process runtime, as configured"
        confinement: SandboxConfinement | ProcessConfinement = ProcessConfinement()
        if wanted != "process" and self._sandbox is not None:
            sentence = self._sandbox.sentence
            found = self._sandbox.confinement
            if found is not None:
                confinement = SandboxConfinement(found.has_user_namespace, view)
            elif wanted == "sandbox":
                raise RuntimeUnavailableError(sentence)
        runtime = ShimRuntime(
            root,
            confinement,
            self._cgroups.cgroups,
            Spawner(root, self._clock),
            self._clock,
        )
        refusal = ""
        if isinstance(confinement, ProcessConfinement):
            refusal = "plain processes have no namespaces"
        elif confinement.has_user_namespace:
            refusal = "a network namespace on a bridge needs root"
        return Choice(
            runtime=runtime,
            sentence=f"{sentence}; {self._cgroups.sentence}",
            network_refusal=refusal,
        )
