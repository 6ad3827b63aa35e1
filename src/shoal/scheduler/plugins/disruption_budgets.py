"""PodDisruptionBudgets, as preemption looks at them: which pods would be one too many to go.

Preemption may break a budget, but only where nothing else helps. Source of the rules: Kubernetes
v1.36, pkg/scheduler/framework/plugins/defaultpreemption (filterPodsWithPDBViolation).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shoal.api import selectors
from shoal.api.policy import BUDGETS, PodDisruptionBudget
from shoal.api.selectors import Selector
from shoal.scheduler.state.label_class import LabelClass
from shoal.scheduler.state.objects import Objects
from shoal.scheduler.state.pod_info import PodInfo

_NEVER_LOOKED = -1


@dataclass(frozen=True, slots=True, eq=False)
class _Budget:
    """One that selects something; compared by identity."""

    selector: Selector
    allowed: int
    disrupted: frozenset[str]
    """Names of pods that are on their way already, and cost nothing more."""


class DisruptionBudgets:
    """All budgets, held against each class of labels once."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._seen = _NEVER_LOOKED
        self._by_namespace: dict[str, list[_Budget]] = {}
        self._known: dict[LabelClass, tuple[_Budget, ...]] = {}

    @property
    def generation(self) -> int:
        """Equal as long as no budget changed."""
        return self._objects.generation(BUDGETS)

    def exist(self) -> bool:
        self._refresh()
        return bool(self._by_namespace)

    def violating(self, pods: Iterable[PodInfo]) -> list[bool]:
        """Of pods that go in this order, each: whether it is more than a budget allows."""
        self._refresh()
        left: dict[_Budget, int] = {}
        found: list[bool] = []
        for pod in pods:
            is_violating = False
            for budget in self._of(pod):
                if pod.name in budget.disrupted:
                    continue
                left[budget] = left.get(budget, budget.allowed) - 1
                is_violating = is_violating or left[budget] < 0
            found.append(is_violating)
        return found

    def _of(self, pod: PodInfo) -> Sequence[_Budget]:
        """Budgets that select the pod; a pod without labels none does."""
        budgets = self._known.get(pod.label_class)
        if budgets is None:
            own = self._by_namespace.get(pod.namespace, []) if pod.labels else []
            budgets = tuple(each for each in own if each.selector.matches(pod.labels))
            self._known[pod.label_class] = budgets
        return budgets

    def _refresh(self) -> None:
        if self._seen == self.generation:
            return
        self._seen = self.generation
        self._known.clear()
        self._by_namespace.clear()
        for each in self._objects.list(BUDGETS):
            budget = _budget(each)
            # An empty selector selects nothing here.
            if budget.selector:
                self._by_namespace.setdefault(each.metadata.namespace, []).append(budget)


def _budget(budget: PodDisruptionBudget) -> _Budget:
    selector = selectors.from_label_selector(budget.spec.selector) or selectors.EVERYTHING
    status = budget.status
    return _Budget(selector, status.disruptions_allowed, frozenset(status.disrupted_pods))
