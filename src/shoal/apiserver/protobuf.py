"""Protobuf request bodies to JSON objects: kubectl 1.32 and newer create built-in kinds this way.

Only requests are read; answers stay JSON, which every client accepts. The body is `k8s\\0` and a
runtime.Unknown message that names the kind and holds its bytes. `data/protobuf_fields.json` says
for each message which number is which JSON field; a message's row is compiled when it is first
met. Go writes fields without a pointer even when they are zero, and those are dropped again, so
that the object looks as if it had come as JSON. No message of the table contains itself, so a body
cannot nest deeper than the table.

Source of the numbers and of the special types: Kubernetes v1.36, generated.proto of k8s.io/api.
"""

import base64
import importlib.resources
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any

import msgspec

from shoal.api.meta import micro_timestamp, timestamp
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError, bad_request, unsupported_media_type

MAGIC = b"k8s\0"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Field(msgspec.Struct, array_like=True, frozen=True):
    """One row of the table."""

    number: int
    name: str
    wire: str
    type: str
    flags: str

    @property
    def keeps_zero(self) -> bool:
        return "p" in self.flags or "k" in self.flags


class _Table(msgspec.Struct, frozen=True):
    messages: dict[str, msgspec.Raw]


class _Malformed(Exception):
    """The bytes are not what the table says."""


_Value = int | bytes
"""What stands on the wire: a number, or a run of bytes."""


def decode(body: bytes) -> JsonObject:
    """The object in a protobuf body.

    Raises ApiError: 400 for bytes that are no such message, 415 for a kind without a table.
    """
    if not body.startswith(MAGIC):
        raise _refused("the body does not start with the protobuf prefix")
    try:
        envelope = _by_number(body[len(MAGIC) :])
        type_meta = _by_number(_run(envelope.get(1, b"")))
        api_version = _text(type_meta.get(1, b""))
        kind = _text(type_meta.get(2, b""))
        message = _message_name(api_version, kind)
        obj = _object(_run(envelope.get(2, b"")), message)
    except _Malformed as error:
        raise _refused(str(error)) from error
    return {"apiVersion": api_version, "kind": kind, **obj}


def _refused(why: str) -> ApiError:
    return bad_request(f"unable to decode the protobuf body: {why}")


def _message_name(api_version: str, kind: str) -> str:
    group, _, version = api_version.rpartition("/")
    # The table's groups are the Go packages: the first label of a group of Kubernetes' own.
    if "." not in group or group.endswith(".k8s.io"):
        messages = _table().messages
        for name in (f"{group.split('.')[0] or 'core'}/{version}.{kind}", f"meta/v1.{kind}"):
            if name in messages:
                return name
    raise unsupported_media_type(
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json, application/yaml"
    )


@cache
def _table() -> _Table:
    path = importlib.resources.files("shoal.apiserver").joinpath("data/protobuf_fields.json")
    return msgspec.json.decode(path.read_bytes(), type=_Table)


@lru_cache(maxsize=512)
def _fields(message: str) -> dict[int, _Field]:
    rows = msgspec.json.decode(_table().messages[message], type=list[_Field])
    return {row.number: row for row in rows}


# Messages


def _object(data: bytes, message: str) -> JsonObject:
    fields = _fields(message)
    result: JsonObject = {}
    for number, value in _records(data):
        field = fields.get(number)
        if field is None:
            continue
        if "m" in field.flags:
            key, item = _map_entry(_run(value), field)
            result.setdefault(field.name, {})[key] = item
        elif "r" in field.flags:
            items: list[Any] = result.setdefault(field.name, [])
            items.extend(_items(value, field))
        elif "i" in field.flags:
            result.update(_object(_run(value), field.type))
        else:
            single = _single(value, field.type)
            # A time that is not set has no JSON form but null, which says no more than absence.
            if single is not None and (single or field.keeps_zero):
                result[field.name] = single
    return result


def _map_entry(data: bytes, field: _Field) -> tuple[str, Any]:
    entry = _by_number(data)
    key = _text(entry.get(1, b""))
    value = entry.get(2, b"")
    if "l" in field.flags:
        return key, [_text(item) for number, item in _records(_run(value)) if number == 1]
    return key, _single(value, field.type)


def _items(value: _Value, field: _Field) -> list[Any]:
    if isinstance(value, bytes) and field.type in ("int32", "int64", "bool"):
        return [_single(number, field.type) for number in _packed(value)]
    return [_single(value, field.type)]


def _single(value: _Value, type: str) -> Any:
    match type:
        case "string":
            return _text(value)
        case "int32" | "int64":
            return _signed(_number(value))
        case "bool":
            return _number(value) != 0
        case "[]byte":
            return base64.b64encode(_run(value)).decode()
        case "resource.Quantity":
            return _text(_by_number(_run(value)).get(1, b"")) or "0"
        case "util/intstr.IntOrString":
            return _int_or_string(_by_number(_run(value)))
        case "meta/v1.Time":
            moment = _moment(_by_number(_run(value)))
            return timestamp(moment) if moment else None
        case "meta/v1.MicroTime":
            moment = _moment(_by_number(_run(value)))
            return micro_timestamp(moment) if moment else None
        case "runtime.RawExtension" | "meta/v1.FieldsV1":
            return _raw_json(_run(_by_number(_run(value)).get(1, b"")))
        case message:
            return _object(_run(value), message)


def _int_or_string(fields: dict[int, _Value]) -> int | str:
    if _number(fields.get(1, 0)) == 1:
        return _text(fields.get(3, b""))
    return _signed(_number(fields.get(2, 0)))


def _moment(fields: dict[int, _Value]) -> datetime | None:
    if not fields:
        return None
    seconds = _signed(_number(fields.get(1, 0)))
    microseconds = _signed(_number(fields.get(2, 0))) // 1000
    try:
        return _EPOCH + timedelta(seconds=seconds, microseconds=microseconds)
    except OverflowError as error:
        raise _Malformed("a time is out of range") from error


def _raw_json(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data) if data else None
    except msgspec.DecodeError as error:
        raise _Malformed("a raw value is not JSON") from error


# The wire: each record is a tag (field number and wire type), then a varint (type 0), 8 bytes (1),
# a length and that many bytes (2), or 4 bytes (5)


def _records(data: bytes) -> Iterator[tuple[int, _Value]]:
    """(field number, value) in order; values of fixed width are stepped over, none is known."""
    position, end = 0, len(data)
    while position < end:
        tag, position = _varint(data, position)
        match tag & 7:
            case 0:
                number, position = _varint(data, position)
                yield tag >> 3, number
            case 2:
                size_bytes, position = _varint(data, position)
                if position + size_bytes > end:
                    raise _Malformed("a field is longer than its message")
                yield tag >> 3, data[position : position + size_bytes]
                position += size_bytes
            case 1:
                position += 8
            case 5:
                position += 4
            case wire:
                raise _Malformed(f"unknown wire type {wire}")


def _by_number(data: bytes) -> dict[int, _Value]:
    return dict(_records(data))


def _packed(data: bytes) -> Iterator[int]:
    position = 0
    while position < len(data):
        number, position = _varint(data, position)
        yield number


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while position < len(data) and shift < 70:
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7
    raise _Malformed("a number does not end")


def _signed(number: int) -> int:
    number &= (1 << 64) - 1
    return number - (1 << 64) if number >> 63 else number


def _number(value: _Value) -> int:
    if isinstance(value, bytes):
        raise _Malformed("bytes where a number belongs")
    return value


def _run(value: _Value) -> bytes:
    if isinstance(value, int):
        raise _Malformed("a number where bytes belong")
    return value


def _text(value: _Value) -> str:
    try:
        return _run(value).decode()
    except UnicodeDecodeError as error:
        raise _Malformed("a string is not UTF-8") from error
