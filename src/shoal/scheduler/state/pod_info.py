"""A pod as the scheduler sees it: the object, with what every plugin asks of it worked out once."""

from dataclasses import dataclass

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
    return PodInfo(
        object=pod,
        key=pod.metadata.key,
        uid=pod.metadata.uid,
        priority=pod.spec.priority or 0,
        request=request.of_pod(pod.spec, pod.status if pod.spec.node_name else None),
        label_class=label_class.of(pod),
        affinity_terms=affinity_terms.of(pod),
        host_ports=host_ports.of_pod(pod.spec),
        claims=mounts.claims_of(pod),
        disks=mounts.disks_of(pod.spec),
    )
