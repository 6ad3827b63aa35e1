"""From a decoded body to an object that may be written: metadata in order, fields known.

The first half of every write: what the body says about itself must fit the URL, unknown fields
are dropped and reported, absent ones get their defaults.
"""

from typing import Any, TypeVar

import msgspec

from shoal.api.resource import JsonObject
from shoal.api.status import ApiError, bad_request
from shoal.apiserver.requests import FieldValidation, Target
from shoal.apiserver.served import Served

T = TypeVar("T", bound=msgspec.Struct)


class _Owner(msgspec.Struct, rename="camel"):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    """The types of metadata's fields, and their names."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    self_link: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[_Owner] | None = None
    finalizers: list[str] | None = None
    managed_fields: list[Any] | None = None


_KNOWN = frozenset(_Metadata.__struct_encode_fields__)
_NOT_STORED = ("managedFields", "selfLink")


def _is_not_stored(name: str, value: object) -> bool:
    """Empty fields are left out; of the numbers only the grace period means something at 0."""
    return name in _NOT_STORED or (not value and name != "deletionGracePeriodSeconds")


def read_as(type: type[T], body: JsonObject) -> T:
    """A body that is read and not stored. Raises ApiError (400) for fields of a wrong type."""
    try:
        return msgspec.convert(body, type)
    except msgspec.ValidationError as error:
        kind = body.get("kind") or "the body"
        raise bad_request(f"{kind} cannot be read: {error}") from error


def check_kind(target: Target, obj: JsonObject) -> None:
    """The body's apiVersion and kind must be the URL's; a body without them takes these."""
    resource = target.served.resource
    api_version = obj.get("apiVersion") or resource.api_version
    kind = obj.get("kind") or resource.kind
    if api_version != resource.api_version:
        raise bad_request(
            f"the API version in the data ({api_version}) does not match the expected API version"
            f" ({resource.api_version})"
        )
    if kind != resource.kind:
        raise _unreadable(
            target.served, f"the kind in the data ({kind}) is not {resource.kind}", str(kind)
        )
    obj["apiVersion"] = api_version
    obj["kind"] = kind


def clean_metadata(served: Served, obj: JsonObject) -> list[str]:
    """Checks metadata's types and drops what is not stored; returns the unknown fields."""
    metadata = obj.get("metadata")
    if metadata is None:
        obj["metadata"] = {}
        return []
    if not isinstance(metadata, dict):
        raise _unreadable(served, "metadata is not an object")
    unknown = [name for name in metadata if name not in _KNOWN]
    for name in unknown:
        del metadata[name]
    for name in [name for name, value in metadata.items() if value is None]:
        del metadata[name]
    try:
        msgspec.convert(metadata, _Metadata)
    except msgspec.ValidationError as error:
        raise _unreadable(served, f"metadata: {error}") from error
    for name in [name for name, value in metadata.items() if _is_not_stored(name, value)]:
        del metadata[name]
    return [f"metadata.{name}" for name in unknown]


def check_place(target: Target, obj: JsonObject) -> None:
    """The body's name and namespace must be the URL's; absent ones are taken from it."""
    metadata: JsonObject = obj["metadata"]
    if target.name and metadata.setdefault("name", target.name) != target.name:
        raise bad_request(
            f"the name of the object ({metadata['name']}) does not match the name on the URL"
            f" ({target.name})"
        )
    if not target.served.resource.namespaced:
        metadata.pop("namespace", None)
    elif metadata.setdefault("namespace", target.namespace) != target.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def decode_object(target: Target, obj: JsonObject, validation: FieldValidation) -> tuple[str, ...]:
    """Prunes and defaults `obj` in place; returns warnings. Raises ApiError (400) for a body that
    cannot be read as the kind, or has unknown fields under strict validation."""
    check_kind(target, obj)
    unknown = prepare(target, obj)
    if not unknown or validation is FieldValidation.IGNORE:
        return ()
    if validation is FieldValidation.STRICT:
        raise _unreadable(target.served, strict_error(unknown))
    return tuple(f'unknown field "{path}"' for path in unknown)


def prepare(target: Target, obj: JsonObject) -> list[str]:
    """`decode_object` without a judgement: the unknown fields are returned."""
    served = target.served
    unknown = clean_metadata(served, obj)
    check_place(target, obj)
    error = served.schema.decode_error(obj)
    if error is not None:
        raise bad_request(error)
    unknown += served.schema.prune(obj)
    served.schema.default(obj)
    return unknown


def strict_error(unknown: list[str]) -> str:
    listed = ", ".join(f'unknown field "{path}"' for path in unknown)
    return f"strict decoding error: {listed}"


def _unreadable(served: Served, why: str, kind: str = "") -> ApiError:
    resource = served.resource
    return bad_request(
        f'{kind or resource.kind} in version "{resource.version}" cannot be handled as a'
        f" {resource.kind}: {why}"
    )
