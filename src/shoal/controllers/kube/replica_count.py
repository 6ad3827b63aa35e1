"""ReplicaSet decisions: how many pods to make, which ones to remove, what the status says.

Pure. Source of the rules: Kubernetes v1.36, pkg/controller/replicaset and
pkg/controller/controller_utils.go (ActivePodsWithRanks).
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from shoal.api import meta, selectors
from shoal.api.apps import ReplicaSet
from shoal.api.pod import Pod

BURST_REPLICAS = 500
"""Most pods made or removed in one reconcile."""

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


class Claim(msgspec.Struct, frozen=True):
    """Pods sorted by what the ReplicaSet has to do with them."""

    owned: list[Pod]
    adopt: list[Pod]
    """Orphans that match the selector."""
    release: list[Pod]
    """Owned pods that no longer match."""


class Resize(msgspec.Struct, frozen=True):
    create: int
    remove: list[Pod]


def claim(replica_set: ReplicaSet, pods: Sequence[Pod]) -> Claim:
    """`pods` are those of the namespace."""
    return claim_pods(replica_set.metadata, replica_set.spec.selector, pods)


def claim_pods(owner: meta.ObjectMeta, selects: meta.LabelSelector, pods: Sequence[Pod]) -> Claim:
    """As `claim`, for any kind of owner."""
    selector = selectors.from_label_selector(selects) or selectors.EVERYTHING
    owned: list[Pod] = []
    adopt: list[Pod] = []
    release: list[Pod] = []
    for each in pods:
        controller = each.metadata.controller
        is_match = bool(selector) and selector.matches(each.metadata.labels)
        if controller is not None:
            if controller.uid == owner.uid:
                (owned if is_match else release).append(each)
        elif is_match and not each.is_deleting and not each.is_finished:
            adopt.append(each)
    if owner.deletion_timestamp is not None:
        return Claim(owned, [], [])
    return Claim(owned, adopt, release)


def is_active(each: Pod) -> bool:
    return not each.is_finished and not each.is_deleting


def is_available(each: Pod, min_ready_s: int, now: datetime) -> bool:
    """Ready, and has been for `min_ready_s`."""
    if not each.is_ready:
        return False
    if min_ready_s == 0:
        return True
    since = ready_since(each)
    return since is not None and since + timedelta(seconds=min_ready_s) <= now


def ready_since(each: Pod) -> datetime | None:
    ready = meta.find_condition(each.status.conditions, "Ready")
    return ready.last_transition_time if ready is not None else None


def plan(replica_set: ReplicaSet, owned: Sequence[Pod]) -> Resize:
    """What brings the active pods to `spec.replicas`."""
    if replica_set.metadata.deletion_timestamp is not None:
        return Resize(0, [])
    active = [each for each in owned if is_active(each)]
    surplus = len(active) - replica_set.spec.replicas
    if surplus < 0:
        return Resize(min(-surplus, BURST_REPLICAS), [])
    return Resize(0, removal_order(active)[: min(surplus, BURST_REPLICAS)])


def removal_order(active: Sequence[Pod]) -> list[Pod]:
    """The pods that are missed least come first."""
    per_node = Counter(each.spec.node_name for each in active if each.spec.node_name)
    return sorted(active, key=lambda each: _removal_rank(each, per_node[each.spec.node_name]))


_PHASE_RANK = {"Pending": 0, "Unknown": 1, "Running": 2}


def _removal_rank(each: Pod, colocated: int) -> tuple[object, ...]:
    since = ready_since(each) if each.is_ready else None
    created = each.metadata.creation_timestamp
    return (
        bool(each.spec.node_name),
        _PHASE_RANK.get(each.status.phase, 0),
        each.is_ready,
        _deletion_cost(each),
        -colocated,
        -since.timestamp() if since else 0.0,
        -max((s.restart_count for s in each.status.container_statuses), default=0),
        -created.timestamp() if created else 0.0,
    )


def _deletion_cost(each: Pod) -> int:
    try:
        return int(each.metadata.annotations.get(DELETION_COST, "0"))
    except ValueError:
        return 0


def status(replica_set: ReplicaSet, owned: Sequence[Pod], now: datetime) -> dict[str, int]:
    active = [each for each in owned if is_active(each)]
    labels = replica_set.spec.template.get("metadata", {}).get("labels") or {}
    template = selectors.from_label_selector(meta.LabelSelector(match_labels=labels))
    min_ready_s = replica_set.spec.min_ready_seconds
    return {
        "replicas": len(active),
        "fullyLabeledReplicas": sum(
            template is not None and template.matches(each.metadata.labels) for each in active
        ),
        "readyReplicas": sum(each.is_ready for each in active),
        "availableReplicas": sum(is_available(each, min_ready_s, now) for each in active),
        "observedGeneration": replica_set.metadata.generation,
    }


def next_available_in_s(
    replica_set: ReplicaSet, owned: Sequence[Pod], now: datetime
) -> float | None:
    """When the next ready pod becomes available by time alone."""
    return available_in_s(replica_set.spec.min_ready_seconds, owned, now)


def available_in_s(min_ready_s: int, owned: Sequence[Pod], now: datetime) -> float | None:
    """As `next_available_in_s`, for any kind of owner."""
    min_ready = timedelta(seconds=min_ready_s)
    waits = [
        (since + min_ready - now).total_seconds()
        for each in owned
        if min_ready and is_active(each) and each.is_ready and (since := ready_since(each))
    ]
    return min((wait for wait in waits if wait > 0), default=None)


def status_of(replica_set: ReplicaSet) -> dict[str, int]:
    """The status as it is stored, in the shape of `status`."""
    stored = replica_set.status
    return {
        "replicas": stored.replicas,
        "fullyLabeledReplicas": stored.fully_labeled_replicas,
        "readyReplicas": stored.ready_replicas,
        "availableReplicas": stored.available_replicas,
        "observedGeneration": stored.observed_generation,
    }


REPLICA_FAILURE = "ReplicaFailure"


def failure_conditions(
    replica_set: ReplicaSet, resize: Resize, failure: Exception | None, now: datetime
) -> list[meta.Condition]:
    """The conditions after `resize`, which has failed or not. What failed first stays told."""
    before = replica_set.status.conditions
    if (meta.find_condition(before, REPLICA_FAILURE) is None) == (failure is None):
        return before
    others = [each for each in before if each.type != REPLICA_FAILURE]
    if failure is None:
        return others
    told = meta.Condition(
        type=REPLICA_FAILURE,
        status="True",
        last_transition_time=now.replace(microsecond=0),
        reason="FailedCreate" if resize.create else "FailedDelete",
        message=str(failure),
    )
    return [*others, told]
