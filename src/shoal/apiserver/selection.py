"""Which objects a label and field selector choose, decided on stored bytes.

Only the fields a selector names are decoded: a struct is made for each set of paths, because a
watch decides on every event and most of an object does not matter to it.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
import orjson

from shoal.api import selectors
from shoal.api.resource import JsonObject
from shoal.api.selectors import FieldRequirement, SelectorError
from shoal.api.status import bad_request
from shoal.apiserver.requests import Selection
from shoal.apiserver.served import Served

_ALWAYS = {"metadata.name", "metadata.namespace"}
_STORED_AT = {"status.successful": "status.succeeded"}
"""Labels of fields that are called otherwise in the object: that of jobs."""


def parse(served: Served, labels: str, fields: str) -> Selection:
    """Raises ApiError (400) where a selector cannot be read or names an unknown field."""
    if not labels and not fields:
        return Selection()
    try:
        selection = Selection(selectors.parse_labels(labels), selectors.parse_fields(fields))
    except SelectorError as error:
        raise bad_request(str(error)) from error
    known = served.selectable_fields or {}
    for requirement in selection.fields:
        if requirement.path not in _ALWAYS and requirement.path not in known:
            raise bad_request(f"field label not supported: {requirement.path}")
    return selection


def matcher(served: Served, selection: Selection) -> Callable[[bytes], bool]:
    """A test of stored values."""
    labels, fields = selection.labels, selection.fields
    defaults = served.selectable_fields or {}
    if served.conversion is not None:
        return _converted_matcher(served, selection)
    decode = _decoder(frozenset(_STORED_AT.get(r.path, r.path) for r in fields))

    def matches(value: bytes) -> bool:
        seen = decode(value)
        if labels.requirements and not labels.matches(seen.metadata.labels or {}):
            return False
        return all(r.matches(_text(_walk(seen, r.path), defaults.get(r.path, ""))) for r in fields)

    return matches


def _converted_matcher(served: Served, selection: Selection) -> Callable[[bytes], bool]:
    conversion = served.conversion
    assert conversion is not None

    def matches(value: bytes) -> bool:
        obj = conversion.from_storage(orjson.loads(value))
        return selection.labels.matches(obj["metadata"].get("labels") or {}) and all(
            r.matches(_text(_lookup(obj, r), "")) for r in selection.fields
        )

    return matches


def _lookup(obj: JsonObject, requirement: FieldRequirement) -> object:
    found: Any = obj
    for step in requirement.path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _walk(seen: Any, path: str) -> object:
    for step in _STORED_AT.get(path, path).split("."):
        seen = getattr(seen, step, None)
    return seen


def _text(found: object, default: str) -> str:
    match found:
        case None | "":
            return default
        case bool():
            return "true" if found else "false"
        case {"component": str(component)}:  # an event's `source`
            return component
        case _:
            return str(found)


@lru_cache(maxsize=256)
def _decoder(paths: frozenset[str]) -> Callable[[bytes], Any]:
    tree: dict[str, Any] = {"metadata": {"labels": {}}}
    for path in paths:
        node = tree
        for step in path.split("."):
            node = node.setdefault(step, {})
    return msgspec.json.Decoder(_struct(tree)).decode


def _struct(tree: dict[str, Any]) -> Any:
    """A struct with a field for each key; leaves hold anything."""
    fields = [
        (name, (_struct(below) | None) if below else Any, None) for name, below in tree.items()
    ]
    return msgspec.defstruct("Selected", fields)
