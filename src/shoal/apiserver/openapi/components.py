"""Schemas of the served kinds and of all they refer to, with their texts.

Source of the form: the /openapi/v3 documents of Kubernetes v1.36. There a place that refers to
a definition and says more about itself does so with `allOf`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from shoal.api.resource import JsonObject
from shoal.apiserver.schema.definitions import definition_name, definitions, descriptions
from shoal.apiserver.served import Served

PREFIX = "#/components/schemas/"
SCALE = "io.k8s.api.autoscaling.v1.Scale"
_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_ANY_KIND = "io.k8s.api.core.v1.ConfigMap"


def component_name(served: Served) -> str:
    """Of a built-in kind its definition's name; of others `io.ploto.v1.Task`."""
    resource = served.resource
    builtin = None
    if not served.is_custom:
        builtin = definition_name(resource.group, resource.version, resource.kind)
    reversed_group = ".".join(reversed(resource.group.split(".")))
    return builtin or f"{reversed_group}.{resource.version}.{resource.kind}"


def component_schemas(served: Iterable[Served]) -> dict[str, JsonObject]:
    """By name: the kinds' own schemas, and those they reach."""
    schemas: dict[str, JsonObject] = {}
    for kind in served:
        name = component_name(kind)
        if kind.openapi is not None:
            schemas[name] = _custom(kind.openapi)
            _add_definition(_OBJECT_META, schemas)
        elif name in definitions():
            _add_definition(name, schemas)
        if kind.scale is not None:
            _add_definition(SCALE, schemas)
    return dict(sorted(schemas.items()))


def _custom(schema: JsonObject) -> JsonObject:
    """A custom kind's schema, with what every object has spelled out as for built-in kinds."""
    written = schema.get("properties", {})
    texts = descriptions()[_ANY_KIND]
    properties = {
        field: {"description": texts[field], **written.get(field, {})}
        for field in ("apiVersion", "kind", "metadata")
    }
    properties["metadata"] |= {"allOf": [{"$ref": PREFIX + _OBJECT_META}]}
    return {**schema, "properties": {**written, **properties}}


def _add_definition(name: str, schemas: dict[str, JsonObject]) -> None:
    if name in schemas:
        return
    written = definitions()[name]
    schemas[name] = _described(written, descriptions().get(name, {}))
    for reference in _references(written):
        _add_definition(reference, schemas)


def _described(schema: JsonObject, texts: Mapping[str, str]) -> JsonObject:
    result: JsonObject = {"description": texts[""]} if "" in texts else {}
    result |= {key: _linked(value) for key, value in schema.items() if key != "properties"}
    if "properties" in schema:
        result["properties"] = {
            field: _property(place, texts.get(field))
            for field, place in schema["properties"].items()
        }
    return result


def _property(place: JsonObject, text: str | None) -> JsonObject:
    described: JsonObject = {"description": text} if text else {}
    described |= place
    return _linked(described)


def _linked(value: Any) -> Any:
    """The same, with references to components in place of bare names."""
    if isinstance(value, list):
        return [_linked(item) for item in value]
    if not isinstance(value, dict):
        return value
    result: JsonObject = {key: _linked(item) for key, item in value.items() if key != "$ref"}
    if "$ref" in value:
        reference = {"$ref": PREFIX + value["$ref"]}
        return {**result, "allOf": [reference]} if result else reference
    return result


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from _references(item)
