"""From a path to what it names.

/api/v1/namespaces/NS/PLURAL/NAME/SUBRESOURCE      the core group
/apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME/...  every other one
.../PLURAL/NAME/...                                cluster-wide kinds, or all namespaces
"""

import msgspec

from shoal.api.status import ApiError
from shoal.apiserver.registry import Registry
from shoal.apiserver.requests import Target

_NOT_YET = {
    "pods": {
        "attach": "attach",
        "exec": "exec",
        "portforward": "port-forward",
        "proxy": "proxy",
        "resize": "resize",
    },
    "services": {"proxy": "proxy"},
    "nodes": {"proxy": "proxy"},
}
"""Subresources that Kubernetes has and this server has not, by their names for people."""


class ResourcePath(msgspec.Struct, frozen=True):
    """A path below a group and version, taken apart but not looked up."""

    group: str
    version: str
    namespace: str
    plural: str
    name: str
    subresource: str


def unknown_path() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def not_served(path: ResourcePath) -> ApiError:
    """Why nothing is there: clients show it to people, so what is known by name is called so."""
    is_core = not path.group and path.version == "v1"
    feature = _NOT_YET.get(path.plural, {}).get(path.subresource) if is_core else None
    if feature is None:
        return unknown_path()
    return ApiError(501, "NotImplemented", f"{feature} is not supported by this server yet")


def parse_path(parts: list[str]) -> ResourcePath | None:
    """`parts` are the path's segments. None where it cannot name a resource."""
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and not _is_namespace_part(group, rest):
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3 and rest[2] != "proxy":
        return None
    plural, name, subresource = [*rest, "", ""][:3]
    return ResourcePath(group, version, namespace, plural, name, subresource)


def find_target(registry: Registry, path: ResourcePath) -> Target | None:
    """What a path names, if it is served."""
    served = registry.find(path.group, path.version, path.plural)
    if served is None or (path.namespace and not served.resource.namespaced):
        return None
    if path.subresource and path.subresource not in served.subresources:
        return None
    if path.name and served.resource.namespaced and not path.namespace:
        return None
    return Target(served, path.namespace, path.name, path.subresource)


def _is_namespace_part(group: str, rest: list[str]) -> bool:
    """`namespaces/NAME/status` is a subresource, not a kind `status` in a namespace."""
    return not group and len(rest) == 3 and rest[2] in {"status", "finalize"}
