"""Clients that show one collection late: what a controller sees of it stays as it was when it
began, or as it was when the test began to hold it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from shoal.api.resource import Resource
from shoal.client.protocol import Client


class LaggingClient:
    def __init__(self, client: Client, late: Resource[Any]) -> None:
        self._client = client
        self._late = late

    def __getattr__(self, name: str) -> Any:
        """All else goes through."""
        return getattr(self._client, name)

    def watch(self, resource: Resource[Any], *args: Any, **kwargs: Any) -> Any:
        if resource.group_resource == self._late.group_resource:
            return _silence()
        return self._client.watch(resource, *args, **kwargs)


class HeldClient:
    """Lists and watches of one collection wait from `hold` to `let_go`."""

    def __init__(self, client: Client, late: Resource[Any]) -> None:
        self._client = client
        self._late = late
        self._is_open = asyncio.Event()
        self._is_open.set()

    def hold(self) -> None:
        self._is_open.clear()

    def let_go(self) -> None:
        self._is_open.set()

    def __getattr__(self, name: str) -> Any:
        """All else goes through."""
        return getattr(self._client, name)

    async def list(self, resource: Resource[Any], *args: Any, **kwargs: Any) -> Any:
        if resource.group_resource == self._late.group_resource:
            await self._is_open.wait()
        return await self._client.list(resource, *args, **kwargs)

    @asynccontextmanager
    async def watch(
        self, resource: Resource[Any], *args: Any, **kwargs: Any
    ) -> AsyncGenerator[AsyncIterator[Any]]:
        async with self._client.watch(resource, *args, **kwargs) as events:
            is_late = resource.group_resource == self._late.group_resource
            yield self._held(events) if is_late else events

    async def _held(self, events: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for event in events:
            await self._is_open.wait()
            yield event


@asynccontextmanager
async def _silence() -> AsyncGenerator[AsyncIterator[Any]]:
    yield _nothing()


async def _nothing() -> AsyncIterator[Any]:
    await asyncio.Event().wait()
    yield
