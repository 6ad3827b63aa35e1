"""The workloads that own plain pods: their annotations speak for their pods' PodGroup.

They are followed from the first time that somebody asks for one: a cluster that has no such pods
watches nothing for them. Kinds that the server does not serve have no objects.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from shoal.api.apps import REPLICA_SETS, STATEFUL_SETS, ReplicaSet, StatefulSet
from shoal.api.meta import Object, ObjectKey, OwnerReference
from shoal.api.resource import Resource
from shoal.client.discovery import discover
from shoal.client.existence import find
from shoal.client.informer import Informer, InformerSet
from shoal.client.protocol import Client

_KINDS: tuple[Resource[Any], ...] = (
    REPLICA_SETS,
    STATEFUL_SETS,
    Resource("apps", "v1", "daemonsets", "DaemonSet", Object),
    Resource("batch", "v1", "jobs", "Job", Object),
)

WorkloadHandler = Callable[[Object], None]


class Workloads:
    def __init__(self, client: Client, informers: InformerSet) -> None:
        self._client = client
        self._informer_set = informers
        self._followed: dict[tuple[str, str], tuple[Resource[Any], Informer[Any]]] = {}
        self._starting = asyncio.Lock()
        self._is_followed = False
        self.on_change: WorkloadHandler = lambda workload: None
        """Called for each that appears, or whose annotations or size change."""

    async def find(self, namespace: str, reference: OwnerReference) -> Object | None:
        """The owner; None where it is gone. One of another kind says nothing: an empty object. One
        that is not known yet is asked for: what is made for its pods must not depend on which news
        comes first."""
        await self._follow()
        followed = self._followed.get((reference.api_version, reference.kind))
        if followed is None:
            return Object()
        resource, informer = followed
        known: Object | None = informer.lister.get(ObjectKey(namespace, reference.name))
        if known is None or known.metadata.uid != reference.uid:
            known = await find(self._client, resource, reference.name, namespace)
        return known if known is not None and known.metadata.uid == reference.uid else None

    async def _follow(self) -> None:
        async with self._starting:
            if self._is_followed:
                return
            served = {each.resource.group_resource for each in await discover(self._client)}
            for resource in _KINDS:
                if resource.group_resource in served:
                    informer = self._informer_set.informer(resource)
                    self._followed[resource.api_version, resource.kind] = (resource, informer)
            for _, informer in self._followed.values():
                await informer.wait_synced()
                informer.add_handler(self._changed)
            self._is_followed = True

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None and (old is None or _speech(old) != _speech(new)):
            self.on_change(new)


def is_scaled_to_zero(workload: Object | None) -> bool:
    """Whether it asks for no pods at all; kinds without a size always ask for some."""
    return isinstance(workload, ReplicaSet | StatefulSet) and workload.spec.replicas == 0


def _speech(workload: Object) -> tuple[dict[str, str], bool]:
    return workload.metadata.annotations, is_scaled_to_zero(workload)
