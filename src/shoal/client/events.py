"""`EventRecorder`: notes for people about objects, written as core/v1 Events.

`record` never waits: what is recorded goes to `run`, which writes the notes about several objects
at once and those about one in their order; how many may wait is bounded. The same note about the
same object within a window makes no new Event; it counts up the one there is.
Source of the format: Kubernetes v1.36, core/v1, and client-go, tools/record.
"""

import asyncio
import logging
import zlib
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

import msgspec

from shoal.api.core import EVENTS, EventType
from shoal.api.meta import ObjectMeta, timestamp
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.base.backoff import Backoff
from shoal.base.clock import Clock
from shoal.client.protocol import Client, ConnectionFailed

_log = logging.getLogger(__name__)

AGGREGATION_WINDOW = timedelta(minutes=10)
_MAX_WAITING = 10_000
_WRITERS = 16
"""Writes under way at once: enough to share the store's fsyncs, few enough to leave room."""
_MAX_REMEMBERED = 4096
_MAX_ATTEMPTS = 12
_RETRY_BACKOFF = Backoff(initial_s=0.5, max_s=10.0)


class _Note(msgspec.Struct, frozen=True):
    """What makes two recordings the same."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    field_path: str
    type: EventType
    reason: str
    message: str
    component: str


class _Waiting(msgspec.Struct, frozen=True):
    """A note on its way."""

    note: _Note
    resource_version: str
    """Of the object, when it was recorded."""
    recorded_at: datetime


class _Written(msgspec.Struct):
    """The Event that stands for a note."""

    event_name: str
    count: int
    last: datetime


class EventRecorder:
    def __init__(self, client: Client, component: str, clock: Clock, host: str = "") -> None:
        """`component` is who is speaking: `default-scheduler`, `kubelet`."""
        self._client = client
        self._component = component
        self._clock = clock
        self._host = host
        self._lanes = [asyncio.Queue[_Waiting]() for _ in range(_WRITERS)]
        """The notes about one object wait in one lane."""
        self._written: OrderedDict[_Note, _Written] = OrderedDict()
        self._dropped = 0
        self._last_nanos = 0

    def record(
        self,
        resource: Resource[Any],
        metadata: ObjectMeta,
        type: EventType,
        reason: str,
        message: str,
        *,
        field_path: str = "",
        component: str = "",
    ) -> None:
        """`reason` is a CamelCase word, `field_path` names a part of the object
        (`spec.containers{main}`), `component` speaks instead of the recorder's. Dropped, with a log
        line, when the queue is full."""
        note = _Note(
            resource.api_version,
            resource.kind,
            metadata.namespace,
            metadata.name,
            metadata.uid,
            field_path,
            type,
            reason,
            message,
            component or self._component,
        )
        if sum(lane.qsize() for lane in self._lanes) >= _MAX_WAITING:
            if self._dropped == 0:
                _log.warning("events are recorded faster than they can be written: dropping some")
            self._dropped += 1
            return
        lane = self._lanes[zlib.crc32(f"{note.namespace}/{note.name}".encode()) % _WRITERS]
        lane.put_nowait(_Waiting(note, metadata.resource_version, self._clock.now()))

    async def run(self) -> None:
        """Writes what is recorded; returns only when cancelled."""
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(self._write_all(lane))

    async def _write_all(self, lane: "asyncio.Queue[_Waiting]") -> None:
        while True:
            each = await lane.get()
            try:
                await self._write(each.note, each.resource_version, each.recorded_at)
            finally:
                lane.task_done()

    async def flush(self) -> None:
        """Return when everything recorded so far has been written or given up."""
        for lane in self._lanes:
            await lane.join()

    async def _write(self, note: _Note, resource_version: str, now: datetime) -> None:
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            try:
                await self._write_once(note, resource_version, now)
            except ConnectionFailed:
                await self._clock.sleep(_RETRY_BACKOFF.delay_s(attempt))
            except ApiError as error:
                # A namespace that is going away takes no events: nothing to be done about it.
                _log.debug("event %s of %s: %s", note.reason, note.name, error)
                return
            else:
                return
        _log.warning("gave up writing event %s of %s", note.reason, note.name)

    async def _write_once(self, note: _Note, resource_version: str, now: datetime) -> None:
        written = self._written.get(note)
        if written is not None and now - written.last <= AGGREGATION_WINDOW:
            try:
                await self._count_up(note, written, now)
            except ApiError as error:
                if not error.is_not_found:
                    raise
            else:
                return
        body = self._body(note, resource_version, now)
        await self._client.create(EVENTS, body, body["metadata"]["namespace"])
        self._remember(note, _Written(body["metadata"]["name"], 1, now))

    async def _count_up(self, note: _Note, written: _Written, now: datetime) -> None:
        changes = {"count": written.count + 1, "lastTimestamp": timestamp(now)}
        await self._client.patch(EVENTS, written.event_name, changes, note.namespace or "default")
        self._remember(note, _Written(written.event_name, written.count + 1, now))

    def _remember(self, note: _Note, written: _Written) -> None:
        self._written[note] = written
        self._written.move_to_end(note)
        if len(self._written) > _MAX_REMEMBERED:
            self._written.popitem(last=False)

    def _body(self, note: _Note, resource_version: str, now: datetime) -> JsonObject:
        involved = {
            "apiVersion": note.api_version,
            "kind": note.kind,
            "namespace": note.namespace,
            "name": note.name,
            "uid": note.uid,
            "resourceVersion": resource_version,
            "fieldPath": note.field_path,
        }
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{note.name}.{self._next_nanos(now):x}",
                "namespace": note.namespace or "default",
            },
            "involvedObject": {field: value for field, value in involved.items() if value},
            "reason": note.reason,
            "message": note.message,
            "type": note.type,
            "source": {"component": note.component} | ({"host": self._host} if self._host else {}),
            "firstTimestamp": timestamp(now),
            "lastTimestamp": timestamp(now),
            "count": 1,
            "reportingComponent": note.component,
            "reportingInstance": self._host,
        }

    def _next_nanos(self, now: datetime) -> int:
        """The time in ns, as names of Events end with; never the same twice."""
        nanos = int(now.timestamp() * 1_000_000) * 1000
        self._last_nanos = max(nanos, self._last_nanos + 1)
        return self._last_nanos
