"""What a StatefulSet's status says: the numbers that `rollout status` waits for.

Pure. Source of the rules: Kubernetes v1.36, pkg/controller/statefulset (stateful_set_control.go,
stateful_set_utils.go).
"""

from collections.abc import Sequence

from shoal.api.pod import Pod
from shoal.api.resource import JsonObject
from shoal.controllers.kube.replica_count import is_available
from shoal.controllers.kube.revisions import POD_HASH
from shoal.controllers.kube.stateful_set_plan import View


def status(view: View, current_revision: str, collisions: int) -> JsonObject:
    """`current_revision` is the one that the update began with; it follows when all pods have."""
    spec, staying = view.stateful_set.spec, [pod for pod in view.pods if not pod.is_deleting]
    ready = [pod for pod in view.pods if pod.status.phase == "Running" and pod.is_ready]
    numbers: JsonObject = {
        "observedGeneration": view.stateful_set.metadata.generation,
        "replicas": len(view.pods),
        "readyReplicas": len(ready),
        "availableReplicas": sum(
            is_available(pod, spec.min_ready_seconds, view.now) for pod in ready
        ),
        "currentReplicas": _made_from(staying, current_revision),
        "updatedReplicas": _made_from(staying, view.update_revision),
        "currentRevision": current_revision,
        "updateRevision": view.update_revision,
        "collisionCount": collisions,
    }
    is_updated = spec.update_strategy.type == "RollingUpdate" and all(
        numbers[name] == spec.replicas for name in ("replicas", "readyReplicas", "updatedReplicas")
    )
    if is_updated:
        numbers["currentReplicas"] = numbers["updatedReplicas"]
        numbers["currentRevision"] = view.update_revision
    return numbers


def _made_from(pods: Sequence[Pod], revision: str) -> int:
    return sum(pod.metadata.labels.get(POD_HASH) == revision for pod in pods)


def changes(view: View, wanted: JsonObject) -> JsonObject:
    """The part of `wanted` that differs from what is stored; empty where nothing does."""
    stored = view.stateful_set.status
    before: JsonObject = {
        "observedGeneration": stored.observed_generation,
        "replicas": stored.replicas,
        "readyReplicas": stored.ready_replicas,
        "availableReplicas": stored.available_replicas,
        "currentReplicas": stored.current_replicas,
        "updatedReplicas": stored.updated_replicas,
        "currentRevision": stored.current_revision,
        "updateRevision": stored.update_revision,
        "collisionCount": stored.collision_count,
    }
    return {key: value for key, value in wanted.items() if before[key] != value}
