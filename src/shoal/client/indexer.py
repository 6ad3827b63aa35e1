"""`Indexer`: objects by key, by namespace, and by whatever else is asked for often."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar, cast

from shoal.api.meta import Object, ObjectKey

T = TypeVar("T")

IndexFunction = Callable[[T], Iterable[str]]
"""The values under which an object is found; none leaves it out of the index."""


class Indexer(Generic[T]):
    def __init__(self) -> None:
        self._objects: dict[ObjectKey, T] = {}
        self._namespaces: dict[str, dict[ObjectKey, T]] = {}
        self._functions: dict[str, IndexFunction[T]] = {}
        self._indexes: dict[str, dict[str, dict[ObjectKey, T]]] = {}

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[T]:
        return iter(self._objects.values())

    def keys(self) -> Iterable[ObjectKey]:
        return self._objects.keys()

    def get(self, key: ObjectKey) -> T | None:
        return self._objects.get(key)

    def in_namespace(self, namespace: str) -> Iterable[T]:
        return self._namespaces.get(namespace, {}).values()

    def by_index(self, name: str, value: str) -> Iterable[T]:
        return self._indexes[name].get(value, {}).values()

    def add_index(self, name: str, function: IndexFunction[T]) -> None:
        """Index what is there and what comes. A name stands for one function."""
        self._functions[name] = function
        self._indexes[name] = {}
        for key, obj in self._objects.items():
            for value in function(obj):
                self._indexes[name].setdefault(value, {})[key] = obj

    def set(self, key: ObjectKey, obj: T) -> T | None:
        """Put the object in; returns the one it replaces."""
        old = self.remove(key)
        self._objects[key] = obj
        self._namespaces.setdefault(key.namespace, {})[key] = obj
        for name, function in self._functions.items():
            for value in function(obj):
                self._indexes[name].setdefault(value, {})[key] = obj
        return old

    def remove(self, key: ObjectKey) -> T | None:
        old = self._objects.pop(key, None)
        if old is None:
            return None
        _discard(self._namespaces, key.namespace, key)
        for name, function in self._functions.items():
            for value in function(old):
                _discard(self._indexes[name], value, key)
        return old


def _discard(index: dict[str, dict[ObjectKey, T]], value: str, key: ObjectKey) -> None:
    found = index.get(value)
    if found is not None:
        found.pop(key, None)
        if not found:
            del index[value]


def key_of(obj: object) -> ObjectKey:
    """Of a typed or a plain object."""
    if isinstance(obj, dict):
        metadata = _metadata(obj)
        return ObjectKey(metadata.get("namespace", ""), metadata["name"])
    return cast(Object, obj).metadata.key


def labels_of(obj: object) -> dict[str, str]:
    if isinstance(obj, dict):
        return _metadata(obj).get("labels") or {}
    return cast(Object, obj).metadata.labels


def resource_version_of(obj: object) -> str:
    if isinstance(obj, dict):
        return _metadata(obj).get("resourceVersion", "")
    return cast(Object, obj).metadata.resource_version


def _metadata(obj: Any) -> dict[str, Any]:
    return obj.get("metadata") or {}
