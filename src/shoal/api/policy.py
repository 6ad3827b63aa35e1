"""PodDisruptionBudgets. Source of the fields: Kubernetes v1.36, policy/v1."""

from datetime import datetime

from shoal.api.meta import ApiStruct, Condition, LabelSelector, Object
from shoal.api.pod import IntOrString
from shoal.api.resource import Resource

DISRUPTION_ALLOWED = "DisruptionAllowed"
"""Type of the condition that says whether a pod may go."""
SYNC_FAILED = "SyncFailed"
"""Reason of the condition where the status could not be reckoned."""


class PodDisruptionBudgetSpec(ApiStruct):
    selector: LabelSelector | None = None
    min_available: IntOrString | None = None
    max_unavailable: IntOrString | None = None
    unhealthy_pod_eviction_policy: str = "IfHealthyBudget"


class PodDisruptionBudgetStatus(ApiStruct):
    observed_generation: int = 0
    disruptions_allowed: int = 0
    disrupted_pods: dict[str, datetime | None] = {}
    """Names of pods that were evicted but may still be counted as healthy."""
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0
    conditions: list[Condition] = []


class PodDisruptionBudget(Object):
    spec: PodDisruptionBudgetSpec = PodDisruptionBudgetSpec()
    status: PodDisruptionBudgetStatus = PodDisruptionBudgetStatus()


BUDGETS: Resource[PodDisruptionBudget] = Resource(
    "policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", PodDisruptionBudget
)
