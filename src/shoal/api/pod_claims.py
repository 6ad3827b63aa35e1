"""The claims of a pod: those that it names, and those that are made for volumes of its own.

Source of names and texts: Kubernetes v1.36, component-helpers/storage/ephemeral.
"""

from shoal.api.meta import ObjectMeta
from shoal.api.pod import Pod
from shoal.api.pod_volumes import Volume


def claim_name(pod: Pod, volume: Volume) -> str:
    """The claim that a volume of the pod stands for; empty for other volumes."""
    if volume.persistent_volume_claim is not None:
        return volume.persistent_volume_claim.claim_name
    return f"{pod.metadata.name}-{volume.name}" if volume.ephemeral is not None else ""


def foreign_claim(pod: ObjectMeta, claim: ObjectMeta) -> str:
    """Why the claim is not for a volume of the pod's own; empty where it was made for one."""
    owner = claim.controller
    if owner is not None and owner.uid == pod.uid:
        return ""
    return f"PVC {claim.key} was not created for pod {pod.key} (pod is not owner)"
