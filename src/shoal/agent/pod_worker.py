"""The shell around one pod's life cycle: feeds it events, one at a time, and carries out its
actions, each in a task of its own whose result is the next event.

A worker that failed can be run again: it takes up the state where it was, and asks again for
what was under way (`lifecycle.core.outstanding`), which the runtime answers without doing it
twice.
"""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, assert_never

from shoal.agent.checks import Checked
from shoal.agent.container_spec import make_sandbox
from shoal.agent.container_start import start_container
from shoal.agent.downward import NodeFacts
from shoal.agent.hosts_file import keep_hosts
from shoal.agent.lifecycle.core import handle, next_wake, outstanding
from shoal.agent.lifecycle.messages import (
    Action,
    DeletionRequested,
    HookEnded,
    HookKind,
    KillContainer,
    LifecycleEvent,
    ObjectGone,
    Prepared,
    PrepareFailed,
    PreparePod,
    RecordEvent,
    RemoveContainer,
    RemovePod,
    RunHook,
    StartContainer,
    StorageExceeded,
    TerminateContainer,
    Tick,
)
from shoal.agent.lifecycle.pod import PodStage, PodState
from shoal.agent.limitations import NOT_HONOURED, limitations
from shoal.agent.node_context import NodeContext
from shoal.agent.pod_status import Addresses, compose
from shoal.agent.pod_volumes import PodVolumes
from shoal.agent.prober import Prober
from shoal.agent.runtime.paths import UNUSABLE
from shoal.agent.status_writer import StatusWriter
from shoal.agent.storage_limits import LOOK_S, excess, has_storage_limits, measure
from shoal.agent.volumes.plan import VolumeProblem
from shoal.api.core import EventType
from shoal.api.pod import PODS, Pod
from shoal.api.status import ApiError
from shoal.base.backoff import Backoff
from shoal.client.protocol import ConnectionFailed, DeleteOptions

_log = logging.getLogger(__name__)
VOLUME_REFRESH_S = 60.0
_DELETE_RETRY = Backoff(initial_s=0.2, max_s=10.0)
# A postStart hook may take as long as it likes; its container's end ends it.
_HOOK_TIMEOUT_S = 86400.0


class PodWorker:
    """`run` returns when nothing is left of the pod on this node."""

    def __init__(self, pod: Pod, state: PodState, facts: NodeFacts, context: NodeContext) -> None:
        self._pod = pod
        self._state = state
        self._facts = facts
        self._context = context
        self._inbox: asyncio.Queue[LifecycleEvent] = asyncio.Queue()
        self._writer = StatusWriter(pod, context.client, context.clock)
        self._volumes = PodVolumes(
            context.references, context.paths(pod.metadata.uid), context.ca_pem, context.clock
        )
        self._places: dict[str, Path] = {}
        self._prober = Prober(
            pod, facts.pod_ip, context.checks, context.clock, self.tell, self._record
        )
        self._wanted_grace_s: float | None = None
        self._alarm: tuple[datetime, asyncio.Task[None]] | None = None
        self._preparing: asyncio.Task[None] | None = None
        self._prepared = asyncio.Event()
        self._hooks: set[asyncio.Task[None]] = set()
        self._removal: RemovePod | None = None
        self._hosts: asyncio.Task[None] | None = None
        self._is_letting_go = False
        self._is_hurried = asyncio.Event()

    @property
    def pod(self) -> Pod:
        return self._pod

    @property
    def state(self) -> PodState:
        return self._state

    def observe(self, pod: Pod) -> None:
        """The pod as the API has it now."""
        self._pod = pod
        if not pod.is_deleting:
            return
        grace_s = float(pod.metadata.deletion_grace_period_seconds or 0)
        if self._wanted_grace_s is None or grace_s < self._wanted_grace_s:
            self._wanted_grace_s = grace_s
            self.tell(DeletionRequested(grace_s=grace_s))

    def tell(self, event: LifecycleEvent) -> None:
        self._inbox.put_nowait(event)
        if isinstance(event, DeletionRequested | ObjectGone):
            self._is_hurried.set()

    async def wait_hurried(self) -> None:
        """Until somebody wants the pod gone who has not been waited for before."""
        await self._is_hurried.wait()
        self._is_hurried.clear()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._hosts = group.create_task(self._keep_hosts())
            side_tasks = [
                self._hosts,
                group.create_task(self._writer.run()),
                group.create_task(self._keep_volumes()),
                group.create_task(self._watch_storage()),
            ]
            self._prober.stop()
            for action in outstanding(self._state):
                self._carry_out(action, group)
            self.tell(Tick())
            while self._removal is None:
                self._turn(await self._inbox.get(), group)
            self._prober.stop()
            self._set_alarm(None, group)
            await self._writer.wait_written()
            await self._end_tasks(side_tasks)
            await self._remove(self._removal)

    def _turn(self, event: LifecycleEvent, group: asyncio.TaskGroup) -> None:
        now = self._context.clock.now()
        self._state, actions = handle(self._state, event, now)
        for action in actions:
            self._carry_out(action, group)
        if self._state.is_prepared:
            self._prepared.set()
        if self._state.stage is PodStage.STOPPED and not self._is_letting_go:
            self._is_letting_go = True
            group.create_task(self._let_go())
        self._prober.follow(self._state, group)
        self._set_alarm(next_wake(self._state, now), group)
        # What is already waiting will change the status again; write it once.
        if self._inbox.empty() or self._removal is not None:
            self._writer.post(self._status(now))

    def _status(self, now: datetime) -> dict[str, Any]:
        addresses = Addresses(host_ip=self._context.host_ip, pod_ip=self._facts.pod_ip)
        return compose(self._pod, self._state, addresses, self._writer.written, now)

    def _carry_out(self, action: Action, group: asyncio.TaskGroup) -> None:
        runtime = self._context.runtime
        work: Coroutine[Any, Any, None]
        match action:
            case PreparePod():
                self._preparing = group.create_task(self._prepare())
                return
            case StartContainer():
                work = self._start(action)
            case RunHook():
                hook = group.create_task(self._run_hook(action))
                self._hooks.add(hook)
                hook.add_done_callback(self._hooks.discard)
                return
            case TerminateContainer(key=key):
                work = runtime.terminate(key)
            case KillContainer(key=key):
                work = runtime.kill(key)
            case RemoveContainer(key=key):
                work = runtime.remove_container(key)
            case RecordEvent():
                self._record(action)
                return
            case RemovePod():
                self._removal = action
                return
            case _:
                assert_never(action)
        group.create_task(work)

    async def _prepare(self) -> None:
        async with self._context.starts:
            self.tell(await self._set_up())

    async def _set_up(self) -> Prepared | PrepareFailed:
        try:
            self._places = await self._volumes.make(self._pod, self._facts)
            names = self._context.names.entries(self._pod.metadata.namespace)
            sandbox = make_sandbox(self._pod, self._facts.pod_ip, names)
            await self._context.runtime.prepare_pod(sandbox)
        except VolumeProblem as problem:
            return PrepareFailed(
                reason="FailedMount",
                message=problem.message,
                waiting_reason=problem.waiting_reason,
            )
        except (ApiError, ConnectionFailed) as error:
            return PrepareFailed(reason="FailedMount", message=str(error))
        except UNUSABLE as error:
            return PrepareFailed(reason="FailedCreatePodSandBox", message=str(error))
        for message in limitations(self._pod, self._context.runtime.capabilities):
            self._record(RecordEvent(type=EventType.WARNING, reason=NOT_HONOURED, message=message))
        return Prepared()

    async def _start(self, action: StartContainer) -> None:
        async with self._context.starts:
            answer = await start_container(
                self._context, action.key, self._pod, self._facts, self._places
            )
        self.tell(answer)

    async def _run_hook(self, action: RunHook) -> None:
        containers = (*self._pod.spec.init_containers, *self._pod.spec.containers)
        container = next(c for c in containers if c.name == action.key.container)
        lifecycle = container.lifecycle
        assert lifecycle is not None
        is_start = action.hook is HookKind.POST_START
        handler = lifecycle.post_start if is_start else lifecycle.pre_stop
        assert handler is not None
        result = await self._context.checks.run_hook(
            Checked(key=action.key, container=container, pod_ip=self._facts.pod_ip),
            handler,
            _HOOK_TIMEOUT_S if action.timeout_s is None else action.timeout_s,
        )
        error = "" if result.is_success else result.message or "failed"
        self.tell(HookEnded(key=action.key, hook=action.hook, error=error))

    async def _keep_hosts(self) -> None:
        context = self._context
        await self._prepared.wait()
        await keep_hosts(
            lambda: self._pod, self._facts.pod_ip, context.names, context.runtime, context.clock
        )

    async def _let_go(self) -> None:
        """Nothing of the pod runs any more. While its object is kept, it needs neither names nor
        what the machine has not much of."""
        if self._preparing is not None:
            await asyncio.wait((self._preparing,))
        if self._hosts is not None:
            self._hosts.cancel()
        await self._context.runtime.release_pod(self._pod.metadata.uid)

    async def _keep_volumes(self) -> None:
        while True:
            await self._context.clock.sleep(VOLUME_REFRESH_S)
            if not self._state.is_prepared or not self._volumes.is_refresh_due(self._pod):
                continue
            try:
                await self._volumes.refresh(self._pod, self._facts)
            except (VolumeProblem, ApiError, ConnectionFailed, *UNUSABLE) as error:
                # What is there stays; the next round tries again.
                _log.info("volumes of pod %s stay as they are: %s", self._pod.metadata.key, error)

    async def _watch_storage(self) -> None:
        if not has_storage_limits(self._pod):
            return
        paths = self._context.paths(self._pod.metadata.uid)
        while True:
            await self._context.clock.sleep(LOOK_S)
            if self._state.is_prepared:
                use = await asyncio.to_thread(measure, self._pod, paths)
                if message := excess(self._pod, use):
                    self.tell(StorageExceeded(message=message))

    async def _end_tasks(self, side_tasks: Sequence[asyncio.Task[None]]) -> None:
        """Nothing may write into the pod's directory once it is being removed."""
        if self._preparing is not None:
            await asyncio.wait((self._preparing,))
        for task in (*side_tasks, *self._hooks):
            task.cancel()
        await self._volumes.wait_quiet()

    async def _remove(self, removal: RemovePod) -> None:
        """Processes first, then the object: a pod that is gone from the API runs nowhere."""
        metadata = self._pod.metadata
        await self._clear_machine(metadata.uid)
        failures = 0
        while removal.deletes_object:
            try:
                await self._context.client.delete(
                    PODS,
                    metadata.name,
                    metadata.namespace,
                    DeleteOptions(grace_period_s=0, uid=metadata.uid),
                )
                return
            except ConnectionFailed:
                failures += 1
            except ApiError as error:
                if error.is_not_found or error.is_conflict:
                    return
                _log.warning("pod %s cannot be deleted: %s", metadata.key, error)
                failures += 1
            await self._context.clock.sleep(_DELETE_RETRY.delay_s(failures))

    async def _clear_machine(self, uid: str) -> None:
        failures = 0
        while True:
            try:
                await self._context.runtime.remove_pod(uid)
                return
            except OSError as error:
                failures += 1
                if failures == 1:
                    key = self._pod.metadata.key
                    _log.warning("what is left of pod %s cannot be removed: %s", key, error)
            await self._context.clock.sleep(_DELETE_RETRY.delay_s(failures))

    def _record(self, event: RecordEvent) -> None:
        self._context.record(self._pod, event)

    def _set_alarm(self, wake: datetime | None, group: asyncio.TaskGroup) -> None:
        if self._alarm is not None:
            time, task = self._alarm
            if time == wake and not task.done():
                return
            task.cancel()
            self._alarm = None
        if wake is not None:
            self._alarm = (wake, group.create_task(self._ring(wake)))

    async def _ring(self, wake: datetime) -> None:
        delay_s = (wake - self._context.clock.now()).total_seconds()
        await self._context.clock.sleep(delay_s)
        self.tell(Tick())
