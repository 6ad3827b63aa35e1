"""The paths of a kind and what can be asked of them.

kubectl reads two things here: the kind that a path serves (`explain`), and that the kind's patch
takes `fieldValidation`, upon which it leaves checking to the server (`create`, `apply`, ...).
"""

from collections.abc import Iterable

from shoal.api.resource import JsonObject
from shoal.apiserver.openapi.components import PREFIX, SCALE, component_name
from shoal.apiserver.served import Served

_WRITE_PARAMETERS = {
    "dryRun": "`All` carries out everything but the write.",
    "fieldManager": "Name of whoever makes this change.",
    "fieldValidation": "What becomes of unknown and doubled fields: `Ignore`, `Warn`, `Strict`.",
}
_FORCE = {"force": "Take over fields that other managers own; for apply patches only."}
_LIST_PARAMETERS = {
    "continue": "Token of the page before.",
    "fieldSelector": "Only objects whose fields match.",
    "labelSelector": "Only objects whose labels match.",
    "limit": "How many objects a page has at most.",
    "resourceVersion": "The version that the answer may not be older than.",
    "timeoutSeconds": "When the request ends.",
    "watch": "Stream changes in place of a list.",
}
_PATCH_TYPES = ("application/json-patch+json", "application/merge-patch+json")
_STRATEGIC = "application/strategic-merge-patch+json"


def paths_of(served: Iterable[Served]) -> dict[str, JsonObject]:
    """Path -> path item, ordered by path."""
    paths: dict[str, JsonObject] = {}
    for kind in served:
        paths.update(_paths(kind))
    return dict(sorted(paths.items()))


def _paths(served: Served) -> dict[str, JsonObject]:
    resource = served.resource
    collection = resource.path("{namespace}")
    paths = {
        collection: _item(
            collection,
            get=_operation(served, "list", _LIST_PARAMETERS),
            post=_operation(served, "post", _WRITE_PARAMETERS, has_body=True),
            delete=_operation(served, "deletecollection", _LIST_PARAMETERS),
        ),
        f"{collection}/{{name}}": _object_item(served, f"{collection}/{{name}}", ""),
    }
    paths[f"{collection}/{{name}}"]["delete"] = _operation(
        served, "delete", {"dryRun": _WRITE_PARAMETERS["dryRun"]}
    )
    if resource.namespaced:
        everywhere = resource.path()
        paths[everywhere] = _item(everywhere, get=_operation(served, "list", _LIST_PARAMETERS))
    for subresource in sorted(served.subresources & {"status", "scale"}):
        path = f"{collection}/{{name}}/{subresource}"
        paths[path] = _object_item(served, path, subresource)
    return paths


def _object_item(served: Served, path: str, subresource: str) -> JsonObject:
    return _item(
        path,
        get=_operation(served, "get", {}, subresource),
        put=_operation(served, "put", _WRITE_PARAMETERS, subresource, has_body=True),
        patch=_patch(served, subresource),
    )


def _item(path: str, **operations: JsonObject) -> JsonObject:
    in_path = [name for name in ("namespace", "name") if f"{{{name}}}" in path]
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in in_path
    ]
    return {**operations, "parameters": parameters}


def _operation(
    served: Served,
    action: str,
    parameters: dict[str, str],
    subresource: str = "",
    *,
    has_body: bool = False,
) -> JsonObject:
    group, version, kind, reference = _kind(served, subresource)
    schema = {} if action in ("list", "deletecollection") else {"schema": {"$ref": reference}}
    answer = {"description": "OK", "content": {"application/json": schema}}
    operation: JsonObject = {
        "tags": [f"{served.resource.group or 'core'}_{served.resource.version}"],
        "parameters": [
            {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
            for name, text in parameters.items()
        ],
        "responses": {"200": answer},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": kind},
    }
    if has_body:
        content = {"*/*": {"schema": {"$ref": reference}}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _patch(served: Served, subresource: str) -> JsonObject:
    operation = _operation(served, "patch", _WRITE_PARAMETERS | _FORCE, subresource)
    is_strategic = served.schema.merge_facts is not None
    types = (*_PATCH_TYPES, _STRATEGIC) if is_strategic else _PATCH_TYPES
    content = {patch_type: {"schema": {"type": "object"}} for patch_type in types}
    operation["requestBody"] = {"required": True, "content": content}
    return operation


def _kind(served: Served, subresource: str) -> tuple[str, str, str, str]:
    """Group, version and kind that are sent and answered, and the reference to its schema."""
    if subresource == "scale":
        return "autoscaling", "v1", "Scale", PREFIX + SCALE
    resource = served.resource
    return resource.group, resource.version, resource.kind, PREFIX + component_name(served)
