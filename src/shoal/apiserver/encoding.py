"""Objects as stored bytes, and back.

An object is encoded once, when it is written, and shared as bytes by reads, lists and watches:

    {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"resourceVersion":"42",...},...}

The fixed order lets two things be done by splicing: stamping the revision that the store gives
to a write, and showing the object under another version of its kind.
"""

from collections.abc import Iterable
from functools import partial

import msgspec
import orjson

from shoal.api.resource import JsonObject
from shoal.apiserver.served import Served
from shoal.store.protocol import Encoder

_VERSION_START = len('{"apiVersion":"')
_METADATA = b'"metadata":{'
_REVISION = b'"resourceVersion":"'


class StoredMeta(msgspec.Struct, rename="camel"):
    """The metadata that verbs look at without decoding all of an object."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    deletion_timestamp: str | None = None


class StoredHead(msgspec.Struct):
    metadata: StoredMeta


_read_head = msgspec.json.Decoder(StoredHead).decode


def head_of(value: bytes) -> StoredMeta:
    return _read_head(value).metadata


def storage_api_version(served: Served) -> str:
    group = served.stored_as.partition(".")[2] if served.stored_as else served.resource.group
    return f"{group}/{served.storage_version}" if group else served.storage_version


def encode(served: Served, obj: JsonObject) -> bytes:
    """Bytes as stored, still without a revision. The object is left as it was."""
    stored = served.conversion.to_storage(obj) if served.conversion else obj
    metadata = {k: v for k, v in stored["metadata"].items() if k != "resourceVersion"}
    ordered = {"apiVersion": "", "kind": "", "metadata": metadata} | stored
    ordered["apiVersion"] = storage_api_version(served)
    ordered["kind"] = served.resource.kind
    ordered["metadata"] = metadata
    return orjson.dumps(ordered)


def stamper(unstamped: bytes) -> Encoder:
    """Gives `unstamped` with a revision."""
    split = unstamped.index(_METADATA) + len(_METADATA)
    comma = b'"' if unstamped[split : split + 1] == b"}" else b'",'
    return partial(_stamp, unstamped[:split] + _REVISION, comma + unstamped[split:])


def _stamp(before: bytes, after: bytes, revision: int) -> bytes:
    return b"%b%d%b" % (before, revision, after)


def restamp(value: bytes, revision: int) -> bytes:
    """A stored value with another revision."""
    start = value.index(_REVISION) + len(_REVISION)
    end = value.index(b'"', start)
    return b"%b%d%b" % (value[:start], revision, value[end:])


def restamper(value: bytes) -> Encoder:
    return partial(restamp, value)


def present(served: Served, value: bytes) -> bytes:
    """A stored value as `served` shows it."""
    if served.conversion is not None:
        return orjson.dumps(served.conversion.from_storage(orjson.loads(value)))
    api_version = served.resource.api_version.encode()
    end = value.index(b'"', _VERSION_START)
    if value[_VERSION_START:end] == api_version:
        return value
    return value[:_VERSION_START] + api_version + value[end:]


def load(served: Served, value: bytes) -> JsonObject:
    """A fresh object of the version that `served` shows."""
    obj: JsonObject = orjson.loads(value)
    if served.conversion is not None:
        return served.conversion.from_storage(obj)
    obj["apiVersion"] = served.resource.api_version
    return obj


def list_body(served: Served, values: Iterable[bytes], metadata: JsonObject) -> bytes:
    head = {
        "kind": served.list_kind or f"{served.resource.kind}List",
        "apiVersion": served.resource.api_version,
        "metadata": metadata,
    }
    items = b",".join(present(served, value) for value in values)
    return b'%b,"items":[%b]}' % (orjson.dumps(head)[:-1], items)
