"""Carries the core's effects out through the client, and reports what became of bindings.

Calls about one pod go one after the other, in order; a call that a newer one makes pointless is
dropped before it is made. Calls about different pods go at the same time, as many as there are
workers. Failures of bindings return as events; a condition that cannot be written is given up,
because the next attempt writes another.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import assert_never

from shoal.api.meta import ObjectMeta, timestamp
from shoal.api.pod import PODS
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.base.backoff import Backoff
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.protocol import Client, ConnectionFailed, DeleteOptions, PatchType
from shoal.scheduler.binding_steps import BindingSteps, StepFailed
from shoal.scheduler.effects import (
    AskExtenders,
    AwaitBoundClaims,
    Bind,
    ClearNomination,
    Effect,
    Evict,
    PatchPod,
    PodRef,
    RecordEvent,
    SetCondition,
    WriteStatus,
)
from shoal.scheduler.events import BindFailed, BindSucceeded, EvictFailed, ExtendersAnswered
from shoal.scheduler.extenders import ExtenderError, Extenders

_log = logging.getLogger(__name__)

DEFAULT_WORKERS = 64
_NOTE_LIMIT_BYTES = 1024
_RETRIES = 4
_RETRY_BACKOFF = Backoff(initial_s=0.1, max_s=2.0)
_RETRIED_REASONS = frozenset(("Conflict", "InternalError", "ServiceUnavailable", "TooManyRequests"))

Call = Bind | SetCondition | Evict | ClearNomination | PatchPod | AskExtenders | WriteStatus
"""Effects that are calls to the API server, or to extenders."""

Report = Callable[[BindSucceeded | BindFailed | EvictFailed | ExtendersAnswered], None]


class Dispatcher:
    def __init__(
        self,
        client: Client,
        recorder: EventRecorder,
        clock: Clock,
        report: Report,
        workers: int = DEFAULT_WORKERS,
        extenders: Extenders | None = None,
    ) -> None:
        """`report` gets the outcome of each binding, evictions that failed, and the answers of
        extenders; it must not wait."""
        self._client = client
        self._recorder = recorder
        self._clock = clock
        self._report = report
        self._steps = BindingSteps(client, clock)
        self._workers = workers
        self._extenders = extenders
        self._calls: dict[str, list[Call]] = {}
        """By uid: calls not begun yet. A pod is here until its last call has ended."""
        self._ready: asyncio.Queue[str] = asyncio.Queue()

    @property
    def backlog(self) -> int:
        """Pods with calls that have not ended."""
        return len(self._calls)

    def submit(self, wanted: Iterable[Effect]) -> None:
        """Take effects over; returns at once."""
        for effect in wanted:
            if isinstance(effect, RecordEvent):
                self._record(effect)
            else:
                self._enqueue(effect)

    async def run(self) -> None:
        """Returns only when cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work(group))

    async def _work(self, group: asyncio.TaskGroup) -> None:
        while True:
            uid = await self._ready.get()
            if any(_takes_long(call) for call in self._calls[uid]):
                group.create_task(self._work_off(uid))
            else:
                await self._work_off(uid)

    async def _work_off(self, uid: str) -> None:
        calls = self._calls[uid]
        while calls:
            await self._carry_out(calls.pop(0))
        del self._calls[uid]

    def _enqueue(self, call: Call) -> None:
        uid = call.pod.uid
        calls = self._calls.get(uid)
        if calls is None:
            self._calls[uid] = [call]
            self._ready.put_nowait(uid)
            return
        if isinstance(call, AskExtenders | PatchPod):
            calls.append(call)
            return
        if isinstance(call, WriteStatus):
            calls[:] = [call]  # What is not written yet says less.
            return
        # A condition that has not been written yet says less than what is written later.
        unwritten = [each for each in calls if isinstance(each, SetCondition)]
        calls[:] = [each for each in calls if not isinstance(each, SetCondition)]
        calls.append(_merged(unwritten[-1], call) if unwritten else call)

    async def _carry_out(self, call: Call) -> None:
        match call:
            case Bind():
                await self._bind(call)
            case SetCondition():
                await self._best_effort(call.pod, lambda: self._set_condition(call))
            case Evict():
                if not await self._best_effort(call.pod, lambda: self._evict(call)):
                    self._report(EvictFailed(call.pod))
            case ClearNomination():
                cleared: JsonObject = {"nominatedNodeName": None}
                await self._best_effort(call.pod, lambda: self._patch_status(call.pod, cleared))
            case PatchPod():
                await self._best_effort(call.pod, lambda: self._steps.carry_out(call))
            case WriteStatus():
                await self._best_effort(call.pod, lambda: self._write_status(call))
            case AskExtenders():
                assert self._extenders is not None
                self._report(await self._extenders.ask(call))
            case _:
                assert_never(call)

    async def _bind(self, bind: Bind) -> None:
        pod = bind.pod
        try:
            for step in bind.before:
                await self._steps.carry_out(step)
            if not await self._is_bound_by_extender(bind):
                await self._client.call(PODS, pod.name, "binding", _binding(bind), pod.namespace)
        except ExtenderError as error:
            self._report(BindFailed(pod, bind.node_name, str(error)))
        except StepFailed as error:
            self._report(BindFailed(pod, bind.node_name, str(error)))
        except (ApiError, ConnectionFailed) as error:
            text = f'running Bind plugin "{bind.plugin}": {error}'
            self._report(BindFailed(pod, bind.node_name, text))
        else:
            self._report(BindSucceeded(pod, bind.node_name))

    async def _is_bound_by_extender(self, bind: Bind) -> bool:
        """Raises ExtenderError."""
        if bind.extender is None:
            return False
        assert self._extenders is not None
        return await self._extenders.bind(bind)

    async def _best_effort(self, pod: PodRef, call: Callable[[], Awaitable[object]]) -> bool:
        """Whether the call was made."""
        for attempt in range(1, _RETRIES + 1):
            try:
                await call()
            except ApiError as error:
                if error.reason not in _RETRIED_REASONS:
                    _log.debug("pod %s: %s", pod, error)
                    return False
            except ConnectionFailed as error:
                _log.debug("pod %s: %s", pod, error)
            else:
                return True
            await self._clock.sleep(_RETRY_BACKOFF.delay_s(attempt))
        _log.warning("gave up a call about pod %s", pod)
        return False

    async def _set_condition(self, wanted: SetCondition) -> None:
        status: JsonObject = {"conditions": [_pod_scheduled(wanted)]}
        if wanted.nominated_node_name is not None:
            status["nominatedNodeName"] = wanted.nominated_node_name or None
        await self._patch_status(wanted.pod, status)

    async def _write_status(self, wanted: WriteStatus) -> None:
        ref = wanted.pod
        await self._client.patch(
            wanted.resource,
            ref.name,
            {"metadata": {"uid": ref.uid}, **wanted.patch},
            ref.namespace,
            type=PatchType.MERGE,
            subresource="status" if wanted.is_subresource else "",
        )

    async def _evict(self, evict: Evict) -> None:
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": evict.reason,
            "message": evict.message,
            "lastTransitionTime": timestamp(self._clock.now()),
        }
        await self._patch_status(evict.pod, {"conditions": [condition]})
        pod = evict.pod
        await self._client.delete(PODS, pod.name, pod.namespace, DeleteOptions(uid=pod.uid))

    async def _patch_status(self, pod: PodRef, status: JsonObject) -> None:
        await self._client.patch(
            PODS,
            pod.name,
            {"metadata": {"uid": pod.uid}, "status": status},
            pod.namespace,
            type=PatchType.STRATEGIC,
            subresource="status",
        )

    def _record(self, event: RecordEvent) -> None:
        pod = event.pod
        metadata = ObjectMeta(namespace=pod.namespace, name=pod.name, uid=pod.uid)
        note = _shortened(event.note)
        self._recorder.record(
            event.resource, metadata, event.type, event.reason, note, component=event.component
        )


def _merged(unwritten: SetCondition, call: Call) -> Call:
    """What follows a condition that was not written, with what that says of nominations."""
    match call:
        case SetCondition(nominated_node_name=None):
            return replace(call, nominated_node_name=unwritten.nominated_node_name)
        case ClearNomination():
            return replace(unwritten, nominated_node_name="")
        case _:
            return call


def _takes_long(call: Call) -> bool:
    """Whether it must not keep a worker from other pods' calls."""
    if not isinstance(call, Bind):
        return isinstance(call, AskExtenders)
    return call.extender is not None or any(
        isinstance(step, AwaitBoundClaims) for step in call.before
    )


def _binding(bind: Bind) -> JsonObject:
    pod = bind.pod
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
        "target": {"kind": "Node", "name": bind.node_name},
    }


def _pod_scheduled(wanted: SetCondition) -> JsonObject:
    condition: JsonObject = {
        "type": "PodScheduled",
        "status": "False",
        "reason": wanted.reason,
        "message": wanted.message,
        "lastProbeTime": None,
        "lastTransitionTime": timestamp(wanted.transition_time),
    }
    if wanted.observed_generation:
        condition["observedGeneration"] = wanted.observed_generation
    return condition


def _shortened(note: str) -> str:
    """Notes of Events have a limit; the whole text is in the pod's condition."""
    encoded = note.encode()
    if len(encoded) <= _NOTE_LIMIT_BYTES:
        return note
    return encoded[: _NOTE_LIMIT_BYTES - 4].decode(errors="ignore") + " ..."
