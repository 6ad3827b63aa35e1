"""A cluster in memory with nodes, on virtual time, for controllers that make pods.

A stand-in for scheduler and agents places pods, makes them ready and lets deleted ones go; tests
hold pods back or make them fail by name.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from shoal.api.core import EVENTS
from shoal.api.meta import timestamp
from shoal.api.node import NODES
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.base.clock import VirtualClock
from shoal.client.protocol import Client, DeleteOptions
from shoal.controllers.kube.daemon_set_pods import node_of
from shoal.testing.builders import make_node
from shoal.testing.cluster import memory_cluster
from tests.mortal import Factory, in_time, life

NS = "default"
LABELS = {"app": "web"}


class Site:
    def __init__(self, client: Client, clock: VirtualClock) -> None:
        self.client = client
        self.clock = clock
        self.held: set[str] = set()
        """Names of pods that never become ready."""
        self.kept: set[str] = set()
        """Names of pods that take their time to end."""
        self.made: list[str] = []
        """Names of pods in the order of their first sight."""
        self.ready_before: dict[str, set[str]] = {}
        """Which pods were ready when a pod was first seen."""

    async def node(self, name: str, **labels: str) -> None:
        await self.client.create(NODES, make_node(name).labels(**labels).manifest())

    async def pods(self) -> dict[str, Pod]:
        found = (await self.client.list(PODS, NS)).items
        return {pod.metadata.name: pod for pod in sorted(found, key=lambda p: p.metadata.name)}

    async def act(self) -> None:
        """One round of what scheduler and agents would do."""
        pods = await self.pods()
        ready = {name for name, pod in pods.items() if pod.is_ready and not pod.is_deleting}
        for name, pod in pods.items():
            if name not in self.made:
                self.made.append(name)
                self.ready_before[name] = ready
            try:
                await self._act_on(pod)
            except ApiError as error:
                if not (error.is_not_found or error.is_conflict):
                    raise

    async def _act_on(self, pod: Pod) -> None:
        name = pod.metadata.name
        if pod.is_deleting:
            if name not in self.kept:
                gone = DeleteOptions(grace_period_s=0)
                await self.client.delete(PODS, name, NS, gone)
        elif not pod.spec.node_name:
            node = node_of(pod) or (await self.client.list(NODES)).items[0].metadata.name
            target = {"apiVersion": "v1", "kind": "Node", "name": node}
            await self.client.call(PODS, name, "binding", {"target": target}, NS)
        elif name not in self.held and not pod.is_ready and not pod.is_finished:
            await self.say(name, "Running", is_ready=True)

    async def say(self, name: str, phase: str, *, is_ready: bool = False) -> None:
        """What an agent would write about a pod."""
        ready = {
            "type": "Ready",
            "status": "True" if is_ready else "False",
            "lastTransitionTime": timestamp(self.clock.now()),
        }
        status = {"phase": phase, "conditions": [ready]}
        await self.client.patch(PODS, name, {"status": status}, NS, subresource="status")

    async def until(
        self, look: Callable[[], Awaitable[Any]], what: str, step_s: float = 0.5
    ) -> Any:
        async def acting() -> Any:
            await self.act()
            return await look()

        return await in_time(self.clock, acting, what, step_s)

    async def settle(self, rounds: int = 20, step_s: float = 0.5) -> None:
        """Some time in which nothing in particular is awaited."""
        for _ in range(rounds):
            await self.act()
            await self.clock.advance(step_s)
            for _ in range(20):
                await asyncio.sleep(0)

    async def told(self) -> list[tuple[str, str]]:
        return [(e.reason, e.message) for e in (await self.client.list(EVENTS)).items]

    def controllers(self, *factories: Factory, client: Any = None) -> Any:
        return life(client or self.client, self.clock, *factories)


def workload(kind: str, *, image: str = "a", name: str = "web", **spec: Any) -> JsonObject:
    """A manifest of an apps/v1 kind."""
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": LABELS}, "template": template(image), **spec},
    }


def template(image: str) -> JsonObject:
    return {
        "metadata": {"labels": LABELS},
        "spec": {"containers": [{"name": "c", "image": image}]},
    }


@asynccontextmanager
async def site(*nodes: str) -> AsyncGenerator[Site]:
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        each = Site(cluster.client, clock)
        for name in nodes or ("n",):
            await each.node(name)
        yield each
