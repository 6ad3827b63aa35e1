"""What a PodDisruptionBudget allows: how many of its pods should be healthy, and how many are.

Pure. Source of rules and texts: Kubernetes v1.36, pkg/controller/disruption.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from shoal.api.meta import find_condition, held_since, timestamp
from shoal.api.pod import IntOrString, Pod
from shoal.api.policy import DISRUPTION_ALLOWED, SYNC_FAILED, PodDisruptionBudget
from shoal.api.resource import JsonObject

DELETION_TIMEOUT_S = 120
"""How long an evicted pod may stay before it is counted again."""


class BudgetCounts(msgspec.Struct, frozen=True, kw_only=True):
    expected_pods: int
    desired_healthy: int


class BudgetJudgement(msgspec.Struct, frozen=True, kw_only=True):
    status: JsonObject
    """The whole status as it should be."""
    overdue: tuple[Pod, ...] = ()
    """Pods that were evicted long ago and are still there."""
    recheck_in_s: float | None = None


def needs_scale(budget: PodDisruptionBudget) -> bool:
    """Whether the number of pods that there should be has to be asked of their owners."""
    spec = budget.spec
    return spec.max_unavailable is not None or isinstance(spec.min_available, str)


def counts(budget: PodDisruptionBudget, pod_count: int, scale: int) -> BudgetCounts:
    """`scale` is what the owners of the pods ask for together; it matters where `needs_scale`."""
    spec = budget.spec
    if spec.max_unavailable is not None:
        desired = max(0, scale - _scaled(spec.max_unavailable, scale))
        return BudgetCounts(expected_pods=scale, desired_healthy=desired)
    if isinstance(spec.min_available, str):
        desired = _scaled(spec.min_available, scale)
        return BudgetCounts(expected_pods=scale, desired_healthy=desired)
    return BudgetCounts(expected_pods=pod_count, desired_healthy=spec.min_available or 0)


def _scaled(bound: IntOrString, total: int) -> int:
    """Shares are rounded up."""
    if isinstance(bound, int):
        return bound
    return -(-int(bound.removesuffix("%")) * total // 100)


def judge(
    budget: PodDisruptionBudget, pods: Sequence[Pod], expected: BudgetCounts, now: datetime
) -> BudgetJudgement:
    disrupted, overdue, recheck_in_s = _disrupted(budget, pods, now)
    healthy = sum(
        pod.is_ready and not pod.is_deleting and pod.metadata.name not in disrupted for pod in pods
    )
    allowed = healthy - expected.desired_healthy
    if expected.expected_pods <= 0 or allowed <= 0:
        allowed = 0
    reason = "SufficientPods" if allowed else "InsufficientPods"
    status: JsonObject = {
        "observedGeneration": budget.metadata.generation,
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": expected.desired_healthy,
        "expectedPods": expected.expected_pods,
        "conditions": [_condition(budget, bool(allowed), reason, "", now)],
    }
    if disrupted:
        status["disruptedPods"] = {name: timestamp(at) for name, at in disrupted.items()}
    return BudgetJudgement(status=status, overdue=overdue, recheck_in_s=recheck_in_s)


def failed_status(budget: PodDisruptionBudget, why: str, now: datetime) -> JsonObject:
    """Where nobody can tell what is allowed, nothing is."""
    before = msgspec.to_builtins(budget.status)
    return {
        **before,
        "disruptionsAllowed": 0,
        "observedGeneration": budget.metadata.generation,
        "conditions": [_condition(budget, False, SYNC_FAILED, why, now)],
    }


def status_change(budget: PodDisruptionBudget, status: JsonObject) -> JsonObject | None:
    """The merge patch that makes the status this one; None where it is."""
    wanted = msgspec.convert(status, type(budget.status))
    if wanted == budget.status:
        return None
    named: Mapping[str, object] = status.get("disruptedPods") or {}
    gone = {name: None for name in budget.status.disrupted_pods if name not in named}
    pods = {**gone, **named} or None
    metadata = {
        "uid": budget.metadata.uid,
        # An eviction that came between must not be forgotten.
        "resourceVersion": budget.metadata.resource_version,
    }
    return {"metadata": metadata, "status": {**status, "disruptedPods": pods}}


def _disrupted(
    budget: PodDisruptionBudget, pods: Sequence[Pod], now: datetime
) -> tuple[dict[str, datetime], tuple[Pod, ...], float | None]:
    """Evicted pods that are still to go, those that should have gone, and when the next should
    have."""
    left: dict[str, datetime] = {}
    overdue: list[Pod] = []
    waits_s: list[float] = []
    for pod in pods:
        at = budget.status.disrupted_pods.get(pod.metadata.name)
        if at is None or pod.is_deleting:
            continue
        end = at + timedelta(seconds=DELETION_TIMEOUT_S)
        if end <= now:
            overdue.append(pod)
        else:
            left[pod.metadata.name] = at
            waits_s.append((end - now).total_seconds())
    return left, tuple(overdue), min(waits_s, default=None)


def _condition(
    budget: PodDisruptionBudget, is_allowed: bool, reason: str, message: str, now: datetime
) -> JsonObject:
    value = "True" if is_allowed else "False"
    before = find_condition(budget.status.conditions, DISRUPTION_ALLOWED)
    return {
        "type": DISRUPTION_ALLOWED,
        "status": value,
        "reason": reason,
        "message": message,
        "observedGeneration": budget.metadata.generation,
        "lastTransitionTime": timestamp(held_since(before, value, now)),
    }
