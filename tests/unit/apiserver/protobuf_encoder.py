"""The other direction, for tests: JSON objects to protobuf bodies as Go clients write them.

Driven by the same table as the decoder, and by the rule that Go writes what is no pointer even
when it is zero. `random_object` makes objects to send there and back.
"""

import base64
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import shoal.apiserver

Row = tuple[int, str, str, str, str]
TABLE: dict[str, list[Row]] = json.loads(
    (Path(shoal.apiserver.__file__).parent / "data/protobuf_fields.json").read_text()
)["messages"]


_RAW_JSON = ("runtime.RawExtension", "meta/v1.FieldsV1")


def encode(obj: dict[str, Any], message: str) -> bytes:
    rest = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind")}
    type_meta = _run(1, obj["apiVersion"].encode()) + _run(2, obj["kind"].encode())
    return b"k8s\0" + _run(1, type_meta) + _run(2, _message(rest, message)) + _run(3, b"")


def _message(obj: dict[str, Any], message: str) -> bytes:
    return b"".join(part for row in TABLE[message] for part in _field(obj, row))


def _field(obj: dict[str, Any], row: Row) -> Iterator[bytes]:
    number, name, _, value_type, flags = row
    if "i" in flags:
        yield _run(number, _message(obj, value_type))
    elif "m" in flags:
        for key, value in sorted(obj.get(name, {}).items()):
            values = [_run(1, item.encode()) for item in value] if "l" in flags else []
            item = _run(2, b"".join(values)) if "l" in flags else _value(2, value_type, value)
            yield _run(number, _run(1, key.encode()) + item)
    elif "r" in flags:
        for item in obj.get(name, []):
            yield _value(number, value_type, item)
    elif name in obj or "p" not in flags:
        yield _value(number, value_type, obj.get(name))


def _value(number: int, type: str, value: Any) -> bytes:
    match type:
        case "string":
            return _run(number, (value or "").encode())
        case "int32" | "int64" | "bool":
            return _int(number, int(value or 0))
        case "[]byte":
            return _run(number, base64.b64decode(value or ""))
        case "resource.Quantity":
            return _run(number, _run(1, (value or "").encode()))
        case "util/intstr.IntOrString":
            is_text = isinstance(value, str)
            text = value.encode() if is_text else b""
            whole = 0 if is_text else value or 0
            return _run(number, _int(1, int(is_text)) + _int(2, whole) + _run(3, text))
        case "meta/v1.Time" | "meta/v1.MicroTime":
            return _run(number, _moment(value) if value else b"")
        case "runtime.RawExtension" | "meta/v1.FieldsV1":
            return _run(number, _run(1, json.dumps(value).encode()) if value is not None else b"")
        case message:
            return _run(number, _message(value or {}, message))


def _moment(text: str) -> bytes:
    moment = datetime.fromisoformat(text)
    whole = moment.replace(microsecond=0)
    return _int(1, int(whole.timestamp())) + _int(2, moment.microsecond * 1000)


def _int(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value & (1 << 64) - 1)


def _run(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def random_object(rng: random.Random, message: str, depth: int = 0) -> dict[str, Any]:
    """An object with some of the message's fields, none of them a zero that JSON leaves out."""
    obj: dict[str, Any] = {}
    for _, name, _, value_type, flags in TABLE[message]:
        if "i" in flags:
            obj.update(random_object(rng, value_type, depth + 1))
            continue
        # What Go writes in any case comes back with its own zeros, so it is always there.
        is_message = value_type in TABLE and value_type not in _RAW_JSON
        is_message = is_message or value_type == "resource.Quantity"
        must = not value_type.endswith("Time") and (flags == "k" or (not flags and is_message))
        if not must and (depth > 6 or rng.random() < 0.5):
            continue
        if "m" in flags:
            is_list = "l" in flags
            value = ["a", "b"] if is_list else _random_value(rng, value_type, depth, "p")
            obj[name] = {"key": value, "other/key": value}
        elif "r" in flags:
            obj[name] = [
                _random_value(rng, value_type, depth, "p") for _ in range(rng.randint(1, 2))
            ]
        else:
            value = _random_value(rng, value_type, depth, flags)
            if value or flags:
                obj[name] = value
    return obj


def _random_value(rng: random.Random, type: str, depth: int, flags: str) -> Any:
    may_be_zero = bool(set(flags) & {"p", "k"})
    match type:
        case "string":
            return rng.choice(["", "x", "süß"]) if may_be_zero else "y"
        case "int32" | "int64":
            return rng.choice([0, -1, 1, 2**31 - 1]) if may_be_zero else rng.choice([-7, 300])
        case "bool":
            return rng.random() < 0.5 if may_be_zero else True
        case "[]byte":
            return base64.b64encode(rng.randbytes(rng.randint(0 if may_be_zero else 1, 9))).decode()
        case "resource.Quantity":
            return rng.choice(["1", "500m", "2Gi", "0"])
        case "util/intstr.IntOrString":
            return rng.choice(["25%", 3])
        case "meta/v1.Time":
            moment = datetime.fromtimestamp(rng.randint(1, 2**31), UTC)
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        case "meta/v1.MicroTime":
            moment = datetime.fromtimestamp(rng.randint(1, 2**31) + 0.25, UTC)
            return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case "runtime.RawExtension" | "meta/v1.FieldsV1":
            return {"f:metadata": {"f:labels": {}}}
        case message:
            return random_object(rng, message, depth + 1)
