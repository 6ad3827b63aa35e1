"""Objects beyond nodes and pods that plugins look up: namespaces, claims, budgets, custom kinds.

A plugin says in its `needs` which collections it reads; the shell watches those, and the core
keeps them here as they come. Everything is by namespace and name; what plugins get is shared and
must not be changed.
"""

from collections.abc import Collection
from typing import Any, TypeVar, cast

from shoal.api.meta import ObjectKey
from shoal.api.resource import Resource

T = TypeVar("T")


class Objects:
    """The latest state of each object."""

    def __init__(self) -> None:
        self._collections: dict[Resource[Any], dict[ObjectKey, Any]] = {}
        self._generations: dict[Resource[Any], int] = {}
        self.changes = 0
        """Of all collections so far: equal as long as nothing changed."""

    def get(self, resource: Resource[T], namespace: str, name: str) -> T | None:
        """`namespace` is empty for cluster-scoped kinds."""
        found = self._collections.get(resource, {}).get(ObjectKey(namespace, name))
        return cast("T | None", found)

    def list(self, resource: Resource[T]) -> Collection[T]:
        """All of the collection, oldest news first."""
        return self._collections.get(resource, {}).values()

    def generation(self, resource: Resource[Any]) -> int:
        """Grows with every change of the collection: equal as long as nothing changed."""
        return self._generations.get(resource, 0)

    def set(self, resource: Resource[Any], key: ObjectKey, value: Any) -> None:
        self._collections.setdefault(resource, {})[key] = value
        self._note_change(resource)

    def remove(self, resource: Resource[Any], key: ObjectKey) -> None:
        """Nothing happens where it is unknown."""
        if self._collections.get(resource, {}).pop(key, None) is not None:
            self._note_change(resource)

    def _note_change(self, resource: Resource[Any]) -> None:
        self._generations[resource] = self.generation(resource) + 1
        self.changes += 1
