"""A client whose watches of one collection bring nothing: what a controller sees of it stays as it
was when it began."""

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


@asynccontextmanager
async def _silence() -> AsyncGenerator[AsyncIterator[Any]]:
    yield _nothing()


async def _nothing() -> AsyncIterator[Any]:
    await asyncio.Event().wait()
    yield
