"""The documents, and the hash that tells a client whether the copy it keeps is still good."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from shoal import __version__
from shoal.api.kubernetes_version import KUBERNETES_VERSION
from shoal.api.resource import JsonObject
from shoal.apiserver.openapi.components import PREFIX, component_schemas
from shoal.apiserver.openapi.operations import paths_of
from shoal.apiserver.served import Served

_INFO = {"title": "Kubernetes", "version": f"v{KUBERNETES_VERSION}"}

GroupVersions = Mapping[str, Sequence[Served]]
"""`api/v1` or `apis/GROUP/VERSION` -> kinds."""


def group_versions(served: Iterable[Served]) -> GroupVersions:
    found: dict[str, list[Served]] = {}
    for kind in served:
        root = "apis" if kind.resource.group else "api"
        found.setdefault(f"{root}/{kind.resource.api_version}", []).append(kind)
    return dict(sorted(found.items()))


def document_hash(served: Iterable[Served]) -> str:
    """Of what a document is made from: telling that it changed needs no document."""
    digest = hashlib.sha256(f"{KUBERNETES_VERSION} {__version__}".encode())
    for kind in served:
        resource = kind.resource
        facts: list[Any] = [resource.api_version, resource.plural, resource.kind]
        facts += [resource.namespaced, sorted(kind.subresources), kind.openapi]
        digest.update(orjson.dumps(facts))
    return digest.hexdigest().upper()


def openapi_v3_index(served: Iterable[Served]) -> JsonObject:
    """/openapi/v3: where the document of each group and version is."""
    paths = {
        path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={document_hash(kinds)}"}
        for path, kinds in group_versions(served).items()
    }
    return {"paths": paths}


def openapi_v3_document(served: Sequence[Served]) -> JsonObject:
    """The document of the kinds of one group and version."""
    return {
        "openapi": "3.0.0",
        "info": _INFO,
        "paths": paths_of(served),
        "components": {"schemas": component_schemas(served)},
    }


def openapi_v2_document(served: Sequence[Served]) -> JsonObject:
    """/openapi/v2: all kinds, in the older format."""
    return {
        "swagger": "2.0",
        "info": _INFO,
        "paths": {path: _v2_item(item) for path, item in paths_of(served).items()},
        "definitions": _v2_references(component_schemas(served)),
    }


def _v2_item(item: JsonObject) -> JsonObject:
    operations = {
        method: _v2_operation(operation)
        for method, operation in item.items()
        if method != "parameters"
    }
    return {**operations, "parameters": [_v2_parameter(p) for p in item["parameters"]]}


def _v2_operation(operation: JsonObject) -> JsonObject:
    kept = {
        key: value
        for key, value in operation.items()
        if key not in ("parameters", "requestBody", "responses")
    }
    parameters = [_v2_parameter(parameter) for parameter in operation["parameters"]]
    body = operation.get("requestBody")
    if body is not None:
        kept["consumes"] = list(body["content"])
        content = next(iter(body["content"].values()))
        schema = _v2_references(content["schema"])
        parameters.append({"name": "body", "in": "body", "required": True, "schema": schema})
    answer = operation["responses"]["200"]["content"]["application/json"]
    response = {"description": "OK", **_v2_references(answer)}
    return {
        **kept,
        "produces": ["application/json"],
        "parameters": parameters,
        "responses": {"200": response},
    }


def _v2_parameter(parameter: JsonObject) -> JsonObject:
    return {key: v for key, v in parameter.items() if key != "schema"} | parameter["schema"]


def _v2_references(value: Any) -> Any:
    if isinstance(value, list):
        return [_v2_references(item) for item in value]
    if isinstance(value, dict):
        return {key: _v2_references(item) for key, item in value.items()}
    if isinstance(value, str) and value.startswith(PREFIX):
        return "#/definitions/" + value.removeprefix(PREFIX)
    return value
