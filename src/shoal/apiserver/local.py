"""`LocalClient`: the `Client` protocol straight onto the handlers, without HTTP.

Bodies are copied once, because handlers edit them; answers are decoded from the stored bytes to
the resource's type. Nothing else of a request remains.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

import msgspec
import orjson

from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError, method_not_allowed
from shoal.apiserver import selection as selecting
from shoal.apiserver.core import Core
from shoal.apiserver.creating import create
from shoal.apiserver.deleting import delete, delete_collection
from shoal.apiserver.encoding import present
from shoal.apiserver.exchange import Endpoint, Request
from shoal.apiserver.patching import patch
from shoal.apiserver.reading import get, list_values
from shoal.apiserver.requests import (
    Deletion,
    FieldValidation,
    ListOptions,
    Target,
    WatchOptions,
    WriteOptions,
    Written,
)
from shoal.apiserver.routing import unknown_path
from shoal.apiserver.served import Served
from shoal.apiserver.subresources.actions import call_subresource
from shoal.apiserver.subresources.logs import open_log
from shoal.apiserver.subresources.scale import patch_scale, replace_scale
from shoal.apiserver.updating import replace
from shoal.apiserver.watching import Change, ObjectWatch
from shoal.client.protocol import (
    Body,
    DeleteOptions,
    LogOptions,
    ObjectList,
    PatchType,
    WatchEvent,
)

T = TypeVar("T")


def _write_options(dry_run: bool, strict: bool) -> WriteOptions:
    validation = FieldValidation.STRICT if strict else FieldValidation.IGNORE
    return WriteOptions(dry_run, validation)


class LocalClient:
    """Implements `client.protocol.Client` in the server's own process."""

    def __init__(self, core: Core, endpoints: Endpoint) -> None:
        """`endpoints` answers raw requests."""
        self._core = core
        self._endpoints = endpoints

    async def get(self, resource: Resource[T], name: str, namespace: str = "") -> T:
        return _decode(resource.type, get(self._core, self._target(resource, namespace, name)))

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
        target = self._target(resource, namespace)
        selection = selecting.parse(target.served, label_selector, field_selector)
        options = ListOptions(selection, limit, continue_token, resource_version)
        listed = list_values(self._core, target, options)
        items = [_decode(resource.type, present(target.served, v)) for v in listed.values]
        return ObjectList(items, str(listed.revision), listed.continue_token)

    async def create(
        self,
        resource: Resource[T],
        body: Body,
        namespace: str = "",
        *,
        dry_run: bool = False,
        strict: bool = False,
    ) -> T:
        target = self._target(resource, namespace)
        options = _write_options(dry_run, strict)
        written = await create(self._core, target, _copy(body), options)
        return _decode(resource.type, written.value)

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
        target = self._target(resource, namespace, name, subresource)
        verb = replace_scale if subresource == "scale" else replace
        options = _write_options(dry_run, strict=False)
        return _decode(resource.type, (await verb(self._core, target, _copy(body), options)).value)

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
        target = self._target(resource, namespace, name, subresource)
        options = _write_options(dry_run, strict)
        written = await self._patch(target, type, patch, options)
        return _decode(resource.type, written.value)

    async def _patch(
        self, target: Target, type: PatchType, body: object, options: WriteOptions
    ) -> Written:
        verb = patch_scale if target.subresource == "scale" else patch
        return await verb(self._core, target, type, body, options)

    async def delete(
        self,
        resource: Resource[Any],
        name: str,
        namespace: str = "",
        options: DeleteOptions = DeleteOptions(),
    ) -> None:
        await delete(self._core, self._target(resource, namespace, name), _deletion(options))

    async def delete_collection(
        self,
        resource: Resource[Any],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        options: DeleteOptions = DeleteOptions(),
    ) -> None:
        target = self._target(resource, namespace)
        selection = selecting.parse(target.served, label_selector, field_selector)
        await delete_collection(self._core, target, selection, _deletion(options))

    async def call(
        self,
        resource: Resource[Any],
        name: str,
        subresource: str,
        body: Body,
        namespace: str = "",
    ) -> JsonObject:
        target = self._target(resource, namespace, name, subresource)
        return await call_subresource(self._core, target, _copy(body), dry_run=False)

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
        target = self._target(resource, namespace)
        options = WatchOptions(
            selecting.parse(target.served, label_selector, field_selector),
            resource_version,
            timeout_s,
            allow_bookmarks=True,
            send_initial_events=send_initial_events,
        )
        watch = ObjectWatch(self._core, target, options)
        events = _events(resource.type, target.served, watch)
        try:
            yield events
        finally:
            watch.close()
            await events.aclose()

    @asynccontextmanager
    async def logs(
        self, name: str, namespace: str, options: LogOptions = LogOptions()
    ) -> AsyncGenerator[AsyncIterator[bytes]]:
        served = self._find("", "v1", "pods")
        yield open_log(self._core, Target(served, namespace, name, "log"), options)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        accept: str = "application/json",
    ) -> JsonObject:
        content = b"" if body is None else orjson.dumps(body)
        headers = {"accept": accept, "content-type": "application/json"}
        response = await self._endpoints.answer(
            Request(method, path, urlencode(query or {}), headers, content)
        )
        answer: JsonObject = orjson.loads(response.body)
        if response.status >= 400:
            raise ApiError.from_status(answer, response.status)
        return answer

    async def close(self) -> None:
        """Nothing is held open: the handlers belong to the server."""

    def _find(self, group: str, version: str, plural: str) -> Served:
        served = self._core.registry.find(group, version, plural)
        if served is None:
            raise unknown_path()
        return served

    def _target(
        self, resource: Resource[Any], namespace: str, name: str = "", subresource: str = ""
    ) -> Target:
        served = self._find(resource.group, resource.version, resource.plural)
        if subresource and subresource not in served.subresources:
            raise unknown_path()
        if name and served.resource.namespaced and not namespace:
            raise method_not_allowed()
        return Target(served, namespace, name, subresource)


async def _events(
    type: type[T], served: Served, watch: ObjectWatch
) -> AsyncGenerator[WatchEvent[T]]:
    async for batch in watch.batches():
        for change in batch:
            yield _event(type, served, change)


def _event(type: type[T], served: Served, change: Change) -> WatchEvent[T]:
    obj = _decode(type, present(served, change.value)) if change.value else None
    return WatchEvent(change.type, obj, str(change.revision), change.is_initial_end)


def _copy(body: Body) -> JsonObject:
    """The handlers edit what they are given."""
    return orjson.loads(orjson.dumps(body))


def _deletion(options: DeleteOptions) -> Deletion:
    return Deletion(
        options.grace_period_s, options.propagation or "", options.uid, options.resource_version
    )


@lru_cache(maxsize=256)
def _decoder(type: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type)


def _decode(type: type[T], value: bytes) -> T:
    if cast(object, type) is JsonObject:
        return orjson.loads(value)
    return _decoder(type).decode(value)
