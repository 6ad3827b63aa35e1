"""Check custom objects against their schema; every finding in the server's words.

jsonschema-rs finds, this translates. Source of the texts: Kubernetes v1.36, kube-openapi
pkg/validation/errors and apiextensions-apiserver/pkg/apiserver/validation.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import jsonschema_rs
from jsonschema_rs import ValidationErrorKind as Kind

from shoal.api import causes
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.custom.formats import FORMATS

_KEPT = (
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maximum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "minimum",
    "minItems",
    "minLength",
    "minProperties",
    "multipleOf",
    "pattern",
    "required",
    "uniqueItems",
)


def to_json_schema(schema: Mapping[str, Any]) -> JsonObject:
    """The same rules in JSON Schema draft 4: `nullable` and Kubernetes' extensions spelt out."""
    out: JsonObject = {key: schema[key] for key in _KEPT if key in schema}
    types = [schema["type"]] if schema.get("type") else []
    if schema.get("x-kubernetes-int-or-string"):
        types = ["integer", "string"]
    if types:
        out["type"] = [*types, "null"] if schema.get("nullable") else types
    if schema.get("nullable") and "enum" in out:
        out["enum"] = [*out["enum"], None]
    if "properties" in schema:
        out["properties"] = {k: to_json_schema(v) for k, v in schema["properties"].items()}
    for key in ("items", "additionalProperties", "not"):
        if isinstance(schema.get(key), dict):
            out[key] = to_json_schema(schema[key])
    for key in ("allOf", "anyOf", "oneOf"):
        if key in schema:
            out[key] = [to_json_schema(choice) for choice in schema[key]]
    if schema.get("x-kubernetes-embedded-resource"):
        out["required"] = sorted({*out.get("required", ()), "apiVersion", "kind"})
    return out


class Checker:
    """Compiled when first used; compiling takes milliseconds, checking microseconds."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema

    @cached_property
    def _validator(self) -> jsonschema_rs.Validator:
        return jsonschema_rs.Draft4Validator(
            to_json_schema(self._schema),
            formats=dict(FORMATS),
            validate_formats=True,
            pattern_options=jsonschema_rs.RegexOptions(),
            offline=True,
        )

    def check(self, obj: JsonObject) -> list[Cause]:
        if self._validator.is_valid(obj):
            return []
        return [cause for error in self._validator.iter_errors(obj) for cause in _causes(error)]


def pattern_problem(pattern: str) -> str:
    """Why a pattern is not a regular expression; empty where it is one."""
    try:
        jsonschema_rs.Draft4Validator(
            {"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions(), offline=True
        )
    except ValueError as error:
        return str(error)
    return ""


def json_path(steps: Sequence[str | int]) -> str:
    """`["spec", "list", 0]` -> `spec.list[0]`."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def _causes(error: jsonschema_rs.ValidationError) -> list[Cause]:
    """One, but for choices (`oneOf`, `anyOf`): these tell what the closest alternative lacks."""
    path = json_path(error.instance_path)
    match error.kind:
        case Kind.OneOfNotValid(context=choices):
            text = f'"{path}" must validate one and only one schema (oneOf). Found none valid'
        case Kind.AnyOf(context=choices):
            text = f'"{path}" must validate at least one schema (anyOf)'
        case Kind.OneOfMultipleValid():
            choices: list[list[jsonschema_rs.ValidationError]] = []
            text = (
                f'"{path}" must validate one and only one schema (oneOf). '
                "Found more than one valid alternatives"
            )
        case Kind.Not():
            choices = []
            text = f'"{path}" must not validate the schema (not)'
        case _:
            return [_cause(error, path)]
    closest = min(choices, key=len, default=[])
    inner = [cause for failure in closest for cause in _causes(failure)]
    return [*inner, causes.invalid("<nil>", "", text)]


def _cause(error: jsonschema_rs.ValidationError, path: str) -> Cause:
    value = error.instance
    match error.kind:
        case Kind.Required(property=name):
            return causes.required(f"{path}.{name}" if path else name)
        case Kind.Enum(options=options):
            return causes.unsupported(path, value, (_option(o) for o in options if o is not None))
        case Kind.Type(types=types):
            expected = ",".join(name for name in types if name != "null")
            found = _type_name(value)
            text = f'{path} in body must be of type {expected}: "{found}"'
            return causes.type_invalid(path, found, text)
        case Kind.Format(format=name):
            return causes.type_invalid(
                path, value, f"{path} in body must be of type {name}: {causes.shown(value)}"
            )
        case Kind.MaxLength(limit=limit):
            return causes.too_long(path, limit)
        case Kind.MaxItems(limit=limit) | Kind.MaxProperties(limit=limit):
            return causes.too_many(path, len(_sized(value)), limit)
        case _:
            return causes.invalid(path, value, _text(error.kind, path))


def _text(kind: Kind, path: str) -> str:
    where = f"{path} in body"
    match kind:
        case Kind.Pattern(pattern=pattern):
            return f"{where} should match '{pattern}'"
        case Kind.Minimum(limit=limit):
            return f"{where} should be greater than or equal to {limit}"
        case Kind.ExclusiveMinimum(limit=limit):
            return f"{where} should be greater than {limit}"
        case Kind.Maximum(limit=limit):
            return f"{where} should be less than or equal to {limit}"
        case Kind.ExclusiveMaximum(limit=limit):
            return f"{where} should be less than {limit}"
        case Kind.MinLength(limit=limit):
            return f"{where} should be at least {limit} chars long"
        case Kind.MinItems(limit=limit):
            return f"{where} should have at least {limit} items"
        case Kind.MinProperties(limit=limit):
            return f"{where} should have at least {limit} properties"
        case Kind.MultipleOf(multiple_of=factor):
            return f"{where} should be a multiple of {factor}"
        case Kind.UniqueItems():
            return f"{where} shouldn't contain duplicates"
        case _:
            return f"{where} is not valid ({kind.name})"


def _option(value: Any) -> str:
    return value if isinstance(value, str) else causes.shown(value)


def _sized(value: Any) -> Sequence[Any] | Mapping[str, Any]:
    return value


def _type_name(value: Any) -> str:
    """What JSON Schema calls a value's type."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int():
            return "integer"
        case float():
            return "number"
        case list():
            return "array"
        case _:
            return "object"
