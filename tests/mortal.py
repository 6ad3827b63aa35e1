"""Controllers that are killed: lives of them on a cluster in memory, on virtual time.

A `MortalClient` lets so many writes through and then never answers again, as if its process had
been killed; the next life starts from what the API holds.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from shoal.base.clock import VirtualClock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.controllers.runner import Controller
from tests.waiting import eventually

Factory = Callable[[Client, InformerSet, EventRecorder, VirtualClock], Controller]


class MortalClient:
    """The last write that it lets through is carried out, but its answer does not arrive."""

    def __init__(self, client: Client, writes: int) -> None:
        self._client = client
        self._left = writes
        self.has_died = False
        self.written = 0
        """Writes that were carried out."""

    def __getattr__(self, name: str) -> Any:
        """Reads go through."""
        return getattr(self._client, name)

    async def create(self, *args: Any, **kwargs: Any) -> Any:
        return await self._write(self._client.create, *args, **kwargs)

    async def replace(self, *args: Any, **kwargs: Any) -> Any:
        return await self._write(self._client.replace, *args, **kwargs)

    async def patch(self, *args: Any, **kwargs: Any) -> Any:
        return await self._write(self._client.patch, *args, **kwargs)

    async def delete(self, *args: Any, **kwargs: Any) -> Any:
        return await self._write(self._client.delete, *args, **kwargs)

    async def _write(self, call: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        if self._left > 0:
            self._left -= 1
            answer = await call(*args, **kwargs)
            self.written += 1
            if self._left > 0:
                return answer
        self.has_died = True
        return await asyncio.Event().wait()


@asynccontextmanager
async def life(client: Client, clock: VirtualClock, *factories: Factory) -> AsyncGenerator[None]:
    """One life of some controllers; what they tell people is written whether they die or not."""
    informers = InformerSet(client, clock, random.Random(0))
    recorder = EventRecorder(getattr(client, "_client", client), "test", clock)
    controllers = [factory(client, informers, recorder, clock) for factory in factories]
    tasks = [asyncio.create_task(informers.run()), asyncio.create_task(recorder.run())]
    await informers.wait_synced()
    tasks += [asyncio.create_task(controller.run()) for controller in controllers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def in_time(
    clock: VirtualClock, look: Callable[[], Awaitable[Any]], what: str, step_s: float = 0.5
) -> Any:
    """The first true answer, while time passes."""

    async def passing() -> Any:
        await clock.advance(step_s)
        return await look()

    return await eventually(passing, what, pause_s=0)
