"""PodDisruptionBudgets: their status, by which evictions and preemption go.

`disruption_plan` decides; how many pods there should be, `pod_owners` says.
Source of rules and texts: Kubernetes v1.36, pkg/controller/disruption.
"""

from shoal.api.apps import DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS
from shoal.api.core import EventType
from shoal.api.meta import Object, ObjectKey
from shoal.api.pod import PODS, Pod
from shoal.api.policy import BUDGETS, PodDisruptionBudget
from shoal.api.resource import JsonObject
from shoal.api.selectors import from_label_selector
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.kube import disruption_plan
from shoal.controllers.kube.pod_owners import OwnerKinds, PodOwners, ScaleUnknown
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller, enqueue_self


class DisruptionReconciler:
    """Keeps the status of one budget at a time."""

    def __init__(
        self,
        client: Client,
        budgets: Lister[PodDisruptionBudget],
        pods: Lister[Pod],
        owners: PodOwners,
        recorder: EventRecorder,
        clock: Clock,
    ) -> None:
        self._client = client
        self._budgets = budgets
        self._pods = pods
        self._owners = owners
        self._recorder = recorder
        self._clock = clock

    async def reconcile(self, key: ObjectKey) -> Result:
        budget = self._budgets.get(key)
        if budget is None:
            return Result()
        pods = [pod for pod in self._pods.list(key.namespace) if protects(budget, pod)]
        if not pods:
            self._record(budget, EventType.NORMAL, "NoPods", "No matching pods found")
        scale, unmanaged = 0, list[str]()
        if disruption_plan.needs_scale(budget):
            try:
                scale, unmanaged = await self._owners.scale(pods)
            except ScaleUnknown as error:
                await self._fail(budget, str(error))
                return Result()
        if unmanaged:
            self._warn_unmanaged(budget)
        expected = disruption_plan.counts(budget, len(pods), scale)
        judgement = disruption_plan.judge(budget, pods, expected, self._clock.now())
        for pod in judgement.overdue:
            text = f"Pod was expected by PDB {key} to be deleted but it wasn't"
            self._recorder.record(PODS, pod.metadata, EventType.WARNING, "NotDeleted", text)
        await self._write(budget, judgement.status)
        return Result(judgement.recheck_in_s)

    async def _fail(self, budget: PodDisruptionBudget, why: str) -> None:
        text = f"Failed to calculate the number of expected pods: {why}"
        self._record(budget, EventType.WARNING, "CalculateExpectedPodCountFailed", text)
        await self._write(budget, disruption_plan.failed_status(budget, why, self._clock.now()))

    async def _write(self, budget: PodDisruptionBudget, status: JsonObject) -> None:
        patch = disruption_plan.status_change(budget, status)
        if patch is not None:
            meta = budget.metadata
            await self._client.patch(
                BUDGETS, meta.name, patch, meta.namespace, subresource="status"
            )

    def _warn_unmanaged(self, budget: PodDisruptionBudget) -> None:
        text = (
            "Pods selected by this PodDisruptionBudget were found to be unmanaged. As a result, "
            "the status of the PDB cannot be calculated correctly, which may result in undefined "
            'behavior. To account for these pods please set ".spec.minAvailable" field of the '
            "PDB to an integer value."
        )
        self._record(budget, EventType.WARNING, "UnmanagedPods", text)

    def _record(
        self, budget: PodDisruptionBudget, type: EventType, reason: str, message: str
    ) -> None:
        self._recorder.record(BUDGETS, budget.metadata, type, reason, message)


def protects(budget: PodDisruptionBudget, pod: Pod) -> bool:
    """Whether the budget is for the pod, of the same namespace."""
    selector = from_label_selector(budget.spec.selector)
    return selector is not None and selector.matches(pod.metadata.labels)


def disruption_controller(
    client: Client, informers: InformerSet, recorder: EventRecorder, clock: Clock
) -> Controller:
    """Follows budgets, pods, and the owners of pods."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    budgets, pods = informers.informer(BUDGETS), informers.informer(PODS)
    owners = PodOwners(client, informers, OwnerKinds(client, clock))
    reconciler = DisruptionReconciler(client, budgets.lister, pods.lister, owners, recorder, clock)

    def on_pod(old: Pod | None, new: Pod | None) -> None:
        for pod in (old, new):
            if pod is None:
                continue
            for budget in budgets.lister.list(pod.metadata.namespace):
                if protects(budget, pod):
                    queue.add(budget.metadata.key)

    def on_owner(old: Object | None, new: Object | None) -> None:
        owner = new or old
        if owner is not None:
            for budget in budgets.lister.list(owner.metadata.namespace):
                queue.add(budget.metadata.key)

    budgets.add_handler(enqueue_self(queue))
    pods.add_handler(on_pod)
    informers.informer(DEPLOYMENTS).add_handler(on_owner)
    informers.informer(REPLICA_SETS).add_handler(on_owner)
    informers.informer(STATEFUL_SETS).add_handler(on_owner)
    return Controller("disruption", reconciler, queue)
