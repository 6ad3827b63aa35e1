"""PodDisruptionBudgets. Source of the fields: Kubernetes v1.36, policy/v1."""

from datetime import datetime

from shoal.api.meta import ApiStruct, LabelSelector, Object
from shoal.api.resource import Resource


class PodDisruptionBudgetSpec(ApiStruct):
    selector: LabelSelector | None = None


class PodDisruptionBudgetStatus(ApiStruct):
    disruptions_allowed: int = 0
    disrupted_pods: dict[str, datetime | None] = {}
    """Names of pods that were evicted but may still be counted as healthy."""


class PodDisruptionBudget(Object):
    spec: PodDisruptionBudgetSpec = PodDisruptionBudgetSpec()
    status: PodDisruptionBudgetStatus = PodDisruptionBudgetStatus()


BUDGETS: Resource[PodDisruptionBudget] = Resource(
    "policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", PodDisruptionBudget
)
