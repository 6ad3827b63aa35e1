"""A pod as the scheduler sees it: the object, with what every plugin asks of it worked out once."""

from dataclasses import dataclass

from shoal.api import gpu_sharing, scv
from shoal.api.meta import ObjectKey
from shoal.api.pod import Pod, PodSpec
from shoal.scheduler.state import affinity_terms, host_ports, label_class, mounts, request
from shoal.scheduler.state.affinity_terms import AffinityTerms
from shoal.scheduler.state.host_ports import HostPort
from shoal.scheduler.state.label_class import LabelClass
from shoal.scheduler.state.mounts import ClaimMount, Disk
from shoal.scheduler.state.request import ResourceRequest


@dataclass(frozen=True, slots=True, eq=False)
class PodInfo:
    """Compared by identity: two versions of one pod share `uid` but are two `PodInfo`s."""

    object: Pod
    key: ObjectKey
    uid: str
    priority: int
    request: ResourceRequest
    label_class: LabelClass
    affinity_terms: AffinityTerms
    host_ports: tuple[HostPort, ...] = ()
    claims: tuple[ClaimMount, ...] = ()
    disks: tuple[Disk, ...] = ()
    is_plain: bool = False
    """Only its labels and requests matter to others: most indices need not know of it."""

    @property
    def name(self) -> str:
        return self.key.name

    @property
    def namespace(self) -> str:
        return self.key.namespace

    @property
    def labels(self) -> dict[str, str]:
        return self.object.metadata.labels

    @property
    def spec(self) -> PodSpec:
        return self.object.spec


def of(pod: Pod) -> PodInfo:
    """Raises QuantityError where a request is not a quantity."""
    terms = affinity_terms.of(pod)
    ports = host_ports.of_pod(pod.spec)
    claims, disks = mounts.claims_of(pod), mounts.disks_of(pod.spec)
    meta = pod.metadata
    is_special = (
        terms is not affinity_terms.NO_TERMS
        or bool(ports or claims or disks)
        or scv.MEMORY_LABEL in meta.labels
        or gpu_sharing.MILLI_ANNOTATION in meta.annotations
        or gpu_sharing.COUNT_ANNOTATION in meta.annotations
    )
    return PodInfo(
        object=pod,
        key=meta.key,
        uid=meta.uid,
        priority=pod.spec.priority or 0,
        request=request.of_pod(pod.spec, pod.status if pod.spec.node_name else None),
        label_class=label_class.of(pod),
        affinity_terms=terms,
        host_ports=ports,
        claims=claims,
        disks=disks,
        is_plain=not is_special,
    )
