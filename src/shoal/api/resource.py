"""`Resource` names what a client reads and writes: group, version, plural, and the Python type.

One constant per kind stands beside its struct (`pod.PODS`, `node.NODES`, ...). A kind that Shoal
does not know at build time gets one at run time with `untyped`.
"""

from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")
JsonObject = dict[str, Any]


class Resource(msgspec.Struct, Generic[T], frozen=True):
    """A served collection, and the type its objects are decoded to.

    `type` is an `ApiStruct` or `dict`; two resources of the same group, version and plural but of
    another type are the same collection, read differently.
    """

    group: str
    version: str
    plural: str
    kind: str
    type: type[T]
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """`plural.group`, as errors and storage name it; the core group has no suffix."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """URL path of the collection, an object, or a subresource."""
        parts = ["/apis/" + self.group if self.group else "/api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)

    def untyped(self) -> "Resource[JsonObject]":
        """The same collection, read as plain dicts."""
        return Resource(
            self.group, self.version, self.plural, self.kind, JsonObject, self.namespaced
        )
