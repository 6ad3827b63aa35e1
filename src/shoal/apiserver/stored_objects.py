"""`StoredObjects`: typed reads of the store, for rules that look at other objects.

Implements `shoal.admission.lookup`. A value is decoded once: values are shared bytes, and those
of the kinds that rules look at change rarely.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from shoal.api.resource import Resource
from shoal.store.protocol import Store

T = TypeVar("T")

_KEPT = 2048
"""Decoded values; queues and namespaces, of which clusters have hundreds."""


class StoredObjects:
    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, resource: Resource[T], name: str, namespace: str = "") -> T | None:
        place = f"{namespace}/{name}" if resource.namespaced else name
        entry = self._store.get(f"{resource.group_resource}/{place}")
        return None if entry is None else _decode(resource.type, entry.value)

    def list(self, resource: Resource[T]) -> Sequence[T]:
        entries = self._store.list(f"{resource.group_resource}/").entries
        return [_decode(resource.type, entry.value) for entry in entries]


@lru_cache(maxsize=_KEPT)
def _decode(type: type[Any], value: bytes) -> Any:
    return msgspec.json.decode(value, type=type)
