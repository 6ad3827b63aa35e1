"""`ShimRuntime`: containers held by shims. Both real runtimes are this with another confinement.

The truth is on disk and in the kernel: a directory per attempt whose making is the claim to start
it, the shim's record of itself, its record of the end. The agent holds a pidfd of each live shim;
it becomes readable when the shim ends, and can never name another process.
"""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from shoal.agent.network.namespaces import PodNamespaces
from shoal.agent.runtime.cgroups import Cgroups, remove_entry
from shoal.agent.runtime.confinement import Confinement
from shoal.agent.runtime.leftovers import (
    CONTAINER_DIRECTORY_VARIABLE,
    POD_DIRECTORY_VARIABLE,
    kill_marked,
    remove_tree,
)
from shoal.agent.runtime.ordering import write_order
from shoal.agent.runtime.paths import UNUSABLE, PodPaths
from shoal.agent.runtime.pod_records import (
    RecordedContainer,
    cgroup_entries,
    container_exit,
    read_pods,
    rewrite_hosts,
    time_of,
    write_pod,
)
from shoal.agent.runtime.privileges import may_mount, unknown
from shoal.agent.runtime.protocol import (
    Capabilities,
    ContainerExit,
    ContainerKey,
    ContainerSpec,
    ExecResult,
    FoundContainer,
    FoundPod,
    PodSandbox,
    Started,
    StartFailed,
    StartResult,
    Verdict,
)
from shoal.agent.runtime.shim.processes import open_process
from shoal.agent.runtime.shim.records import read_exit_record, read_shim_record
from shoal.agent.runtime.shim.supervision import KILL_ALL
from shoal.agent.runtime.spawning import Spawner
from shoal.base.clock import Clock

_log = logging.getLogger(__name__)

_PATIENCE_S = 5.0
"""How long a shim may take to kill its container before it is killed itself."""
_RETRY_S = 1.0
"""Until an end that could not be read is read again."""


@dataclass(frozen=True, slots=True)
class _Shim:
    pidfd: int
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class ShimRuntime:
    def __init__(
        self,
        root: Path,
        confinement: Confinement,
        cgroups: Cgroups | None,
        spawner: Spawner,
        clock: Clock,
    ) -> None:
        # The spawner has a working directory of its own.
        self._root = root.absolute()
        self._confinement = confinement
        self._cgroups = cgroups
        self._spawner = spawner
        self._clock = clock
        self._networks: PodNamespaces | None = None
        self._pods: set[str] = set()
        self._starting: dict[ContainerKey, asyncio.Task[StartResult]] = {}
        self._shims: dict[ContainerKey, _Shim] = {}
        self._exits: asyncio.Queue[ContainerExit] = asyncio.Queue()
        self._endings: set[asyncio.Task[None]] = set()

    @property
    def name(self) -> str:
        return self._confinement.level

    @property
    def capabilities(self) -> Capabilities:
        controllers = self._cgroups.controllers if self._cgroups is not None else frozenset[str]()
        return Capabilities(
            level=self._confinement.level,
            isolates_mounts=self._confinement.isolates,
            isolates_processes=self._confinement.isolates,
            # Without a cgroup the shim watches memory itself.
            holds_memory="memory" in controllers,
            limits_cpu="cpu" in controllers,
            limits_pids="pids" in controllers,
            changes_users=self._confinement.changes_users,
            mounts_memory=may_mount(),
            user_id=os.geteuid(),
        )

    def honours(self, spec: ContainerSpec) -> Verdict:
        if names := unknown(spec.privileges):
            sentence = (
                f"unknown capabilities {', '.join(names)}: see capabilities(7) for their names"
            )
            return Verdict(refusals=[sentence])
        verdict = self._confinement.honours(spec)
        warnings = list(verdict.warnings)
        if spec.limits.cpu_millis is not None and not self.capabilities.limits_cpu:
            warnings.append("the cpu limit is not enforced: this machine gives us no cpu cgroup")
        if spec.limits.pids is not None and not self.capabilities.limits_pids:
            warnings.append("the pid limit is not enforced: this machine gives us no pids cgroup")
        return Verdict(refusals=verdict.refusals, reason=verdict.reason, warnings=warnings)

    def connect(self, networks: PodNamespaces) -> None:
        """To be called first, where pods are not to be in the network of the machine. They are
        closed with the runtime."""
        self._networks = networks

    async def prepare_pod(self, pod: PodSandbox) -> None:
        await self._network(pod)
        await asyncio.to_thread(write_pod, PodPaths(self._root, pod.uid), pod)
        self._pods.add(pod.uid)

    async def _network(self, pod: PodSandbox) -> str:
        """The file of the pod's network namespace, which is there then; empty where the pod is in
        the machine's."""
        networks = self._networks
        if networks is None or pod.uses_host_network or not networks.covers(pod.pod_ip):
            return ""
        await networks.attach(pod.uid, pod.pod_ip)
        return str(networks.file(pod.uid))

    async def write_hosts(self, uid: str, text: str) -> bool:
        if uid not in self._pods:
            return False
        return await asyncio.to_thread(rewrite_hosts, PodPaths(self._root, uid), text)

    async def start(self, spec: ContainerSpec) -> StartResult:
        task = self._starting.get(spec.key)
        if task is None:
            task = asyncio.create_task(self._start(spec))
            self._starting[spec.key] = task
            task.add_done_callback(lambda _: self._starting.pop(spec.key, None))
        # A caller who gives up must not leave a container behind that nobody watches.
        return await asyncio.shield(task)

    async def _start(self, spec: ContainerSpec) -> StartResult:
        directory = self._directory(spec.key)
        try:
            directory.mkdir(parents=True)
        except FileExistsError:
            return self._started_before(directory)
        except OSError as error:
            return StartFailed(message=str(error))
        verdict = self.honours(spec)
        if verdict.refusals:
            directory.rmdir()
            return StartFailed(reason=verdict.reason, message="; ".join(verdict.refusals))
        try:
            # A machine that was started again has lost it.
            network = await self._network(spec.pod)
            write_order(self._root, spec, self._confinement, self._cgroups, network)
            answer = await self._spawner.launch(directory)
        except UNUSABLE as error:
            return StartFailed(message=str(error))
        if "failure" in answer:
            return StartFailed(message=answer["failure"])
        shim = read_shim_record(directory)
        if shim is None:
            return StartFailed(message="its shim left no record")
        container = RecordedContainer(
            key=spec.key, started_at=time_of(shim.started_ns), shim=shim.identity
        )
        ended = await self._watch_or_end(container)
        if ended is not None:
            self._exits.put_nowait(ended)
        return Started(started_at=container.started_at)

    def _started_before(self, directory: Path) -> StartResult:
        ended = read_exit_record(directory)
        if ended is not None and ended.start_failure:
            return StartFailed(message=ended.start_failure)
        shim = read_shim_record(directory)
        if shim is None:
            return StartFailed(message="an earlier attempt to start it got nowhere")
        return Started(started_at=time_of(shim.started_ns))

    async def terminate(self, key: ContainerKey) -> None:
        self._signal(key, signal.SIGTERM)

    async def kill(self, key: ContainerKey) -> None:
        self._signal(key, KILL_ALL)

    def _signal(self, key: ContainerKey, number: signal.Signals) -> None:
        shim = self._shims.get(key)
        if shim is None:
            return
        try:
            signal.pidfd_send_signal(shim.pidfd, number)
        except ProcessLookupError:
            # It has ended and the event loop has not come to it yet.
            return

    async def exec(self, key: ContainerKey, argv: Sequence[str], timeout_s: float) -> ExecResult:
        if key not in self._shims:
            return ExecResult(exit_code=126, output="the container is not running")
        try:
            answer = await self._spawner.execute(self._directory(key), list(argv), timeout_s)
        except OSError as error:
            return ExecResult(exit_code=126, output=str(error))
        if answer is None or "exit_code" not in answer:
            return ExecResult(exit_code=126, output="the command could not be started")
        return ExecResult(**answer)

    async def exits(self) -> AsyncIterator[ContainerExit]:
        while True:
            ended = await self._exits.get()
            if ended.key.pod_uid in self._pods:
                yield ended

    async def recover(self) -> Sequence[FoundPod]:
        await self._spawner.lock()
        pods = await asyncio.to_thread(read_pods, self._root)
        found: list[FoundPod] = []
        for pod in pods:
            self._pods.add(pod.uid)
            containers = [
                FoundContainer(
                    key=container.key,
                    started_at=container.started_at,
                    exit=await self._watch_or_end(container),
                )
                for container in pod.containers
            ]
            found.append(
                FoundPod(
                    uid=pod.uid,
                    namespace=pod.namespace,
                    name=pod.name,
                    pod_ip=pod.pod_ip,
                    containers=containers,
                )
            )
        if self._networks is not None:
            await self._networks.keep(self._pods)
        return found

    async def release_pod(self, uid: str) -> None:
        if self._networks is not None:
            await self._networks.detach(uid)
        await asyncio.to_thread(self._remove_cgroups, uid)

    def _remove_cgroups(self, uid: str) -> None:
        for entry in cgroup_entries(PodPaths(self._root, uid).directory.glob("containers/*/*")):
            remove_entry(entry, kept=())
        if self._cgroups is not None:
            self._cgroups.remove_pod(uid)

    async def remove_container(self, key: ContainerKey) -> None:
        await asyncio.to_thread(self._remove_container, key)

    def _remove_container(self, key: ContainerKey) -> None:
        paths = PodPaths(self._root, key.pod_uid)
        kept = self._cgroups.pod_groups(key.pod_uid) if self._cgroups is not None else ()
        for entry in cgroup_entries([paths.container(key)]):
            remove_entry(entry, kept)
        if self._cgroups is not None:
            self._cgroups.remove_container(key)
        remove_tree(paths.container(key))
        for file in paths.log(key).parent.glob(f"{key.attempt}.log*"):
            file.unlink()

    async def remove_pod(self, uid: str) -> None:
        self._pods.discard(uid)
        starting = [task for key, task in self._starting.items() if key.pod_uid == uid]
        await asyncio.gather(*starting, return_exceptions=True)
        keys = [key for key in self._shims if key.pod_uid == uid]
        await asyncio.gather(*(self._end(key, self._shims[key]) for key in keys))
        await self.release_pod(uid)
        await asyncio.to_thread(self._sweep, uid)

    async def _end(self, key: ContainerKey, shim: _Shim) -> None:
        for number in (KILL_ALL, signal.SIGKILL):
            self._signal(key, number)
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await shim.ended.wait()
            except TimeoutError:
                continue
            return

    def _sweep(self, uid: str) -> None:
        """Blocking. All shims are dead; what they could not take along goes now."""
        paths = PodPaths(self._root, uid)
        if not self._confinement.isolates:
            kill_marked(POD_DIRECTORY_VARIABLE, paths.directory)
        # Without its record a directory is no pod any more: one that is half removed when the
        # agent is killed is not taken for a pod by the next.
        try:
            paths.sandbox_record.unlink(missing_ok=True)
        except IsADirectoryError:
            # A program's, which sees the folder where it is not in a sandbox.
            remove_tree(paths.sandbox_record)
        remove_tree(paths.directory)

    async def close(self) -> None:
        for task in (*self._starting.values(), *self._endings):
            task.cancel()
        for key in list(self._shims):
            self._forget(key)
        await self._spawner.close()
        if self._networks is not None:
            await self._networks.close()

    def _directory(self, key: ContainerKey) -> Path:
        return PodPaths(self._root, key.pod_uid).container(key)

    async def _watch_or_end(self, container: RecordedContainer) -> ContainerExit | None:
        """Its end, if that is already here; else hear of it later."""
        pidfd = open_process(container.shim) if container.shim is not None else None
        if pidfd is None:
            return await self._exit_of(container)
        self._shims[container.key] = _Shim(pidfd)
        asyncio.get_running_loop().add_reader(pidfd, self._on_end, container)
        return None

    def _on_end(self, container: RecordedContainer) -> None:
        asyncio.get_running_loop().remove_reader(self._shims[container.key].pidfd)
        task = asyncio.create_task(self._end_of(container))
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def _end_of(self, container: RecordedContainer) -> None:
        try:
            ended = await self._exit_when_readable(container)
        finally:
            self._forget(container.key)
        self._exits.put_nowait(ended)

    async def _exit_when_readable(self, container: RecordedContainer) -> ContainerExit:
        while True:
            try:
                return await self._exit_of(container)
            except OSError as error:
                # Out of descriptors, say. Nobody else will tell of this end.
                _log.warning("the end of %s cannot be read yet: %s", container.key, error)
            await self._clock.sleep(_RETRY_S)

    async def _exit_of(self, container: RecordedContainer) -> ContainerExit:
        paths, now = PodPaths(self._root, container.key.pod_uid), self._clock.now()
        directory = paths.container(container.key)
        if read_exit_record(directory) is None:
            return await asyncio.to_thread(self._exit_of_killed, paths, container, now)
        return container_exit(paths, container.key, container.started_at, now)

    def _exit_of_killed(
        self, paths: PodPaths, container: RecordedContainer, now: datetime
    ) -> ContainerExit:
        """Blocking. In a sandbox the end of its shim takes all others along."""
        if not self._confinement.isolates:
            kill_marked(CONTAINER_DIRECTORY_VARIABLE, paths.container(container.key))
        return container_exit(paths, container.key, container.started_at, now)

    def _forget(self, key: ContainerKey) -> None:
        shim = self._shims.pop(key, None)
        if shim is None:
            # The runtime was closed while the end was being read.
            return
        asyncio.get_running_loop().remove_reader(shim.pidfd)
        try:
            # Shims become our children where this process is a subreaper or process 1.
            os.waitid(os.P_PIDFD, shim.pidfd, os.WEXITED | os.WNOHANG)
        except ChildProcessError:
            pass
        os.close(shim.pidfd)
        shim.ended.set()
