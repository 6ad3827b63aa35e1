"""`HttpClient`: the `Client` protocol over HTTP, to any Kubernetes API server.

Connections are kept and shared. A token that the server refuses is asked for anew once. What the
server says in a Status is raised as `ApiError`, what happens on the way as `ConnectionFailed`.
"""

import os
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from shoal.api.resource import JsonObject, Resource
from shoal.client import wire
from shoal.client.connection import Connection
from shoal.client.protocol import (
    Body,
    ConnectionFailed,
    DeleteOptions,
    LogOptions,
    ObjectList,
    PatchType,
    WatchEvent,
)

T = TypeVar("T")

FIELD_MANAGER = "shoal"

_CONNECT_TIMEOUT_S = 10.0
_ANSWER_TIMEOUT_S = 60.0
# A watch that the server should have ended is given this long before it counts as dead.
_WATCH_GRACE_S = 30.0
_JSON = "application/json"


class HttpClient:
    """Implements `client.protocol.Client`. Made inside a running event loop."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ssl = connection.ssl_context if connection.ssl_context is not None else True
        # Watches hold a connection each, without number; requests are bounded by their callers.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, limit_per_host=0, keepalive_timeout=60.0),
            auto_decompress=True,
        )

    async def get(self, resource: Resource[T], name: str, namespace: str = "") -> T:
        url = self._url(resource.path(namespace, quote(name, safe="")))
        return wire.decode(resource.type, await self._send("GET", url))

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
        query = {
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "limit": str(limit) if limit else "",
            "continue": continue_token,
            "resourceVersion": resource_version,
        }
        url = self._url(resource.path(namespace), query)
        return wire.decode_list(resource.type, await self._send("GET", url))

    async def create(
        self,
        resource: Resource[T],
        body: Body,
        namespace: str = "",
        *,
        dry_run: bool = False,
        strict: bool = False,
    ) -> T:
        url = self._url(resource.path(namespace), _write_query(dry_run, strict))
        return wire.decode(resource.type, await self._send("POST", url, body))

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
        path = resource.path(namespace, quote(name, safe=""), subresource)
        url = self._url(path, _write_query(dry_run))
        return wire.decode(resource.type, await self._send("PUT", url, body))

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
    ) -> T:
        query = _write_query(dry_run, strict)
        if type is PatchType.APPLY:
            query["force"] = "true"
        path = resource.path(namespace, quote(name, safe=""), subresource)
        content = await self._send("PATCH", self._url(path, query), patch, content_type=type.value)
        return wire.decode(resource.type, content)

    async def delete(
        self,
        resource: Resource[Any],
        name: str,
        namespace: str = "",
        options: DeleteOptions = DeleteOptions(),
    ) -> None:
        url = self._url(resource.path(namespace, quote(name, safe="")))
        await self._send("DELETE", url, wire.delete_body(options))

    async def delete_collection(
        self,
        resource: Resource[Any],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        options: DeleteOptions = DeleteOptions(),
    ) -> None:
        query = {"labelSelector": label_selector, "fieldSelector": field_selector}
        url = self._url(resource.path(namespace), query)
        await self._send("DELETE", url, wire.delete_body(options))

    async def call(
        self,
        resource: Resource[Any],
        name: str,
        subresource: str,
        body: Body,
        namespace: str = "",
    ) -> JsonObject:
        url = self._url(resource.path(namespace, quote(name, safe=""), subresource))
        return wire.decode(JsonObject, await self._send("POST", url, body))

    @asynccontextmanager
    async def watch(
        self,
        resource: Resource[T],
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        send_initial_events: bool = False,
        timeout_s: int | None = None,
    ) -> AsyncGenerator[AsyncIterator[WatchEvent[T]]]:
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "timeoutSeconds": "" if timeout_s is None else str(timeout_s),
        }
        if send_initial_events:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        total_s = None if timeout_s is None else timeout_s + _WATCH_GRACE_S
        url = self._url(resource.path(namespace), query)
        async with (
            self._stream(url, total_s) as chunks,
            aclosing(_events(resource.type, chunks)) as events,
        ):
            yield events

    @asynccontextmanager
    async def logs(
        self, name: str, namespace: str, options: LogOptions = LogOptions()
    ) -> AsyncGenerator[AsyncIterator[bytes]]:
        path = f"/api/v1/namespaces/{namespace}/pods/{quote(name, safe='')}/log"
        async with self._stream(self._url(path, wire.log_query(options)), None) as chunks:
            yield chunks

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        accept: str = _JSON,
    ) -> JsonObject:
        content = await self._send(method, self._url(path, query or {}), body, accept=accept)
        return wire.decode(JsonObject, content)

    async def close(self) -> None:
        await self._session.close()

    def _url(self, path: str, query: Mapping[str, str] | None = None) -> URL:
        """Parameters without a value are left out."""
        given = {name: value for name, value in (query or {}).items() if value}
        text = f"{self._connection.server}{path}"
        return URL(f"{text}?{urlencode(given)}" if given else text, encoded=True)

    async def _send(
        self,
        method: str,
        url: URL,
        body: Any = None,
        *,
        content_type: str = _JSON,
        accept: str = _JSON,
    ) -> bytes:
        """The body of a successful answer."""
        headers = {"Accept": accept}
        data: bytes | None = None
        if body is not None:
            data = wire.encode(body)
            headers["Content-Type"] = content_type
        timeout = aiohttp.ClientTimeout(total=_ANSWER_TIMEOUT_S, sock_connect=_CONNECT_TIMEOUT_S)
        with _translated(method, url):
            response = await self._respond(method, url, data, headers, timeout)
            async with response:
                content = await response.read()
        if response.status >= 400:
            raise wire.decode_error(response.status, content)
        return content

    @asynccontextmanager
    async def _stream(
        self, url: URL, total_s: float | None
    ) -> AsyncGenerator[AsyncGenerator[bytes]]:
        """The pieces of a successful answer, as they come."""
        timeout = aiohttp.ClientTimeout(total=total_s, sock_connect=_CONNECT_TIMEOUT_S)
        headers = {"Accept": f"{_JSON}, */*"}
        with _translated("GET", url):
            response = await self._respond("GET", url, None, headers, timeout)
        try:
            if response.status >= 400:
                with _translated("GET", url):
                    raise wire.decode_error(response.status, await response.read())
            async with aclosing(_chunks(response, url)) as chunks:
                yield chunks
        finally:
            # Not released: what the reader has not taken is of no use to anyone.
            response.close()

    async def _respond(
        self,
        method: str,
        url: URL,
        data: bytes | None,
        headers: dict[str, str],
        timeout: aiohttp.ClientTimeout,
    ) -> aiohttp.ClientResponse:
        """The answer, after a second try with a new token where the first was refused."""
        token = await self._connection.tokens.token()
        response = await self._open(method, url, data, headers, timeout, token)
        if response.status == 401 and token:
            renewed = await self._connection.tokens.token(refused=token)
            if renewed != token:
                response.release()
                return await self._open(method, url, data, headers, timeout, renewed)
        return response

    async def _open(
        self,
        method: str,
        url: URL,
        data: bytes | None,
        headers: dict[str, str],
        timeout: aiohttp.ClientTimeout,
        token: str,
    ) -> aiohttp.ClientResponse:
        if token:
            headers = headers | {"Authorization": f"Bearer {token}"}
        return await self._session.request(
            method,
            url,
            data=data,
            headers=headers,
            timeout=timeout,
            ssl=self._ssl,
            server_hostname=self._connection.server_name,
            proxy=self._connection.proxy,
        )


def _write_query(dry_run: bool, strict: bool = False) -> dict[str, str]:
    validation = "Strict" if strict else "Ignore"
    query = {"fieldManager": FIELD_MANAGER, "fieldValidation": validation}
    return query | {"dryRun": "All"} if dry_run else query


@contextmanager
def _translated(method: str, url: URL) -> Generator[None]:
    """What goes wrong on the way, as the protocol calls it."""
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ConnectionFailed(f"{method} {url.origin()}{url.path}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """In the operating system's words where it is its refusal, without Python's insides."""
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.errno:
        return os.strerror(error.os_error.errno)
    return str(error) or type(error).__name__


async def _chunks(response: aiohttp.ClientResponse, url: URL) -> AsyncGenerator[bytes]:
    while True:
        with _translated("GET", url):
            chunk = await response.content.readany()
        if not chunk:
            return
        yield chunk


async def _events(type: type[T], chunks: AsyncIterator[bytes]) -> AsyncGenerator[WatchEvent[T]]:
    """A line may be larger than any buffer, and a chunk may hold many lines."""
    rest: list[bytes] = []
    async for chunk in chunks:
        *lines, tail = chunk.split(b"\n")
        for line in lines:
            rest.append(line)
            whole = b"".join(rest)
            rest.clear()
            if whole.strip():
                yield wire.decode_event(type, whole)
        if tail:
            rest.append(tail)
