"""The scheduler as a service: informers feed the core, the dispatcher carries its effects out.

News first: everything that was watched is taken in before the next batch of cycles, and the event
loop gets a turn after each batch, so neither watches nor bindings starve while thousands of pods
wait. Decisions run on the event loop; they are short.
"""

import asyncio
from collections import deque
from functools import partial
from typing import Any

from shoal.api.node import NODES, Node
from shoal.api.pod import PODS, Pod
from shoal.api.resource import Resource
from shoal.base.clock import Clock
from shoal.client.discovery import discover
from shoal.client.events import EventRecorder
from shoal.client.informer import Informer, InformerSet
from shoal.client.protocol import Client
from shoal.scheduler.core import Scheduler
from shoal.scheduler.dispatcher import Dispatcher
from shoal.scheduler.events import (
    NodeAdded,
    NodeDeleted,
    NodeUpdated,
    ObjectChanged,
    PodAdded,
    PodDeleted,
    PodUpdated,
    SchedulerEvent,
    Tick,
)
from shoal.scheduler.extenders import Extenders
from shoal.scheduler.fairness.rules import Rules
from shoal.scheduler.framework.cluster_event import is_kubernetes_own

BATCH_CYCLES = 64
MAX_BACKLOG = 2000
"""Pods being bound at once; the scheduler waits rather than run further ahead."""
_LONG_BATCH_S = 0.5
"""Only a plugin that does not come back makes a batch so long."""
_LONGEST_PAUSE_S = 10.0
_FULL_BACKLOG_S = 0.01
"""Between two looks at a full backlog: not every call that ends is news."""


class SchedulerLoop:
    """`informers` must be running, or be started, by the caller, and so must `recorder`."""

    def __init__(
        self,
        scheduler: Scheduler,
        client: Client,
        informers: InformerSet,
        recorder: EventRecorder,
        clock: Clock,
        extenders: Extenders | None = None,
    ) -> None:
        self._scheduler = scheduler
        scheduler.gangs.rounds.stopwatch = clock.monotonic
        self._clock = clock
        self._inbox: deque[SchedulerEvent] = deque()
        self._has_news = asyncio.Event()
        self._dispatcher = Dispatcher(client, recorder, clock, self._receive, extenders=extenders)
        nodes, pods = informers.informer(NODES), informers.informer(PODS)
        nodes.add_handler(self._node_changed)
        pods.add_handler(self._pod_changed)
        self._client = client
        self._informer_set = informers
        self._informers: list[Informer[Any]] = [nodes, pods]
        self._needs = list(scheduler.needs)

    async def run(self) -> None:
        """Returns only when cancelled."""
        await self._follow_needs()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._dispatcher.run())
            # Placing pods before all others are known would count too little on the nodes.
            for informer in self._informers:
                await informer.wait_synced()
            while True:
                self._has_news.clear()
                self._take_news()
                begun_s = self._clock.monotonic()
                rest_s = self._run_batch()
                took_s = self._clock.monotonic() - begun_s
                if took_s > _LONG_BATCH_S:
                    # The API server and everybody else are on this thread: they get as long.
                    await self._clock.sleep(min(took_s, _LONGEST_PAUSE_S))
                elif rest_s == 0:
                    await asyncio.sleep(0)
                else:
                    await self._rest(rest_s)

    def set_rules(self, rules: Rules) -> None:
        """How queues and gangs are treated from now on."""
        self._scheduler.set_rules(rules)
        self._has_news.set()

    async def _follow_needs(self) -> None:
        """Watch what plugins need. A collection that this server does not serve holds nothing, so
        nobody waits for it; one that others may yet define is news when they do."""
        served = {each.resource.group_resource for each in await discover(self._client)}
        while self._needs:
            resource = self._needs.pop()
            if resource.group_resource not in served and is_kubernetes_own(resource):
                continue
            informer = self._informer_set.informer(resource)
            informer.add_handler(partial(self._object_changed, resource))
            if resource.group_resource in served:
                self._informers.append(informer)

    def _take_news(self) -> None:
        # What was told at once happened at once, so that equal pods of a burst stand together.
        now = self._clock.now()
        while self._inbox:
            self._dispatcher.submit(self._scheduler.handle(self._inbox.popleft(), now))

    def _run_batch(self) -> float | None:
        """Decide what is due; for how many seconds there is nothing to do afterwards, None: until
        there is news."""
        if self._dispatcher.backlog >= MAX_BACKLOG:
            return _FULL_BACKLOG_S
        # One look at the clock: what falls due between two would be found by neither.
        now = self._clock.now()
        wake_at = self._scheduler.next_wake(now)
        if wake_at is None:
            return None
        if wake_at > now:
            return (wake_at - now).total_seconds()
        self._dispatcher.submit(self._scheduler.handle(Tick(BATCH_CYCLES), now))
        return 0

    async def _rest(self, limit_s: float | None) -> None:
        """Until there is news, for so many seconds at most."""
        if limit_s is None:
            await self._has_news.wait()
            return
        waits: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self._has_news.wait()),
            asyncio.ensure_future(self._clock.sleep(limit_s)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _receive(self, event: SchedulerEvent) -> None:
        self._inbox.append(event)
        self._has_news.set()

    def _object_changed(self, resource: Resource[Any], before: Any, after: Any) -> None:
        self._receive(ObjectChanged(resource, before, after))

    def _node_changed(self, before: Node | None, after: Node | None) -> None:
        if after is None:
            assert before is not None
            self._receive(NodeDeleted(before.metadata.name))
        else:
            self._receive(NodeUpdated(after) if before else NodeAdded(after))

    def _pod_changed(self, before: Pod | None, after: Pod | None) -> None:
        if after is None:
            assert before is not None
            self._receive(PodDeleted(before))
        else:
            self._receive(PodUpdated(after) if before else PodAdded(after))
