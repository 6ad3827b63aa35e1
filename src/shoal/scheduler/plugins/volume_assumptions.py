"""Volumes and claims as they will be: what the API server says, with what was promised meanwhile.

A volume is promised to a claim, or a claim to a node, from the moment its pod has a place; the
API server learns of it shortly before the binding. A promise ends when it is taken back, or when a
newer version of the object comes, which then says how things are.

Source of the rules: Kubernetes v1.36, pkg/scheduler/util/assumecache.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from shoal.api.meta import ObjectKey
from shoal.api.storage import (
    CLAIMS,
    PERSISTENT_VOLUMES,
    SELECTED_NODE,
    PersistentVolume,
    PersistentVolumeClaim,
)
from shoal.api.volume_matching import bound, size_bytes
from shoal.scheduler.state.objects import Objects

Match = tuple[PersistentVolumeClaim, PersistentVolume]
"""A claim, and the volume that it gets."""


@dataclass(frozen=True, slots=True)
class _Promise:
    """What one pod was promised, as it will be."""

    volumes: Sequence[PersistentVolume]
    claims: Sequence[PersistentVolumeClaim]


class AssumedVolumes:
    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._volumes: dict[str, PersistentVolume] = {}
        self._claims: dict[ObjectKey, PersistentVolumeClaim] = {}
        self._promised: dict[str, _Promise] = {}
        """By the pod's uid."""
        self._settled: list[_Promise] = []
        """Of pods that are bound, until newer versions of the objects have come."""
        self._by_class: dict[str, list[PersistentVolume]] = {}
        """As the API server says, smallest first."""
        self._by_class_at = -1

    @property
    def assumed_count(self) -> int:
        """Volumes and claims that are said to be otherwise than the API server says."""
        return len(self._volumes) + len(self._claims)

    def volume(self, name: str) -> PersistentVolume | None:
        latest = self._objects.get(PERSISTENT_VOLUMES, "", name)
        assumed = self._volumes.get(name)
        if assumed is None:
            return latest
        if latest is None or _version(latest) != _version(assumed):
            del self._volumes[name]
            return latest
        return assumed

    def claim(self, key: ObjectKey) -> PersistentVolumeClaim | None:
        latest = self._objects.get(CLAIMS, key.namespace, key.name)
        assumed = self._claims.get(key)
        if assumed is None:
            return latest
        if latest is None or _version(latest) != _version(assumed):
            del self._claims[key]
            return latest
        return assumed

    def volumes_of_class(self, class_name: str) -> Iterable[PersistentVolume]:
        """Smallest first, then by name."""
        for latest in self._of_class(class_name):
            name = latest.metadata.name
            volume = self.volume(name) if name in self._volumes else latest
            if volume is not None:
                yield volume

    def assume(
        self,
        pod_uid: str,
        node_name: str,
        matches: Sequence[Match],
        provisions: Sequence[PersistentVolumeClaim],
    ) -> None:
        """Promise the volumes to their claims, and the claims of which the volumes are still to
        be made to the node."""
        promise = _Promise(
            [bound(volume, claim) for claim, volume in matches],
            [_for_node(claim, node_name) for claim in provisions],
        )
        self._promised[pod_uid] = promise
        self._volumes.update({each.metadata.name: each for each in promise.volumes})
        self._claims.update({each.metadata.key: each for each in promise.claims})

    def revert(self, pod_uid: str) -> None:
        """Take back what the pod was promised; nothing happens where that is nothing."""
        promise = self._promised.pop(pod_uid, None)
        if promise is None:
            return
        for volume in promise.volumes:
            if self._volumes.get(volume.metadata.name) is volume:
                del self._volumes[volume.metadata.name]
        for claim in promise.claims:
            if self._claims.get(claim.metadata.key) is claim:
                del self._claims[claim.metadata.key]

    def settle(self, pod_uid: str) -> None:
        """The pod is bound: from here on the objects tell, as soon as they have come."""
        promise = self._promised.pop(pod_uid, None)
        if promise is not None:
            self._settled.append(promise)
        self._settled = [each for each in self._settled if self._is_untold(each)]

    def _is_untold(self, promise: _Promise) -> bool:
        """Whether any of it still stands for an object. What does not is let go, although nobody
        may ever ask for it again."""
        volumes = [self.volume(each.metadata.name) is each for each in promise.volumes]
        claims = [self.claim(each.metadata.key) is each for each in promise.claims]
        return any((*volumes, *claims))

    def _of_class(self, class_name: str) -> Sequence[PersistentVolume]:
        generation = self._objects.generation(PERSISTENT_VOLUMES)
        if self._by_class_at != generation:
            self._by_class_at = generation
            self._by_class.clear()
            volumes = self._objects.list(PERSISTENT_VOLUMES)
            for volume in sorted(volumes, key=lambda v: (size_bytes(v), v.metadata.name)):
                self._by_class.setdefault(volume.class_name, []).append(volume)
        return self._by_class.get(class_name, ())


def _for_node(claim: PersistentVolumeClaim, node_name: str) -> PersistentVolumeClaim:
    annotations = {**claim.metadata.annotations, SELECTED_NODE: node_name}
    metadata = msgspec.structs.replace(claim.metadata, annotations=annotations)
    return msgspec.structs.replace(claim, metadata=metadata)


def _version(obj: PersistentVolume | PersistentVolumeClaim) -> str:
    return obj.metadata.resource_version
