"""Objects for rules of admission to look at."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from shoal.api.resource import JsonObject, Resource
from shoal.api.volcano.queue import QUEUES, manifest

T = TypeVar("T")


class Objects:
    """A `Lookup` over manifests."""

    def __init__(self, *queues: JsonObject, others: dict[str, list[JsonObject]] | None = None):
        self._objects = {QUEUES.group_resource: list(queues), **(others or {})}

    def get(self, resource: Resource[T], name: str, namespace: str = "") -> T | None:
        for each in self._objects.get(resource.group_resource, []):
            metadata = each["metadata"]
            if metadata["name"] == name and metadata.get("namespace", "") == namespace:
                return msgspec.convert(each, resource.type)
        return None

    def list(self, resource: Resource[T]) -> Sequence[T]:
        found = self._objects.get(resource.group_resource, [])
        return [msgspec.convert(each, resource.type) for each in found]


def queue(name: str, *, state: str = "Open", pods: int = 0, **spec: Any) -> JsonObject:
    allocated = {"pods": str(pods)} if pods else {}
    return manifest(name, **spec) | {"status": {"state": state, "allocated": allocated}}


def amounts(cpu: object = None, memory: str | None = None, **others: str) -> JsonObject:
    """A resource list; names with `/` are given as `**{"nvidia.com/gpu": ...}`."""
    found: JsonObject = {"cpu": None if cpu is None else str(cpu), "memory": memory, **others}
    return {name: amount for name, amount in found.items() if amount is not None}


def template(**spec: Any) -> JsonObject:
    container = {"name": "main", "image": "busybox:1.24"}
    return {"metadata": {"labels": {"name": "test"}}, "spec": {"containers": [container], **spec}}


def task(name: str = "task-1", replicas: int = 1, **fields: Any) -> JsonObject:
    return {"name": name, "replicas": replicas, "template": template(), **fields}
