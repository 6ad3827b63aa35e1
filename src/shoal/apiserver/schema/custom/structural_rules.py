"""What makes the schema of a custom kind structural, and with it servable.

Source of rules and texts: Kubernetes v1.36, apiextensions-apiserver/pkg/apiserver/schema and
pkg/apis/apiextensions/validation.
"""

from collections.abc import Iterator
from typing import Any

from shoal.api import causes
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.custom.checking import Checker, pattern_problem
from shoal.apiserver.schema.custom.rules import CompiledRule

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_LIST_TYPES = ("atomic", "map", "set")
_JUNCTIONS = ("allOf", "anyOf", "oneOf")
_ONLY_OUTSIDE_JUNCTIONS = (
    "additionalProperties",
    "default",
    "description",
    "nullable",
    "title",
    "type",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-preserve-unknown-fields",
)
_UNSUPPORTED = {
    "$ref": "$ref is not supported",
    "definitions": "definitions is not supported",
    "dependencies": "dependencies is not supported",
    "deprecated": "deprecated is not supported",
    "discriminator": "discriminator is not supported",
    "id": "id is not supported",
    "patternProperties": "patternProperties is not supported",
}
_NAME_FIELDS = frozenset(("name", "generateName"))


def validate_structural(schema: JsonObject, path: str) -> Iterator[Cause]:
    """Of a version's openAPIV3Schema."""
    root_type = schema.get("type", "")
    if not root_type:
        yield causes.required(f"{path}.type", "must not be empty at the root")
    elif root_type != "object":
        yield causes.invalid(f"{path}.type", root_type, "must be object at the root")
    if schema.get("nullable"):
        text = "nullable cannot be true at the root"
        yield causes.forbidden(f"{path}.nullable", text)
    metadata = (schema.get("properties") or {}).get("metadata")
    if metadata is not None and not set(metadata.get("properties") or ()) <= _NAME_FIELDS:
        text = (
            "must not specify anything other than name and generateName, but metadata is "
            "implicitly specified"
        )
        yield causes.forbidden(f"{path}.properties[metadata]", text)
    yield from _place(schema, path, "")


def _place(schema: JsonObject, path: str, place: str) -> Iterator[Cause]:
    """`place` is what to call it when its type is missing; empty at the root."""
    value_type = schema.get("type", "")
    is_open = schema.get("x-kubernetes-preserve-unknown-fields")
    if schema.get("x-kubernetes-int-or-string"):
        if value_type:
            text = "must be empty if x-kubernetes-int-or-string is true"
            yield causes.invalid(f"{path}.type", value_type, text)
    elif value_type and value_type not in _TYPES:
        yield causes.unsupported(f"{path}.type", value_type, _TYPES)
    elif not value_type and place and not is_open:
        yield causes.required(f"{path}.type", f"must not be empty for {place}")
    for field, text in _UNSUPPORTED.items():
        if schema.get(field):
            yield causes.forbidden(f"{path}.{field}", text)
    yield from _values(schema, path)
    if value_type == "array" and not isinstance(schema.get("items"), dict):
        yield causes.required(f"{path}.items", "must be specified")
    if schema.get("properties") and schema.get("additionalProperties"):
        text = "additionalProperties and properties are mutual exclusive"
        yield causes.forbidden(f"{path}.additionalProperties", text)
    if "x-kubernetes-list-type" in schema:
        yield from _list_type(schema, path)
    yield from _junctions(schema, path)
    for name, inner in (schema.get("properties") or {}).items():
        inner_path = f"{path}.properties[{name}]"
        yield from _place(inner, inner_path, "specified object fields")
    items, extra = schema.get("items"), schema.get("additionalProperties")
    if isinstance(items, dict):
        yield from _place(items, f"{path}.items", "specified array items")
    if isinstance(extra, dict):
        inner_path = f"{path}.additionalProperties"
        yield from _place(extra, inner_path, "specified object fields")


def _values(schema: JsonObject, path: str) -> Iterator[Cause]:
    """Patterns, defaults and rules must themselves be sound."""
    if schema.get("uniqueItems"):
        text = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield causes.forbidden(f"{path}.uniqueItems", text)
    problem = pattern_problem(schema.get("pattern", ""))
    if problem:
        text = f"must be a valid regular expression, but isn't: {problem}"
        yield causes.invalid(f"{path}.pattern", schema["pattern"], text)
    elif "default" in schema:
        yield from _default(schema, path)
    for index, written in enumerate(schema.get("x-kubernetes-validations") or ()):
        rule_path = f"{path}.x-kubernetes-validations[{index}].rule"
        rule = CompiledRule(written, schema.get("type", "object"))
        if not rule.text:
            yield causes.required(rule_path, "rule is not specified")
            continue
        try:
            _ = rule.program
        except ValueError as error:
            yield causes.invalid(rule_path, rule.text, f"compilation failed: {error}")


def _default(schema: JsonObject, path: str) -> Iterator[Cause]:
    for cause in Checker({"type": "object", "properties": {"default": schema}}).check(
        {"default": schema["default"]}
    ):
        if cause.field.startswith("default"):
            yield Cause(f"{path}.{cause.field}", cause.message, cause.reason)


def _list_type(schema: JsonObject, path: str) -> Iterator[Cause]:
    list_type: Any = schema["x-kubernetes-list-type"]
    type_path = f"{path}.x-kubernetes-list-type"
    if list_type not in _LIST_TYPES:
        yield causes.unsupported(type_path, list_type, _LIST_TYPES)
        return
    if schema.get("type") != "array":
        text = "must be array if x-kubernetes-list-type is specified"
        yield causes.invalid(f"{path}.type", schema.get("type", ""), text)
        return
    if list_type != "map":
        return
    keys: list[str] = schema.get("x-kubernetes-list-map-keys") or []
    if not keys:
        text = "must not be empty if x-kubernetes-list-type is map"
        yield causes.required(f"{path}.x-kubernetes-list-map-keys", text)
    items: JsonObject = schema.get("items") or {}
    properties: JsonObject = items.get("properties") or {}
    for index, key in enumerate(keys):
        if key not in properties:
            key_path = f"{path}.x-kubernetes-list-map-keys[{index}]"
            text = "entries must all be names of item properties"
            yield causes.invalid(key_path, key, text)
        elif key not in (items.get("required") or ()) and "default" not in properties[key]:
            text = (
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be "
                "a required property"
            )
            yield causes.required(f"{path}.items.properties[{key}].default", text)


def _junctions(schema: JsonObject, path: str) -> Iterator[Cause]:
    choices = [
        (f"{path}.{field}[{index}]", choice)
        for field in _JUNCTIONS
        for index, choice in enumerate(schema.get(field) or ())
    ]
    if isinstance(schema.get("not"), dict):
        choices.append((f"{path}.not", schema["not"]))
    is_int_or_string = bool(schema.get("x-kubernetes-int-or-string"))
    for inner_path, choice in choices:
        yield from _junction(choice, inner_path, is_int_or_string)


def _junction(schema: JsonObject, path: str, may_be_typed: bool) -> Iterator[Cause]:
    """Inside a junction only conditions may stand: what shapes the object is said outside."""
    for field in _ONLY_OUTSIDE_JUNCTIONS:
        if schema.get(field) and not (field == "type" and may_be_typed):
            yield causes.forbidden(f"{path}.{field}", "must be empty to be structural")
    for name, inner in (schema.get("properties") or {}).items():
        yield from _junction(inner, f"{path}.properties[{name}]", False)
    if isinstance(schema.get("items"), dict):
        yield from _junction(schema["items"], f"{path}.items", False)
    for field in _JUNCTIONS:
        for index, choice in enumerate(schema.get(field) or ()):
            yield from _junction(choice, f"{path}.{field}[{index}]", may_be_typed)
