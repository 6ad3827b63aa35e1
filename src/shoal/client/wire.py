"""The JSON of Kubernetes responses, to typed objects and back: pure.

Lists and watch lines are decoded straight to the resource's type; nothing is parsed twice but a
watch line's envelope.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec
import orjson

from shoal.api.meta import Object, timestamp
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.client.indexer import resource_version_of
from shoal.client.protocol import DeleteOptions, LogOptions, ObjectList, WatchEvent, WatchEventType

T = TypeVar("T")

_INITIAL_END = "k8s.io/initial-events-end"
_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    continue_token: str = msgspec.field(name="continue", default="")
    # `remainingItemCount` is not read.


class _WireList(msgspec.Struct, Generic[T]):
    items: list[T] | None = None
    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)


class _WireEvent(msgspec.Struct):
    type: str
    object: msgspec.Raw


_bookmarks = msgspec.json.Decoder(Object)
_events = msgspec.json.Decoder(_WireEvent)


@lru_cache(maxsize=256)
def _decoder(type: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(type)


@lru_cache(maxsize=256)
def _list_decoder(type: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(_WireList[type])


def decode(type: type[T], content: bytes) -> T:
    return _decoder(type).decode(content)


def decode_list(type: type[T], content: bytes) -> ObjectList[T]:
    found = _list_decoder(type).decode(content)
    return ObjectList(
        found.items or [], found.metadata.resource_version, found.metadata.continue_token
    )


def decode_event(type: type[T], line: bytes) -> WatchEvent[T]:
    """Raises ApiError for an ERROR event."""
    event = _events.decode(line)
    if event.type == "ERROR":
        raise ApiError.from_status(orjson.loads(bytes(event.object)))
    if event.type == "BOOKMARK":
        metadata = _bookmarks.decode(event.object).metadata
        return WatchEvent(
            WatchEventType.BOOKMARK,
            None,
            metadata.resource_version,
            metadata.annotations.get(_INITIAL_END) == "true",
        )
    obj = decode(type, bytes(event.object))
    return WatchEvent(WatchEventType(event.type), obj, resource_version_of(obj))


def decode_error(code: int, content: bytes) -> ApiError:
    """A Status, or whatever a proxy says instead of one."""
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        answer = None
    if isinstance(answer, dict) and answer.get("kind") == "Status":
        return ApiError.from_status(answer, code)
    text = content.decode("utf-8", "replace").strip() or f"the server answered {code}"
    return ApiError(code, _REASONS.get(code, "Unknown"), text)


def encode(body: Any) -> bytes:
    """Mappings and sequences of any type."""
    return orjson.dumps(body, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in a JSON body")


def delete_body(options: DeleteOptions) -> JsonObject:
    body: JsonObject = {"kind": "DeleteOptions", "apiVersion": "v1"}
    if options.grace_period_s is not None:
        body["gracePeriodSeconds"] = options.grace_period_s
    if options.propagation:
        body["propagationPolicy"] = options.propagation
    preconditions = {"uid": options.uid, "resourceVersion": options.resource_version}
    if any(preconditions.values()):
        body["preconditions"] = {field: value for field, value in preconditions.items() if value}
    return body


def log_query(options: LogOptions) -> dict[str, str]:
    query: dict[str, Any] = {
        "container": options.container,
        "follow": "true" if options.follow else "",
        "previous": "true" if options.previous else "",
        "timestamps": "true" if options.timestamps else "",
        "tailLines": options.tail_lines,
        "sinceSeconds": options.since_s,
        "sinceTime": timestamp(options.since_time) if options.since_time is not None else "",
        "limitBytes": options.limit_bytes,
    }
    return {name: str(value) for name, value in query.items() if value not in ("", None)}
