"""Custom kinds: a CustomResourceDefinition made from the structs that read the kind.

The structs are the single source: field names, types and defaults come from the annotations,
what they cannot say (`minimum`, `enum`, required, CEL rules) from `described`. Such bounds bind
the server only: a struct still decodes an object that some other definition of the same kind let
through, because a controller that cannot read one object must not stop reading the rest.

Source of the format: apiextensions.k8s.io/v1, Kubernetes v1.36.
"""

import inspect
from collections.abc import Sequence
from enum import Enum, auto
from typing import Any

import msgspec

from shoal.api.meta import Object
from shoal.api.resource import JsonObject


class Rule(msgspec.Struct, frozen=True):
    """A CEL expression that must be true, and the text for people where it is not."""

    expression: str
    message: str

    def to_json(self) -> JsonObject:
        return {"rule": self.expression, "message": self.message}


class PrinterColumn(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A column of `kubectl get`; those with `priority` 1 are shown by `-o wide` only."""

    name: str
    type: str
    json_path: str = msgspec.field(name="jsonPath")
    priority: int = 0


AGE = PrinterColumn("Age", "date", ".metadata.creationTimestamp")


class CustomKind(msgspec.Struct, frozen=True, kw_only=True):
    """All that a CRD says of one kind beyond the fields of its struct."""

    type: type[Object]
    """Has `spec`, and mostly `status`."""
    group: str
    plural: str
    versions: tuple[str, ...]
    """All served, all of one shape; the first is stored."""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[PrinterColumn, ...] = ()
    rules: tuple[Rule, ...] = ()
    """On the whole object."""
    is_namespaced: bool = True
    has_status_subresource: bool = True
    """Where the type has a status: whether it is written by itself."""
    fills_in_zeros: bool = True
    """Whether defaults that say nothing (0, false, the empty text) are defaults of the schema too;
    without them an object is stored as it was written."""

    @property
    def kind(self) -> str:
        return self.type.__name__

    @property
    def singular(self) -> str:
        return self.kind.lower()

    def to_crd(self) -> JsonObject:
        """The CustomResourceDefinition manifest."""
        names: JsonObject = {
            "kind": self.kind,
            "listKind": f"{self.kind}List",
            "plural": self.plural,
            "singular": self.singular,
        }
        # A short name that is the singular already would only be listed twice.
        short_names = [name for name in self.short_names if name != self.singular]
        if short_names:
            names["shortNames"] = short_names
        if self.categories:
            names["categories"] = list(self.categories)
        crd: JsonObject = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{self.plural}.{self.group}"},
            "spec": {
                "group": self.group,
                "names": names,
                "scope": "Namespaced" if self.is_namespaced else "Cluster",
                "versions": [self._version(version) for version in self.versions],
            },
        }
        # A copy in full: schemas share the words of `described`, and callers edit manifests.
        return msgspec.json.decode(msgspec.json.encode(crd))

    def _version(self, name: str) -> JsonObject:
        defaults = _Defaults.ALL if self.fills_in_zeros else _Defaults.MEANINGFUL
        schema = _object_schema(msgspec.inspect.type_info(self.type), defaults)
        # Their schemas are the server's own business.
        schema["properties"] |= {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
        }
        schema["description"] = inspect.cleandoc(self.type.__doc__ or "")
        if self.rules:
            schema["x-kubernetes-validations"] = [rule.to_json() for rule in self.rules]
        version: JsonObject = {
            "name": name,
            "served": True,
            "storage": name == self.versions[0],
            "schema": {"openAPIV3Schema": schema},
            "additionalPrinterColumns": [msgspec.to_builtins(column) for column in self.columns],
        }
        if self.has_status_subresource and "status" in schema["properties"]:
            version["subresources"] = {"status": {}}
        return version


def described(
    description: str,
    *,
    required: bool = False,
    rules: Sequence[Rule] = (),
    schema: JsonObject | None = None,
    list_key: str = "",
    **bounds: Any,
) -> msgspec.Meta:
    """What a field's annotation cannot say.

    `bounds` are schema words (`minimum`, `maxLength`, `enum`); `schema` takes the place of the
    one made from the type; `list_key` is the field that tells a list's items apart.
    """
    words: JsonObject = {"description": description, **bounds}
    if rules:
        words["x-kubernetes-validations"] = [rule.to_json() for rule in rules]
    if list_key:
        words |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [list_key]}
    return msgspec.Meta(extra={"required": required, "schema": schema, "words": words})


class _Defaults(Enum):
    """Which of the structs' defaults a schema gets."""

    ALL = auto()
    MEANINGFUL = auto()
    NONE = auto()

    def include(self, value: object) -> bool:
        if not isinstance(value, (bool, int, str)):
            return False
        return self is _Defaults.ALL or (self is _Defaults.MEANINGFUL and bool(value))


def _object_schema(struct: msgspec.inspect.Type, defaults: _Defaults) -> JsonObject:
    assert isinstance(struct, msgspec.inspect.StructType)
    properties: JsonObject = {}
    required: list[str] = []
    for field in struct.fields:
        facts: JsonObject = {}
        if isinstance(field.type, msgspec.inspect.Metadata):
            facts = field.type.extra or {}
        is_required = bool(facts.get("required")) or field.required
        # What a controller has not yet written must read as absent, so status has no defaults.
        below = _Defaults.NONE if field.encode_name == "status" else defaults
        schema = _schema(field.type, below)
        if is_required:
            required.append(field.encode_name)
        elif below.include(field.default):
            schema["default"] = field.default
        properties[field.encode_name] = schema
    whole: JsonObject = {"type": "object", "properties": properties}
    if required:
        whole["required"] = required
    return whole


def _schema(type: msgspec.inspect.Type, defaults: _Defaults) -> JsonObject:
    """The structural schema of one field's type."""
    match type:
        case msgspec.inspect.Metadata():
            facts = type.extra or {}
            schema = facts.get("schema") or _schema(type.type, defaults)
            return {**schema, **facts.get("words", {})}
        case msgspec.inspect.StructType():
            return _object_schema(type, defaults)
        case msgspec.inspect.UnionType():
            # Optional: absent says it, so null need not be allowed.
            (only,) = [t for t in type.types if not isinstance(t, msgspec.inspect.NoneType)]
            return _schema(only, defaults)
        case msgspec.inspect.ListType():
            return {"type": "array", "items": _schema(type.item_type, defaults)}
        case msgspec.inspect.DictType():
            if isinstance(type.value_type, msgspec.inspect.AnyType):
                return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            values = _schema(type.value_type, defaults)
            return {"type": "object", "additionalProperties": values}
        case msgspec.inspect.StrType():
            return {"type": "string"}
        case msgspec.inspect.BoolType():
            return {"type": "boolean"}
        case msgspec.inspect.IntType():
            return {"type": "integer"}
        case msgspec.inspect.FloatType():
            return {"type": "number"}
        case msgspec.inspect.DateTimeType():
            return {"type": "string", "format": "date-time"}
        case _:
            raise TypeError(f"no schema for a field of type {type!r}")
