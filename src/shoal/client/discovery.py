"""What a server serves, learned by asking it.

One request each for the core and the named groups (aggregated discovery, v2). Used where kinds
are not known beforehand: the command line, garbage collection, namespace deletion.
Source of the format: Kubernetes v1.36, apidiscovery.k8s.io/v2.
"""

from collections.abc import Sequence

import msgspec

from shoal.api.resource import JsonObject, Resource
from shoal.client.protocol import Client

_ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


class ServedResource(msgspec.Struct, frozen=True):
    resource: Resource[JsonObject]
    singular: str
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    verbs: frozenset[str]
    subresources: frozenset[str]
    """Such as `scale`."""
    versions: tuple[str, ...]
    """All under which it is served, the preferred one first."""

    def is_named(self, name: str) -> bool:
        """`name` as people type it: plural, singular, short name, kind, with or without group."""
        word, _, group = name.lower().partition(".")
        if group and group != self.resource.group and not group.startswith(self._version_prefix):
            return False
        names = {self.resource.plural, self.singular, self.resource.kind.lower()}
        return word in names | set(self.short_names)

    @property
    def _version_prefix(self) -> str:
        return f"{self.resource.version}."


async def discover(client: Client) -> list[ServedResource]:
    """Everything served, each resource in its group's preferred version, in priority order."""
    found: list[ServedResource] = []
    for root in ("/api", "/apis"):
        document = await client.request("GET", root, accept=_ACCEPT)
        for group in document.get("items", []):
            found += _preferred(group)
    return found


def _preferred(group: JsonObject) -> list[ServedResource]:
    name = str(group.get("metadata", {}).get("name", ""))
    versions: dict[str, list[str]] = {}
    preferred: dict[str, JsonObject] = {}
    for version in group.get("versions", []):
        for raw in version.get("resources", []):
            if "list" in raw.get("verbs", []):
                preferred.setdefault(raw["resource"], raw)
                versions.setdefault(raw["resource"], []).append(str(version["version"]))
    return [_served(name, versions[plural], raw) for plural, raw in preferred.items()]


def _served(group: str, versions: Sequence[str], raw: JsonObject) -> ServedResource:
    kind = raw.get("responseKind", {})
    return ServedResource(
        resource=Resource(
            kind.get("group") or group,
            kind.get("version") or versions[0],
            raw["resource"],
            kind.get("kind", ""),
            JsonObject,
            raw.get("scope") == "Namespaced",
        ),
        singular=raw.get("singularResource", ""),
        short_names=tuple(raw.get("shortNames", [])),
        categories=tuple(raw.get("categories", [])),
        verbs=frozenset(raw.get("verbs", [])),
        subresources=frozenset(each["subresource"] for each in raw.get("subresources", [])),
        versions=tuple(versions),
    )


def find(served: Sequence[ServedResource], name: str) -> ServedResource | None:
    """The first resource that people mean by `name`."""
    return next((each for each in served if each.is_named(name)), None)
