"""Read bodies of built-in kinds: are the JSON types right, which fields are unknown.

A definition becomes a tree of forms, once and on demand. A form answers two questions about a
value: `check` raises where it cannot be read (on the real server the body fails to decode: 400),
`tidy` edits it in place to what the server would keep: unknown fields and nulls go, quantities
and times take their canonical form. Neither builds paths unless there is something to tell.
"""

from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any, Protocol

from shoal.api.resource import JsonObject
from shoal.apiserver.schema.definitions import definitions
from shoal.apiserver.schema.scalars import (
    Bytes,
    Integer,
    IntOrString,
    Leaf,
    Quantity,
    Time,
    UnreadableError,
    wrong_type,
)


class Form(Protocol):
    """What may be written at one place in a definition."""

    @property
    def go_type(self) -> str:
        """What error texts call it."""
        ...

    @property
    def zero(self) -> Any:
        """What a null in a list or map stands for."""
        ...

    def check(self, value: Any) -> None:
        """Raises UnreadableError."""
        ...

    def tidy(self, value: Any, dropped: list[str]) -> Any:
        """Edit in place and return the value to keep; paths of unknown fields go to `dropped`."""
        ...


class Opaque:
    """Any JSON, kept as it is."""

    go_type = "interface {}"
    zero = None

    def check(self, value: Any) -> None:
        pass

    def tidy(self, value: Any, dropped: list[str]) -> Any:
        return value


class ListOf:
    """A list whose items are of one form; nulls in it stand for its zero."""

    __slots__ = ("_item", "go_type", "zero")

    def __init__(self, item: Form) -> None:
        self._item = item
        self.go_type = "[]" + item.go_type
        self.zero = None

    def check(self, value: Any) -> None:
        if type(value) is not list:
            raise wrong_type(value, self.go_type)
        for item in value:
            if item is not None:
                self._item.check(item)

    def tidy(self, value: Any, dropped: list[str]) -> Any:
        if type(value) is not list:
            return value
        if type(self._item) is Leaf and None not in value:
            return value
        for index, item in enumerate(value):
            known = len(dropped)
            fresh = _zero_of(self._item) if item is None else self._item.tidy(item, dropped)
            if fresh is not item:
                value[index] = fresh
            if len(dropped) != known:
                put_in_front(f"[{index}]", dropped, known)
        return value


class MapOf:
    """A map whose values are of one form; nulls in it stand for its zero."""

    __slots__ = ("_item", "go_type", "zero")

    def __init__(self, item: Form) -> None:
        self._item = item
        self.go_type = "map[string]" + item.go_type
        self.zero = None

    def check(self, value: Any) -> None:
        if type(value) is not dict:
            raise wrong_type(value, self.go_type)
        for item in value.values():
            if item is not None:
                self._item.check(item)

    def tidy(self, value: Any, dropped: list[str]) -> Any:
        if type(value) is not dict:
            return value
        for key, item in value.items():
            known = len(dropped)
            fresh = _zero_of(self._item) if item is None else self._item.tidy(item, dropped)
            if fresh is not item:
                value[key] = fresh
            if len(dropped) != known:
                put_in_front(f"{key}", dropped, known)
        return value


class Struct:
    """An object whose fields are known."""

    zero = None

    def __init__(self, name: str) -> None:
        """`name` of a definition. Its fields are compiled when first needed, so that
        definitions may contain themselves."""
        self._definition = name
        version, self._kind = name.split(".")[-2:]
        self.go_type = f"{version}.{self._kind}"

    @cached_property
    def forms(self) -> Mapping[str, Form]:
        properties = definitions()[self._definition].get("properties", {})
        return {name: form_of(schema) for name, schema in properties.items()}

    @cached_property
    def _plain_types(self) -> Mapping[str, type]:
        """Fields for which the Python type says all: most of them."""
        types: Mapping[Form, type] = {_STRING: str, _BOOLEAN: bool}
        return {name: types[n] for name, n in self.forms.items() if n in types}

    @cached_property
    def _inner(self) -> Mapping[str, Form | None]:
        """Forms that have something to tidy; None for the others that are known."""
        return {
            name: None if isinstance(form, Leaf | Integer | Opaque) else form
            for name, form in self.forms.items()
        }

    def check(self, value: Any) -> None:
        if type(value) is not dict:
            raise wrong_type(value, self.go_type)
        plain_type_of = self._plain_types.get
        form_of_field = self.forms.get
        key = ""
        try:
            for key, item in value.items():
                if item is None or type(item) is plain_type_of(key):
                    continue
                form = form_of_field(key)
                if form is not None:
                    form.check(item)
        except UnreadableError as error:
            error.through(self._kind, key)
            raise

    def tidy(self, value: Any, dropped: list[str]) -> Any:
        if type(value) is not dict:
            return value
        inner = self._inner
        gone: list[str] = []
        for key, item in value.items():
            if key not in inner:
                gone.append(key)
                dropped.append(key)
                continue
            if item is None:
                gone.append(key)
                continue
            form = inner[key]
            if form is None:
                continue
            known = len(dropped)
            fresh = form.tidy(item, dropped)
            if fresh is not item:
                value[key] = fresh
            if len(dropped) != known:
                put_in_front(key, dropped, known)
        for key in gone:
            del value[key]
        return value


class SchemaOr:
    """Fields of CRD schemas that hold a schema, or else something simpler (`items`,
    `additionalProperties`, `dependencies`)."""

    zero = None

    def __init__(self, go_type: str) -> None:
        self.go_type = go_type
        self._schema = struct(_JSON_SCHEMA_PROPS)

    def check(self, value: Any) -> None:
        if type(value) is dict:
            self._schema.check(value)

    def tidy(self, value: Any, dropped: list[str]) -> Any:
        return self._schema.tidy(value, dropped)


_STRING = Leaf("string", "", str)
_BOOLEAN = Leaf("bool", False, bool)
_NUMBER = Leaf("float64", 0, int, float)
_INT32 = Integer(32)
_INT64 = Integer(64)
_OPAQUE = Opaque()

_APIEXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
_JSON_SCHEMA_PROPS = _APIEXTENSIONS + "JSONSchemaProps"
_SPECIAL: Mapping[str, Form] = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": Quantity(),
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": IntOrString(),
    "io.k8s.apimachinery.pkg.runtime.RawExtension": _OPAQUE,
    _META + "Time": Time(is_micro=False),
    _META + "MicroTime": Time(is_micro=True),
    _META + "FieldsV1": _OPAQUE,
    _META + "Patch": _OPAQUE,
    _APIEXTENSIONS + "JSON": _OPAQUE,
}


@cache
def struct(name: str) -> Struct:
    """A definition that has fields."""
    return Struct(name)


@cache
def _schema_or(name: str) -> SchemaOr:
    return SchemaOr(name.removeprefix(_APIEXTENSIONS))


def form_of(schema: JsonObject) -> Form:
    """What may be written at one place, from its schema there."""
    reference: str | None = schema.get("$ref")
    if reference is not None:
        if reference in _SPECIAL:
            return _SPECIAL[reference]
        if reference.startswith(_JSON_SCHEMA_PROPS + "Or"):
            return _schema_or(reference)
        return struct(reference)
    match schema.get("type"), schema.get("format"):
        case "string", "byte":
            return Bytes()
        case "string", "date-time":
            return _SPECIAL[_META + "Time"]
        case "string", _:
            return _STRING
        case "boolean", _:
            return _BOOLEAN
        case "integer", "int32":
            return _INT32
        case "integer", _:
            return _INT64
        case "number", _:
            return _NUMBER
        case "array", _:
            return ListOf(form_of(schema["items"]))
        case "object", _ if "additionalProperties" in schema:
            return MapOf(form_of(schema["additionalProperties"]))
        case _:
            return _OPAQUE


def _zero_of(form: Form) -> Any:
    match form:
        case Struct() | MapOf():
            return {}
        case ListOf():
            return []
        case _:
            return form.zero


def put_in_front(step: str, dropped: list[str], start: int) -> None:
    """Complete the paths from `start` on, found below a field or index."""
    for index in range(start, len(dropped)):
        rest = dropped[index]
        dropped[index] = step + rest if rest.startswith("[") else f"{step}.{rest}"
