"""A runtime without processes, on any clock: what agents are tested with.

`FakeMachine` is what outlives an agent (containers that run, records of those that ended);
`FakeRuntime` is one agent's view of it. Containers do what their `Behaviour` says; by default
that is read off the command: `true`, `false`, `sleep N`, `sh -c "exit N"`; all else runs until
it is told to stop. Passes tests/contract/test_runtime.py, as the real ones do.
"""

import asyncio
import errno
import os
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

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
from shoal.base.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What a container will do."""

    runs_for_s: float | None = None
    """None runs until it is stopped."""
    exit_code: int = 0
    ignores_term: bool = False
    start_error: str = ""
    """Not empty: it cannot be started."""
    termination_message: str = ""
    is_oom_killed: bool = False


def read_command(argv: Sequence[str]) -> Behaviour:
    match list(argv):
        case ["true"]:
            return Behaviour(runs_for_s=0)
        case ["false"]:
            return Behaviour(runs_for_s=0, exit_code=1)
        case ["sleep", duration]:
            return Behaviour(runs_for_s=float(duration))
        case ["sh", "-c", script] if match := re.fullmatch(r"exit (\d+)", script):
            return Behaviour(runs_for_s=0, exit_code=int(match.group(1)))
        case _:
            return Behaviour()


@dataclass
class FakeContainer:
    spec: ContainerSpec
    started_at: datetime
    behaviour: Behaviour
    exit: ContainerExit | None = None
    task: asyncio.Task[None] | None = None


@dataclass
class FakeMachine:
    """Everything that an agent leaves behind."""

    clock: Clock
    behave: Callable[[ContainerSpec], Behaviour] = lambda spec: read_command(spec.argv)
    answer: Callable[[ContainerKey, Sequence[str]], ExecResult] = lambda key, argv: ExecResult(
        exit_code=read_command(argv).exit_code
    )
    """What a command executed in a container comes to."""
    pods: dict[str, PodSandbox] = field(default_factory=dict[str, PodSandbox])
    containers: dict[ContainerKey, FakeContainer] = field(
        default_factory=dict[ContainerKey, FakeContainer]
    )
    starts: list[ContainerKey] = field(default_factory=list[ContainerKey])
    """Every container that really was started, in order."""
    stuck: set[str] = field(default_factory=set[str])
    """Uids of pods whose files cannot be deleted."""
    released: set[str] = field(default_factory=set[str])
    """Uids of pods that are over, and need nothing but their records any more."""
    executed: list[tuple[ContainerKey, Sequence[str]]] = field(
        default_factory=list[tuple[ContainerKey, Sequence[str]]]
    )
    on_exit: Callable[[ContainerExit], None] | None = None
    """The present agent's ear."""

    def finish(self, key: ContainerKey, exit_code: int, signal: int = 0) -> None:
        """End a container that runs."""
        container = self.containers.get(key)
        if container is None or container.exit is not None:
            return
        if container.task is not None:
            container.task.cancel()
        container.exit = ContainerExit(
            key=key,
            exit_code=exit_code,
            signal=signal,
            started_at=container.started_at,
            finished_at=self.clock.now(),
            is_oom_killed=container.behaviour.is_oom_killed,
            termination_message=container.behaviour.termination_message,
        )
        if self.on_exit is not None:
            self.on_exit(container.exit)

    def running(self) -> list[ContainerKey]:
        return [key for key, container in self.containers.items() if container.exit is None]


class FakeRuntime:
    """A `Runtime` whose processes are entries of a `FakeMachine`."""

    def __init__(self, machine: FakeMachine) -> None:
        self._machine = machine
        self._exits: asyncio.Queue[ContainerExit] = asyncio.Queue()
        machine.on_exit = self._exits.put_nowait

    @property
    def name(self) -> str:
        return "fake"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            level="fake",
            isolates_mounts=True,
            isolates_processes=True,
            holds_memory=True,
            limits_cpu=True,
            limits_pids=True,
            changes_users=True,
            mounts_memory=False,
            user_id=0,
        )

    def honours(self, spec: ContainerSpec) -> Verdict:
        return Verdict()

    async def prepare_pod(self, pod: PodSandbox) -> None:
        self._machine.pods[pod.uid] = pod

    async def write_hosts(self, uid: str, text: str) -> bool:
        pod = self._machine.pods.get(uid)
        if pod is not None:
            self._machine.pods[uid] = replace(pod, hosts_text=text)
        return pod is not None

    async def release_pod(self, uid: str) -> None:
        self._machine.released.add(uid)

    async def start(self, spec: ContainerSpec) -> StartResult:
        machine = self._machine
        known = machine.containers.get(spec.key)
        if known is not None:
            return Started(started_at=known.started_at)
        behaviour = machine.behave(spec)
        if behaviour.start_error:
            return StartFailed(message=behaviour.start_error)
        container = FakeContainer(spec, machine.clock.now(), behaviour)
        machine.containers[spec.key] = container
        machine.starts.append(spec.key)
        if behaviour.runs_for_s is not None:
            container.task = asyncio.create_task(self._run(container, behaviour.runs_for_s))
        return Started(started_at=container.started_at)

    async def terminate(self, key: ContainerKey) -> None:
        container = self._machine.containers.get(key)
        if container is not None and not container.behaviour.ignores_term:
            self._machine.finish(key, 143, signal=15)

    async def kill(self, key: ContainerKey) -> None:
        self._machine.finish(key, 137, signal=9)

    async def exec(self, key: ContainerKey, argv: Sequence[str], timeout_s: float) -> ExecResult:
        machine = self._machine
        container = machine.containers.get(key)
        if container is None or container.exit is not None:
            return ExecResult(exit_code=126, output="the container is not running")
        machine.executed.append((key, argv))
        runs_for_s = read_command(argv).runs_for_s or 0.0
        await machine.clock.sleep(min(runs_for_s, timeout_s))
        if runs_for_s > timeout_s:
            return ExecResult(exit_code=137, is_timed_out=True)
        return machine.answer(key, argv)

    async def exits(self) -> AsyncIterator[ContainerExit]:
        while True:
            ended = await self._exits.get()
            if ended.key.pod_uid in self._machine.pods:
                yield ended

    async def recover(self) -> Sequence[FoundPod]:
        return [
            FoundPod(
                uid=pod.uid,
                namespace=pod.namespace,
                name=pod.name,
                pod_ip=pod.pod_ip,
                containers=[
                    FoundContainer(key=key, started_at=c.started_at, exit=c.exit)
                    for key, c in self._machine.containers.items()
                    if key.pod_uid == pod.uid
                ],
            )
            for pod in self._machine.pods.values()
        ]

    async def remove_container(self, key: ContainerKey) -> None:
        self._machine.containers.pop(key, None)

    async def remove_pod(self, uid: str) -> None:
        machine = self._machine
        for key in [key for key in machine.containers if key.pod_uid == uid]:
            machine.finish(key, 137, signal=9)
            del machine.containers[key]
        if uid in machine.stuck:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), uid)
        machine.pods.pop(uid, None)

    async def close(self) -> None:
        if self._machine.on_exit == self._exits.put_nowait:
            self._machine.on_exit = None

    async def _run(self, container: FakeContainer, runs_for_s: float) -> None:
        await self._machine.clock.sleep(runs_for_s)
        container.task = None
        self._machine.finish(container.spec.key, container.behaviour.exit_code)
