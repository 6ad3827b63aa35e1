"""What the binder knows of claims, volumes, classes and pods, and who is to be looked at when one
of them changes.

Keys with a namespace are claims, those without are volumes.
"""

from collections.abc import Iterable, Sequence

from shoal.api.meta import ObjectKey
from shoal.api.pod import PODS, Pod
from shoal.api.pod_claims import claim_name
from shoal.api.storage import (
    CLAIMS,
    PERSISTENT_VOLUMES,
    STORAGE_CLASSES,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
)
from shoal.client.informer import InformerSet
from shoal.client.workqueue import WorkQueue

_BY_CLAIM = "claim of volume"
_BY_CLASS = "class"
_BY_VOLUME = "volume of claim"
_BY_USE = "claims of pod"


class VolumeView:
    def __init__(self, informers: InformerSet) -> None:
        self._claims = informers.informer(CLAIMS)
        self._volumes = informers.informer(PERSISTENT_VOLUMES)
        self._classes = informers.informer(STORAGE_CLASSES)
        self._pods = informers.informer(PODS)
        self._claims.add_index(_BY_VOLUME, _volume_of)
        self._claims.add_index(_BY_CLASS, _waiting_class_of)
        self._volumes.add_index(_BY_CLAIM, _claim_of)
        self._volumes.add_index(_BY_CLASS, lambda volume: (volume.class_name,))
        self._pods.add_index(_BY_USE, claims_of)
        self.claims = self._claims.lister
        self.volumes = self._volumes.lister
        self.classes = self._classes.lister

    def volume(self, name: str) -> PersistentVolume | None:
        return self.volumes.get(ObjectKey("", name)) if name else None

    def storage_class(self, name: str) -> StorageClass | None:
        return self.classes.get(ObjectKey("", name)) if name else None

    def volumes_of_class(self, name: str) -> Iterable[PersistentVolume]:
        return self.volumes.by_index(_BY_CLASS, name)

    def pods_using(self, claim: PersistentVolumeClaim) -> Sequence[Pod]:
        return list(self._pods.lister.by_index(_BY_USE, str(claim.metadata.key)))

    def follow_bindings(self, queue: WorkQueue[ObjectKey]) -> None:
        """For the binder."""

        def on_claim(old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
            for each in (old, new):
                if each is not None:
                    queue.add(each.metadata.key)
                    for volume in self.volumes.by_index(_BY_CLAIM, str(each.metadata.key)):
                        queue.add(volume.metadata.key)

        def on_volume(old: PersistentVolume | None, new: PersistentVolume | None) -> None:
            for each in (old, new):
                if each is None:
                    continue
                queue.add(each.metadata.key)
                for claim in self.claims.by_index(_BY_VOLUME, each.metadata.name):
                    queue.add(claim.metadata.key)
                reference = each.spec.claim_ref
                if reference is not None:
                    queue.add(ObjectKey(reference.namespace, reference.name))
            if new is not None and (new.spec.claim_ref is None or not new.spec.claim_ref.uid):
                self._wake_waiting(new.class_name, queue)

        def on_class(old: StorageClass | None, new: StorageClass | None) -> None:
            if new is not None:
                self._wake_waiting(new.metadata.name, queue)
                self._wake_waiting("", queue)

        def on_pod(old: Pod | None, new: Pod | None) -> None:
            if old is None and new is not None and not new.spec.node_name:
                for key in claim_keys(new):
                    queue.add(key)

        self._claims.add_handler(on_claim)
        self._volumes.add_handler(on_volume)
        self._classes.add_handler(on_class)
        self._pods.add_handler(on_pod)

    def _wake_waiting(self, class_name: str, queue: WorkQueue[ObjectKey]) -> None:
        for claim in self.claims.by_index(_BY_CLASS, class_name):
            queue.add(claim.metadata.key)


def claim_keys(pod: Pod) -> list[ObjectKey]:
    """The claims that a pod names, and those that are made for its own volumes."""
    names = (claim_name(pod, volume) for volume in pod.spec.volumes)
    return [ObjectKey(pod.metadata.namespace, name) for name in names if name]


def claims_of(pod: Pod) -> tuple[str, ...]:
    """An index: pods by the claims that they use."""
    return tuple(str(key) for key in claim_keys(pod))


def _volume_of(claim: PersistentVolumeClaim) -> tuple[str, ...]:
    return (claim.spec.volume_name,) if claim.spec.volume_name else ()


def _waiting_class_of(claim: PersistentVolumeClaim) -> tuple[str, ...]:
    return () if claim.is_bound else (claim.class_name,)


def _claim_of(volume: PersistentVolume) -> tuple[str, ...]:
    reference = volume.spec.claim_ref
    return (str(ObjectKey(reference.namespace, reference.name)),) if reference else ()
