"""A pod's claims, as all plugins that look at volumes ask about them."""

from collections.abc import Iterator

from shoal.api.meta import ObjectKey
from shoal.api.storage import PersistentVolumeClaim
from shoal.scheduler.framework.cluster_event import QueueingHint
from shoal.scheduler.state.pod_info import PodInfo


def keys_of(pod: PodInfo) -> Iterator[ObjectKey]:
    """In the order of the volumes."""
    return (ObjectKey(pod.namespace, mount.name) for mount in pod.claims)


def is_own_claim(
    pod: PodInfo, before: PersistentVolumeClaim | None, after: PersistentVolumeClaim
) -> QueueingHint:
    """A hint: the claim is one of the pod's."""
    is_own = after.metadata.key in keys_of(pod)
    return QueueingHint.QUEUE if is_own else QueueingHint.SKIP
