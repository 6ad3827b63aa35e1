"""Volumes that outlive pods, and what a node can attach, as far as Shoal reads them.

Source of the fields and annotations: Kubernetes v1.36, core/v1, storage/v1 and
component-helpers/storage/volume.
"""

from collections.abc import Iterable

from shoal.api.meta import ApiStruct, LabelSelector, Object, ObjectReference
from shoal.api.pod import NodeSelector, ResourceMap, ResourceRequirements
from shoal.api.pod_volumes import HostPathVolume
from shoal.api.resource import Resource

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
"""On a claim: its volume is bound to it, too."""
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
"""On a volume: no person wrote its claimRef."""
SELECTED_NODE = "volume.kubernetes.io/selected-node"
"""On a claim: the node for which a volume is to be made."""
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
"""On a volume: who made it for its claim."""
STORAGE_PROVISIONER = "volume.kubernetes.io/storage-provisioner"
"""On a claim: who is to make its volume."""
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
"""On a class: claims that name none get it."""
CLAIM_PROTECTION = "kubernetes.io/pvc-protection"
"""Finalizer of a claim: it stays while pods use it."""
VOLUME_PROTECTION = "kubernetes.io/pv-protection"
"""Finalizer of a volume: it stays while it is bound."""
LOCAL_FOLDER = "shoal.io/local-folder"
"""Provisioner of classes whose volumes are folders of this machine."""
NO_PROVISIONER = "kubernetes.io/no-provisioner"
"""Provisioner of classes whose volumes are made by hand."""
WAIT_FOR_FIRST_CONSUMER = "WaitForFirstConsumer"
STORAGE = "storage"
"""Of a volume's capacity and a claim's requests."""

_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_FILESYSTEM = "Filesystem"


class VolumeNodeAffinity(ApiStruct):
    required: NodeSelector | None = None


class CsiSource(ApiStruct):
    driver: str = ""
    volume_handle: str = ""


class LocalSource(ApiStruct):
    path: str


class PersistentVolumeSpec(ApiStruct):
    capacity: ResourceMap = {}
    access_modes: list[str] = []
    claim_ref: ObjectReference | None = None
    storage_class_name: str = ""
    volume_mode: str = _FILESYSTEM
    node_affinity: VolumeNodeAffinity | None = None
    csi: CsiSource | None = None
    host_path: HostPathVolume | None = None
    local: LocalSource | None = None
    persistent_volume_reclaim_policy: str = "Retain"


class PersistentVolumeStatus(ApiStruct):
    phase: str = ""
    message: str = ""


class PersistentVolume(Object):
    """A piece of storage, made by a person or a driver."""

    spec: PersistentVolumeSpec = PersistentVolumeSpec()
    status: PersistentVolumeStatus = PersistentVolumeStatus()

    @property
    def class_name(self) -> str:
        """Empty for volumes without a class."""
        return self.metadata.annotations.get(_CLASS_ANNOTATION) or self.spec.storage_class_name


class ClaimSpec(ApiStruct):
    access_modes: list[str] = []
    selector: LabelSelector | None = None
    resources: ResourceRequirements = ResourceRequirements()
    volume_name: str = ""
    storage_class_name: str | None = None
    volume_attributes_class_name: str | None = None
    volume_mode: str = _FILESYSTEM


class ClaimStatus(ApiStruct):
    phase: str = ""
    access_modes: list[str] = []
    capacity: ResourceMap = {}


class PersistentVolumeClaim(Object):
    """What a user asks of storage, and the volume that fulfils it."""

    spec: ClaimSpec = ClaimSpec()
    status: ClaimStatus = ClaimStatus()

    @property
    def class_name(self) -> str:
        """Empty for claims on volumes without a class."""
        annotated = self.metadata.annotations.get(_CLASS_ANNOTATION)
        return annotated or self.spec.storage_class_name or ""

    @property
    def is_bound(self) -> bool:
        """Whether claim and volume name each other."""
        return bool(self.spec.volume_name) and self.is_bind_completed

    @property
    def is_bind_completed(self) -> bool:
        """Whether it has ever been bound."""
        return BIND_COMPLETED in self.metadata.annotations

    @property
    def has_class(self) -> bool:
        """Whether anything is said of a class, be it that none is wanted."""
        annotated = _CLASS_ANNOTATION in self.metadata.annotations
        return annotated or self.spec.storage_class_name is not None


class TopologySelectorRequirement(ApiStruct):
    key: str
    values: list[str] = []


class TopologySelectorTerm(ApiStruct):
    match_label_expressions: list[TopologySelectorRequirement] = []


class StorageClass(Object):
    """A kind of storage: who makes its volumes, and when."""

    provisioner: str = ""
    volume_binding_mode: str | None = None
    reclaim_policy: str = "Delete"
    allow_volume_expansion: bool | None = None
    allowed_topologies: list[TopologySelectorTerm] = []

    @property
    def is_delayed(self) -> bool:
        """Whether its claims wait for a pod before they get a volume."""
        return self.volume_binding_mode == WAIT_FOR_FIRST_CONSUMER

    @property
    def is_default(self) -> bool:
        return self.metadata.annotations.get(DEFAULT_CLASS) == "true"


class VolumeNodeResources(ApiStruct):
    count: int | None = None


class CsiNodeDriver(ApiStruct):
    name: str
    allocatable: VolumeNodeResources | None = None


class CsiNodeSpec(ApiStruct):
    drivers: list[CsiNodeDriver] = []


class CsiNode(Object):
    """What the drivers on the node of this name can attach."""

    spec: CsiNodeSpec = CsiNodeSpec()

    @property
    def limits(self) -> dict[str, int]:
        """How many volumes by driver; drivers without a limit are missing."""
        return {
            each.name: each.allocatable.count
            for each in self.spec.drivers
            if each.allocatable is not None and each.allocatable.count is not None
        }


PERSISTENT_VOLUMES: Resource[PersistentVolume] = Resource(
    "", "v1", "persistentvolumes", "PersistentVolume", PersistentVolume, namespaced=False
)
CLAIMS: Resource[PersistentVolumeClaim] = Resource(
    "", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", PersistentVolumeClaim
)
STORAGE_CLASSES: Resource[StorageClass] = Resource(
    "storage.k8s.io", "v1", "storageclasses", "StorageClass", StorageClass, namespaced=False
)
CSI_NODES: Resource[CsiNode] = Resource(
    "storage.k8s.io", "v1", "csinodes", "CSINode", CsiNode, namespaced=False
)


def default_class(classes: Iterable[StorageClass]) -> StorageClass | None:
    """Of several default classes the newest, then the first by name (Kubernetes v1.36,
    pkg/volume/util/storageclass.go)."""
    defaults = [each for each in classes if each.is_default]
    defaults.sort(key=lambda each: each.metadata.name)
    defaults.sort(key=_made_at, reverse=True)
    return defaults[0] if defaults else None


def _made_at(storage_class: StorageClass) -> float:
    made = storage_class.metadata.creation_timestamp
    return made.timestamp() if made is not None else 0.0
