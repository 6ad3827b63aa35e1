"""What a Deployment's status says: numbers, and the conditions that `rollout status` waits for.

Pure. Source of reasons and texts: Kubernetes v1.36, pkg/controller/deployment/progress.go and
util/deployment_util.go.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from shoal.api import meta
from shoal.api.apps import Deployment, ReplicaSet
from shoal.api.meta import Condition
from shoal.api.resource import JsonObject
from shoal.controllers.kube import rollout
from shoal.controllers.kube.replica_count import REPLICA_FAILURE

AVAILABLE = "Available"
PROGRESSING = "Progressing"
TIMED_OUT = "ProgressDeadlineExceeded"
NEW_AVAILABLE = "NewReplicaSetAvailable"


def status(
    deployment: Deployment, new: ReplicaSet | None, owned: Sequence[ReplicaSet], now: datetime
) -> JsonObject:
    numbers = rollout.counts(deployment, new, owned)
    conditions = [
        _merged(deployment, _available(deployment, numbers["availableReplicas"]), now),
        _progressing(deployment, new, numbers, now),
        _replica_failure(deployment, new, owned),
    ]
    return {**numbers, "conditions": [c for c in conditions if c is not None]}


def _available(deployment: Deployment, available: int) -> Condition:
    minimum = deployment.spec.replicas - rollout.bounds(deployment).max_unavailable
    if available >= minimum:
        return Condition(
            type=AVAILABLE,
            status="True",
            reason="MinimumReplicasAvailable",
            message="Deployment has minimum availability.",
        )
    return Condition(
        type=AVAILABLE,
        status="False",
        reason="MinimumReplicasUnavailable",
        message="Deployment does not have minimum availability.",
    )


def _replica_failure(
    deployment: Deployment, new: ReplicaSet | None, owned: Sequence[ReplicaSet]
) -> JsonObject | None:
    """Why pods cannot be made or removed, as a ReplicaSet has it, the newest before others; None
    as soon as they can."""
    for replica_set in [new, *owned] if new is not None else owned:
        failure = meta.find_condition(replica_set.status.conditions, REPLICA_FAILURE)
        if failure is not None and failure.last_transition_time is not None:
            told = meta.find_condition(deployment.status.conditions, REPLICA_FAILURE)
            is_told = told is not None and told.reason == failure.reason
            at = failure.last_transition_time
            return _as_json(failure, told if is_told else None, at, is_update=False)
    return None


def _progressing(
    deployment: Deployment, new: ReplicaSet | None, numbers: dict[str, int], now: datetime
) -> JsonObject | None:
    """The rollout's progress; its update time moves only when something got better."""
    stored = meta.find_condition(deployment.status.conditions, PROGRESSING)
    name = f'ReplicaSet "{new.metadata.name}"' if new is not None else "Deployment"
    if deployment.spec.paused:
        fresh = _progress("Unknown", "DeploymentPaused", "Deployment is paused")
    elif stored is not None and stored.reason == "DeploymentPaused":
        fresh = _progress("Unknown", "DeploymentResumed", "Deployment is resumed")
    elif rollout.is_complete(deployment, numbers):
        fresh = _progress("True", NEW_AVAILABLE, f"{name} has successfully progressed.")
    elif stored is None:
        made = f'Created new replica set "{new.metadata.name}"' if new is not None else ""
        fresh = _progress("True", "NewReplicaSetCreated", made)
    elif rollout.is_progressing(deployment, numbers) or _is_new_rollout(deployment, stored):
        fresh = _progress("True", "ReplicaSetUpdated", f"{name} is progressing.")
        return _as_json(fresh, stored, now, is_update=True)
    elif _is_overdue(deployment, stored, now):
        fresh = _progress("False", TIMED_OUT, f"{name} has timed out progressing.")
    else:
        fresh = stored
    return _as_json(fresh, stored, now, is_update=False)


def _is_new_rollout(deployment: Deployment, stored: Condition) -> bool:
    """The spec changed after the last rollout had ended."""
    return (
        stored.reason in {NEW_AVAILABLE, TIMED_OUT}
        and deployment.metadata.generation > deployment.status.observed_generation
    )


def _is_overdue(deployment: Deployment, stored: Condition, now: datetime) -> bool:
    if stored.reason in {NEW_AVAILABLE, "DeploymentPaused"} or stored.last_update_time is None:
        return False
    deadline = timedelta(seconds=deployment.spec.progress_deadline_seconds)
    return stored.reason == TIMED_OUT or now >= stored.last_update_time + deadline


def _progress(status: str, reason: str, message: str) -> Condition:
    return Condition(type=PROGRESSING, status=status, reason=reason, message=message)


def _merged(deployment: Deployment, fresh: Condition, now: datetime) -> JsonObject:
    stored = meta.find_condition(deployment.status.conditions, fresh.type)
    return _as_json(fresh, stored, now, is_update=False)


def _as_json(
    fresh: Condition, stored: Condition | None, now: datetime, *, is_update: bool
) -> JsonObject:
    """The stored times stay where nothing changed."""
    update = now
    if stored is not None and not is_update:
        is_same = (stored.status, stored.reason) == (fresh.status, fresh.reason)
        update = stored.last_update_time if is_same else now
    return {
        "type": fresh.type,
        "status": fresh.status,
        "reason": fresh.reason,
        "message": fresh.message,
        "lastTransitionTime": meta.timestamp(meta.held_since(stored, fresh.status, now)),
        "lastUpdateTime": meta.timestamp(update or now),
    }


def changes(deployment: Deployment, wanted: JsonObject) -> JsonObject:
    """The part of `wanted` that differs from what is stored; empty where nothing does."""
    stored = deployment.status
    before: JsonObject = {
        "observedGeneration": stored.observed_generation,
        "replicas": stored.replicas,
        "updatedReplicas": stored.updated_replicas,
        "readyReplicas": stored.ready_replicas,
        "availableReplicas": stored.available_replicas,
        "unavailableReplicas": stored.unavailable_replicas,
        "conditions": [
            _as_json(c, c, c.last_transition_time, is_update=False)
            for c in stored.conditions
            if c.last_transition_time is not None
        ],
    }
    return {key: value for key, value in wanted.items() if before[key] != value}


def deadline_in_s(deployment: Deployment, wanted: JsonObject, now: datetime) -> float | None:
    """When to look again so that a stuck rollout is said to be stuck; None where none is on."""
    if deployment.spec.paused:
        return None
    for condition in wanted["conditions"]:
        if condition["type"] == PROGRESSING and condition["status"] == "True":
            if condition["reason"] == NEW_AVAILABLE:
                return None
            updated = datetime.fromisoformat(condition["lastUpdateTime"])
            limit = timedelta(seconds=deployment.spec.progress_deadline_seconds + 1)
            return max(1.0, (updated + limit - now).total_seconds())
    return None
