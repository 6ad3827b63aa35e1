"""Deployment arithmetic: how large each ReplicaSet of a rollout should be, and what it shows.

Pure. Source of the rules: Kubernetes v1.36, pkg/controller/deployment (rolling.go, sync.go,
progress.go, util/deployment_util.go).
"""

import hashlib
import math
from collections.abc import Callable, Sequence

import msgspec

from shoal.api.apps import Deployment, ReplicaSet
from shoal.api.pod import IntOrString
from shoal.api.resource import JsonObject

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
_NOT_COPIED = {
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    "deprecated.deployment.rollback.to",
}
_SAFE_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: JsonObject, collisions: int = 0) -> str:
    """Ten letters that name a template; `collisions` makes another name for the same one."""
    canonical = msgspec.json.encode(template, order="deterministic")
    digest = hashlib.sha256(canonical + str(collisions or "").encode()).digest()
    return "".join(_SAFE_ALPHABET[byte % len(_SAFE_ALPHABET)] for byte in digest[:10])


def bare_template(template: JsonObject) -> JsonObject:
    """The template without the hash label: what two revisions are compared by."""
    labels = dict(template.get("metadata", {}).get("labels") or {})
    labels.pop(HASH_LABEL, None)
    metadata = {**template.get("metadata", {}), "labels": labels}
    metadata.pop("creationTimestamp", None)
    return {**template, "metadata": metadata}


def find_new(deployment: Deployment, owned: Sequence[ReplicaSet]) -> ReplicaSet | None:
    """The oldest ReplicaSet that has the deployment's template."""
    wanted = bare_template(deployment.spec.template)
    equal = [each for each in owned if bare_template(each.spec.template) == wanted]
    return min(equal, key=_age_order, default=None)


def _age_order(each: ReplicaSet) -> tuple[float, str]:
    created = each.metadata.creation_timestamp
    return (created.timestamp() if created else 0.0, each.metadata.name)


def revision(each: ReplicaSet) -> int:
    try:
        return int(each.metadata.annotations.get(REVISION, "0"))
    except ValueError:
        return 0


def copied_annotations(deployment: Deployment) -> dict[str, str]:
    """The deployment's annotations that its ReplicaSets carry too."""
    return {k: v for k, v in deployment.metadata.annotations.items() if k not in _NOT_COPIED}


class Bounds(msgspec.Struct, frozen=True):
    """Absolute limits of a rolling update."""

    max_surge: int
    max_unavailable: int


def bounds(deployment: Deployment) -> Bounds:
    """Percentages of spec.replicas: surge rounds up, unavailable down; not both are 0."""
    if deployment.spec.strategy.type != "RollingUpdate":
        return Bounds(0, 0)
    rolling = deployment.spec.strategy.rolling_update
    replicas = deployment.spec.replicas
    surge = _absolute(rolling.max_surge if rolling else "25%", replicas, math.ceil)
    unavailable = _absolute(rolling.max_unavailable if rolling else "25%", replicas, math.floor)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Bounds(surge, min(unavailable, replicas))


def _absolute(value: IntOrString, total: int, rounding: Callable[[float], int]) -> int:
    if isinstance(value, int):
        return value
    return rounding(float(value.removesuffix("%")) * total / 100)


def new_size(deployment: Deployment, size: int, owned: Sequence[ReplicaSet]) -> int:
    """How many replicas the new ReplicaSet, which has `size`, may have now. Recreate has no bound:
    it asks only when the old pods are gone."""
    wanted = deployment.spec.replicas
    if deployment.spec.strategy.type == "Recreate" or size >= wanted:
        return wanted
    room = wanted + bounds(deployment).max_surge - sum(each.spec.replicas for each in owned)
    return size + max(0, min(room, wanted - size))


def old_sizes(
    deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet]
) -> dict[str, int]:
    """Sizes of the old ReplicaSets (by name) after this step: unhealthy replicas go first, then
    as many as availability allows, from the oldest."""
    sizes = {each.metadata.name: each.spec.replicas for each in old}
    if not any(sizes.values()):
        return sizes
    everyone = [*old, new] if new is not None else list(old)
    min_available = deployment.spec.replicas - bounds(deployment).max_unavailable
    new_unavailable = new.spec.replicas - new.status.available_replicas if new is not None else 0
    room = sum(each.spec.replicas for each in everyone) - min_available - new_unavailable
    if room <= 0:
        return sizes
    oldest_first = sorted(old, key=_age_order)
    removed_unhealthy = 0
    for each in oldest_first:
        unhealthy = sizes[each.metadata.name] - each.status.available_replicas
        drop = max(0, min(unhealthy, room - removed_unhealthy))
        sizes[each.metadata.name] -= drop
        removed_unhealthy += drop
    surplus = sum(each.status.available_replicas for each in everyone) - min_available
    for each in oldest_first:
        drop = max(0, min(sizes[each.metadata.name], surplus))
        sizes[each.metadata.name] -= drop
        surplus -= drop
    return sizes


def is_scaling(deployment: Deployment, owned: Sequence[ReplicaSet]) -> bool:
    """The user changed spec.replicas since the active ReplicaSets were sized."""
    return any(
        each.spec.replicas > 0
        and each.metadata.annotations.get(DESIRED_REPLICAS, str(deployment.spec.replicas))
        != str(deployment.spec.replicas)
        for each in owned
    )


def proportional_sizes(
    deployment: Deployment, new: ReplicaSet | None, owned: Sequence[ReplicaSet]
) -> dict[str, int]:
    """Sizes by name after spec.replicas changed in the middle of a rollout: each active
    ReplicaSet keeps its share; what rounding leaves goes to the largest."""
    active = [each for each in owned if each.spec.replicas > 0]
    if len(active) <= 1:
        only = active[0] if active else new
        return {only.metadata.name: deployment.spec.replicas} if only is not None else {}
    if new is not None and _is_saturated(deployment, new):
        return {e.metadata.name: 0 for e in active if e.metadata.name != new.metadata.name}
    if deployment.spec.strategy.type != "RollingUpdate":
        return {}
    allowed = deployment.spec.replicas
    allowed += bounds(deployment).max_surge if allowed > 0 else 0
    total = sum(each.spec.replicas for each in active)
    to_add = allowed - total
    largest_first = sorted(active, key=lambda e: (-e.spec.replicas, _age_order(e)))
    sizes: dict[str, int] = {}
    added = 0
    for each in largest_first:
        share = _share(each, deployment, to_add - added, to_add) if to_add else 0
        sizes[each.metadata.name] = each.spec.replicas + share
        added += share
    first = largest_first[0].metadata.name
    sizes[first] = max(0, sizes[first] + to_add - added)
    return sizes


def _share(each: ReplicaSet, deployment: Deployment, left: int, to_add: int) -> int:
    max_replicas = int(each.metadata.annotations.get(MAX_REPLICAS, "0") or 0)
    before = max_replicas or max(1, deployment.status.replicas)
    after = deployment.spec.replicas + bounds(deployment).max_surge
    if deployment.spec.replicas == 0:
        return -each.spec.replicas
    change = round(each.spec.replicas * after / before) - each.spec.replicas
    return min(change, left) if to_add > 0 else max(change, left)


def _is_saturated(deployment: Deployment, new: ReplicaSet) -> bool:
    wanted = str(deployment.spec.replicas)
    return (
        new.spec.replicas == deployment.spec.replicas
        and new.metadata.annotations.get(DESIRED_REPLICAS) == wanted
        and new.status.available_replicas == deployment.spec.replicas
    )


def counts(
    deployment: Deployment, new: ReplicaSet | None, owned: Sequence[ReplicaSet]
) -> dict[str, int]:
    """The numbers of a deployment's status."""
    total = sum(each.spec.replicas for each in owned)
    available = sum(each.status.available_replicas for each in owned)
    return {
        "observedGeneration": deployment.metadata.generation,
        "replicas": sum(each.status.replicas for each in owned),
        "updatedReplicas": new.status.replicas if new is not None else 0,
        "readyReplicas": sum(each.status.ready_replicas for each in owned),
        "availableReplicas": available,
        "unavailableReplicas": max(0, total - available),
    }


def is_complete(deployment: Deployment, numbers: dict[str, int]) -> bool:
    wanted = deployment.spec.replicas
    return (
        numbers["updatedReplicas"] == wanted
        and numbers["replicas"] == wanted
        and numbers["availableReplicas"] == wanted
    )


def is_progressing(deployment: Deployment, numbers: dict[str, int]) -> bool:
    """Something got better since the stored status."""
    stored = deployment.status
    old_before = stored.replicas - stored.updated_replicas
    old_now = numbers["replicas"] - numbers["updatedReplicas"]
    return (
        numbers["updatedReplicas"] > stored.updated_replicas
        or old_now < old_before
        or numbers["readyReplicas"] > stored.ready_replicas
        or numbers["availableReplicas"] > stored.available_replicas
    )


def expired_history(deployment: Deployment, old: Sequence[ReplicaSet]) -> list[ReplicaSet]:
    """Old, empty ReplicaSets beyond spec.revisionHistoryLimit, oldest revision first."""
    surplus = len(old) - deployment.spec.revision_history_limit
    if surplus <= 0:
        return []
    return [
        each
        for each in sorted(old, key=revision)[:surplus]
        if each.status.replicas == 0
        and each.spec.replicas == 0
        and each.metadata.generation <= each.status.observed_generation
        and each.metadata.deletion_timestamp is None
    ]
