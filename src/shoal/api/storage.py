"""Volumes that outlive pods, and what a node can attach, as far as Shoal reads them.

Source of the fields and annotations: Kubernetes v1.36, core/v1, storage/v1 and
component-helpers/storage/volume.
"""

from shoal.api.meta import ApiStruct, LabelSelector, Object, ObjectReference
from shoal.api.pod import NodeSelector, ResourceMap, ResourceRequirements
from shoal.api.resource import Resource

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
"""On a claim: its volume is bound to it, too."""
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
"""On a volume: no person wrote its claimRef."""
SELECTED_NODE = "volume.kubernetes.io/selected-node"
"""On a claim: the node for which a volume is to be made."""
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


class PersistentVolumeSpec(ApiStruct):
    capacity: ResourceMap = {}
    access_modes: list[str] = []
    claim_ref: ObjectReference | None = None
    storage_class_name: str = ""
    volume_mode: str = _FILESYSTEM
    node_affinity: VolumeNodeAffinity | None = None
    csi: CsiSource | None = None


class PersistentVolumeStatus(ApiStruct):
    phase: str = ""


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
    volume_mode: str = _FILESYSTEM


class ClaimStatus(ApiStruct):
    phase: str = ""


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
        return bool(self.spec.volume_name) and BIND_COMPLETED in self.metadata.annotations


class TopologySelectorRequirement(ApiStruct):
    key: str
    values: list[str] = []


class TopologySelectorTerm(ApiStruct):
    match_label_expressions: list[TopologySelectorRequirement] = []


class StorageClass(Object):
    """A kind of storage: who makes its volumes, and when."""

    provisioner: str = ""
    volume_binding_mode: str | None = None
    allowed_topologies: list[TopologySelectorTerm] = []


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
