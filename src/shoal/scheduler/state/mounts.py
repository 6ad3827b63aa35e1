"""What a pod's volumes are to the scheduler: claims, and disks that pods may not share at will.

Source of the rules: Kubernetes v1.36, component-helpers/storage/ephemeral and
pkg/scheduler/framework/plugins/volumerestrictions (isVolumeConflict).
"""

from typing import NamedTuple

from shoal.api.pod import Pod, PodSpec
from shoal.api.pod_claims import claim_name


class ClaimMount(NamedTuple):
    """A PersistentVolumeClaim of the pod's namespace."""

    name: str
    is_ephemeral: bool
    """Made for this pod alone, by a controller."""


class Disk(NamedTuple):
    """A disk that the pod names without a claim."""

    kind: str
    name: str
    monitors: frozenset[str]
    """Of a Ceph cluster; empty for other kinds."""
    is_read_only: bool
    """False, too, where reading at two places is not possible."""

    def conflicts_with(self, other: "Disk") -> bool:
        """Whether one node cannot mount both."""
        is_same = self.kind == other.kind and self.name == other.name
        if not is_same or (self.is_read_only and other.is_read_only):
            return False
        return self.monitors == other.monitors or bool(self.monitors & other.monitors)


def claims_of(pod: Pod) -> tuple[ClaimMount, ...]:
    """In the order of the volumes."""
    if not pod.spec.volumes:
        return ()
    found: list[ClaimMount] = []
    for volume in pod.spec.volumes:
        name = claim_name(pod, volume)
        if name:
            found.append(ClaimMount(name, volume.ephemeral is not None))
    return tuple(found)


def disks_of(spec: PodSpec) -> tuple[Disk, ...]:
    if not spec.volumes:
        return ()
    found: list[Disk] = []
    nobody: frozenset[str] = frozenset()
    for volume in spec.volumes:
        if (gce := volume.gce_persistent_disk) is not None:
            found.append(Disk("gce", gce.pd_name, nobody, gce.read_only))
        elif (aws := volume.aws_elastic_block_store) is not None:
            found.append(Disk("aws", aws.volume_id, nobody, False))
        elif (iscsi := volume.iscsi) is not None:
            found.append(Disk("iscsi", iscsi.iqn, nobody, iscsi.read_only))
        elif (rbd := volume.rbd) is not None:
            name = f"{rbd.pool}/{rbd.image}"
            found.append(Disk("rbd", name, frozenset(rbd.monitors), rbd.read_only))
    return tuple(found)
