"""The `Client` protocol: how every part of Shoal meets the Kubernetes API.

Two implementations: `client.http` speaks to any API server, `apiserver.local` calls the embedded
server's handlers in process. Objects are decoded to the resource's type; bodies are plain dicts.
Whatever the server refuses is raised as `shoal.api.status.ApiError`; a connection that fails is
raised as `ConnectionFailed`.

Contract of both: tests/contract/test_client.py.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from shoal.api.resource import JsonObject, Resource

T = TypeVar("T")
Body = Mapping[str, Any]


class ConnectionFailed(Exception):
    """The server could not be reached, or hung up."""


class PatchType(StrEnum):
    """Values are the content types on the wire."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


class WatchEventType(StrEnum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"
    BOOKMARK = "BOOKMARK"


class WatchEvent(msgspec.Struct, Generic[T], frozen=True):
    """A change, or a bookmark. A bookmark's object is None."""

    type: WatchEventType
    object: T | None
    resource_version: str
    is_initial_end: bool = False
    """Bookmark that ends the initial events of a watch list."""


class ObjectList(msgspec.Struct, Generic[T], frozen=True):
    items: Sequence[T]
    resource_version: str
    continue_token: str = ""


class DeleteOptions(msgspec.Struct, frozen=True):
    grace_period_s: int | None = None
    propagation: str | None = None
    """Background, Foreground or Orphan; None is the server's default."""
    uid: str = ""
    """Precondition; empty for none."""
    resource_version: str = ""
    """Precondition; empty for none."""


class LogOptions(msgspec.Struct, frozen=True):
    container: str = ""
    follow: bool = False
    previous: bool = False
    tail_lines: int | None = None
    since_s: int | None = None
    """Only what was written in the last so many seconds."""
    timestamps: bool = False
    limit_bytes: int | None = None
    since_time: datetime | None = None
    """Only what was written from then on; not together with `since_s`."""


class Client(Protocol):
    """The Kubernetes API as a caller sees it.

    An empty namespace in `get` and the like is that of cluster-wide kinds. Every method raises
    ApiError or ConnectionFailed.
    """

    async def get(self, resource: Resource[T], name: str, namespace: str = "") -> T: ...

    async def list(
        self,
        resource: Resource[T],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
        resource_version: str = "",
    ) -> ObjectList[T]:
        """One page. An empty namespace lists all namespaces."""
        ...

    async def create(
        self,
        resource: Resource[T],
        body: Body,
        namespace: str = "",
        *,
        dry_run: bool = False,
        strict: bool = False,
    ) -> T:
        """`strict` refuses fields that the kind does not have; else they are dropped."""
        ...

    async def replace(
        self,
        resource: Resource[T],
        body: Body,
        name: str,
        namespace: str = "",
        *,
        subresource: str = "",
        dry_run: bool = False,
    ) -> T:
        """Compare-and-set where the body has a metadata.resourceVersion."""
        ...

    async def patch(
        self,
        resource: Resource[T],
        name: str,
        patch: Body | Sequence[Body],
        namespace: str = "",
        *,
        type: PatchType = PatchType.MERGE,
        subresource: str = "",
        dry_run: bool = False,
        strict: bool = False,
    ) -> T: ...

    async def delete(
        self,
        resource: Resource[Any],
        name: str,
        namespace: str = "",
        options: DeleteOptions = DeleteOptions(),
    ) -> None: ...

    async def delete_collection(
        self,
        resource: Resource[Any],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        options: DeleteOptions = DeleteOptions(),
    ) -> None: ...

    async def call(
        self,
        resource: Resource[Any],
        name: str,
        subresource: str,
        body: Body,
        namespace: str = "",
    ) -> JsonObject:
        """POST to a subresource that is an action: `binding`, `eviction`, `token`."""
        ...

    def watch(
        self,
        resource: Resource[T],
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        send_initial_events: bool = False,
        timeout_s: int | None = None,
    ) -> AbstractAsyncContextManager[AsyncIterator[WatchEvent[T]]]:
        """Bookmarks are always asked for. Iterating raises ApiError where the server ends the
        watch with an error (410 Expired), and just stops where the stream ends."""
        ...

    def logs(
        self, name: str, namespace: str, options: LogOptions = LogOptions()
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """A pod's log, in pieces as they come."""
        ...

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        accept: str = "application/json",
    ) -> JsonObject:
        """Anything else that is answered in JSON: discovery, tables, version, raw paths."""
        ...

    async def close(self) -> None: ...
