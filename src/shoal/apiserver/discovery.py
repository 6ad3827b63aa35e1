"""Discovery: which groups, versions and resources there are.

Two forms are made from one description: legacy lists, one request per group and version, and the
aggregated document that kubectl asks for first. A client that knows only `v2beta1` cannot read
`v2`, so the Accept header decides.

Source of the formats: Kubernetes v1.36, apidiscovery/v2 and meta/v1.
"""

import hashlib
from collections.abc import Mapping, Sequence

import msgspec
import orjson

from shoal.api.resource import JsonObject
from shoal.apiserver.accept import DiscoveryForm, discovery_form
from shoal.apiserver.core import Core
from shoal.apiserver.exchange import Request, Response, json_response
from shoal.apiserver.reviews import REVIEWS
from shoal.apiserver.served import Served

_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_PART = ("get", "patch", "update")
_FIRST_GROUPS = ("apps", "events.k8s.io", "authentication.k8s.io", "authorization.k8s.io")


class _Subresource(msgspec.Struct, frozen=True):
    name: str
    group: str
    version: str
    kind: str
    verbs: tuple[str, ...]


class _Described(msgspec.Struct, frozen=True):
    """A resource, as both forms need it."""

    plural: str
    kind: str
    singular: str
    is_namespaced: bool
    verbs: tuple[str, ...]
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[_Subresource, ...] = ()


_Groups = Mapping[str, Mapping[str, Sequence[_Described]]]

_ACTIONS: Mapping[str, tuple[str, str, str]] = {
    "binding": ("", "v1", "Binding"),
    "eviction": ("policy", "v1", "Eviction"),
    "token": ("authentication.k8s.io", "v1", "TokenRequest"),
}


class Discovery:
    """Answers from the registry; made again only when definitions have changed."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._edition: tuple[int, ...] | None = None
        self._groups: _Groups = {}

    def answer(self, request: Request, parts: Sequence[str]) -> Response | None:
        """`parts` are the path's segments, from `api` or `apis` on. None: no such group."""
        groups = self._current()
        match parts:
            case ["api" | "apis" as root]:
                return self._root(request, root, groups)
            case ["api", version]:
                return _resource_list(groups, "", version)
            case ["apis", group] if group in groups and group:
                return json_response(_api_group(group, list(groups[group])))
            case ["apis", group, version] if group:
                return _resource_list(groups, group, version)
            case _:
                return None

    def _current(self) -> _Groups:
        edition = self._core.registry.edition
        if edition != self._edition:
            self._groups = _describe(self._core.registry.all())
            self._edition = edition
        return self._groups

    def _root(self, request: Request, root: str, groups: _Groups) -> Response:
        form = discovery_form(request.accept)
        chosen = {group: vs for group, vs in groups.items() if bool(group) == (root == "apis")}
        if form is not DiscoveryForm.LEGACY:
            return _aggregated(request, chosen, form)
        vary = (("Vary", "Accept"),)
        if root == "api":
            body: JsonObject = {
                "kind": "APIVersions",
                "versions": ["v1"],
                "serverAddressByClientCIDRs": [],
            }
        else:
            listed = [_api_group(group, list(versions)) for group, versions in chosen.items()]
            body = {"kind": "APIGroupList", "apiVersion": "v1", "groups": listed}
        return Response(body=orjson.dumps(body), headers=vary)


def _describe(served: Sequence[Served]) -> _Groups:
    groups: dict[str, dict[str, list[_Described]]] = {"": {"v1": []}}
    for name in _FIRST_GROUPS:
        groups[name] = {"v1": []}
    for kind in served:
        resource = kind.resource
        versions = groups.setdefault(resource.group, {})
        versions.setdefault(resource.version, []).append(_described(kind))
    for review in REVIEWS.values():
        groups[review.group]["v1"].append(
            _Described(review.plural, review.kind, review.kind.lower(), False, ("create",))
        )
    groups[""]["v1"].append(_Described("bindings", "Binding", "binding", True, ("create",)))
    return {
        group: {v: versions[v] for v in sorted(versions, key=_version_order)}
        for group, versions in groups.items()
    }


def _described(served: Served) -> _Described:
    resource = served.resource
    return _Described(
        resource.plural,
        resource.kind,
        served.singular,
        resource.namespaced,
        _VERBS,
        tuple(served.short_names),
        tuple(served.categories),
        tuple(_subresource(served, name) for name in sorted(served.subresources)),
    )


def _subresource(served: Served, name: str) -> _Subresource:
    resource = served.resource
    if name in _ACTIONS:
        return _Subresource(name, *_ACTIONS[name], verbs=("create",))
    if name == "scale":
        return _Subresource(name, "autoscaling", "v1", "Scale", _PART)
    verbs = {"log": ("get",), "finalize": ("update",)}.get(name, _PART)
    return _Subresource(name, resource.group, resource.version, resource.kind, verbs)


def _version_order(version: str) -> tuple[int, int, int]:
    """v2, v1, v1beta2, v1beta1, v1alpha1: stable first, then newest first."""
    major, _, rest = version.removeprefix("v").partition("alpha")
    stage = 2 if rest else 0
    if not rest:
        major, _, rest = major.partition("beta")
        stage = 1 if rest else 0
    return stage, -_int(major), -_int(rest)


def _int(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def _api_group(group: str, versions: Sequence[str]) -> JsonObject:
    listed = [{"groupVersion": f"{group}/{v}", "version": v} for v in versions]
    return {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": group,
        "versions": listed,
        "preferredVersion": listed[0],
    }


def _resource_list(groups: _Groups, group: str, version: str) -> Response | None:
    resources = groups.get(group, {}).get(version)
    if resources is None:
        return None
    listed: list[JsonObject] = []
    for described in resources:
        entry: JsonObject = {
            "name": described.plural,
            "singularName": described.singular,
            "namespaced": described.is_namespaced,
            "kind": described.kind,
            "verbs": described.verbs,
        }
        if described.short_names:
            entry["shortNames"] = described.short_names
        if described.categories:
            entry["categories"] = described.categories
        listed.append(entry)
        for sub in described.subresources:
            part: JsonObject = {
                "name": f"{described.plural}/{sub.name}",
                "singularName": "",
                "namespaced": described.is_namespaced,
            }
            if (sub.group, sub.version) != (group, version):
                part |= {"group": sub.group, "version": sub.version}
            listed.append(part | {"kind": sub.kind, "verbs": sub.verbs})
    return json_response(
        {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": f"{group}/{version}" if group else version,
            "resources": listed,
        }
    )


def _aggregated(request: Request, groups: _Groups, form: DiscoveryForm) -> Response:
    items: list[JsonObject] = []
    for group, versions in groups.items():
        listed = [
            {
                "version": version,
                "resources": [_aggregated_resource(r, group, version) for r in resources],
                "freshness": "Current",
            }
            for version, resources in versions.items()
        ]
        items.append({"metadata": {"name": group} if group else {}, "versions": listed})
    api_version = f"apidiscovery.k8s.io/{form}"
    body = orjson.dumps(
        {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": api_version,
            "metadata": {},
            "items": items,
        }
    )
    etag = f'"{hashlib.sha256(body).hexdigest().upper()}"'
    headers = (("ETag", etag), ("Vary", "Accept"))
    content_type = f"application/json;g=apidiscovery.k8s.io;v={form};as=APIGroupDiscoveryList"
    if request.headers.get("if-none-match") == etag:
        return Response(304, b"", content_type, headers)
    return Response(200, body, content_type, headers)


def _aggregated_resource(described: _Described, group: str, version: str) -> JsonObject:
    resource: JsonObject = {
        "resource": described.plural,
        "responseKind": {"group": group, "version": version, "kind": described.kind},
        "scope": "Namespaced" if described.is_namespaced else "Cluster",
        "singularResource": described.singular,
        "verbs": described.verbs,
    }
    if described.short_names:
        resource["shortNames"] = described.short_names
    if described.categories:
        resource["categories"] = described.categories
    if described.subresources:
        resource["subresources"] = [
            {
                "subresource": sub.name,
                "responseKind": {"group": sub.group, "version": sub.version, "kind": sub.kind},
                "verbs": sub.verbs,
            }
            for sub in described.subresources
        ]
    return resource
