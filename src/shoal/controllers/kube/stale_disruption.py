"""Pods that were to be disrupted and were not: two minutes later they are as others again.

Whoever evicts a pod says so first (condition DisruptionTarget) and deletes it then. Where the
deletion does not come, because who evicts was killed or has found another way, the condition must
not stay: what the pod comes to later would be taken for a disruption by all who forgive those.
Source of the rules: Kubernetes v1.36, pkg/controller/disruption (syncStalePodDisruption).
"""

from datetime import datetime, timedelta

from shoal.api.meta import Condition, ObjectKey, find_condition, timestamp
from shoal.api.pod import PODS, Pod
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client, PatchType
from shoal.client.workqueue import WorkQueue
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller

STALE_AFTER = timedelta(minutes=2)
_DISRUPTED = "DisruptionTarget"
_BY_NODE = "TerminationByKubelet"
"""A node that ends a pod needs no deletion for it."""


class StaleDisruptions:
    """Takes the condition back, of one pod at a time."""

    def __init__(self, client: Client, pods: Lister[Pod], clock: Clock) -> None:
        self._client = client
        self._pods = pods
        self._clock = clock

    async def reconcile(self, key: ObjectKey) -> Result:
        pod = self._pods.get(key)
        disruption = disruption_of(pod) if pod is not None else None
        if pod is None or disruption is None:
            return Result()
        now = self._clock.now()
        left_s = stale_in_s(disruption, now)
        if left_s > 0:
            return Result(left_s)
        meta = pod.metadata
        condition = {
            "type": _DISRUPTED,
            "status": "False",
            "reason": None,
            "message": None,
            "lastTransitionTime": timestamp(now),
        }
        patch = {
            "metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version},
            "status": {"conditions": [condition]},
        }
        try:
            await self._client.patch(
                PODS,
                meta.name,
                patch,
                key.namespace,
                type=PatchType.STRATEGIC,
                subresource="status",
            )
        except ApiError as error:
            if not error.is_not_found:
                raise
        return Result()


def disruption_of(pod: Pod) -> Condition | None:
    """The condition that a deletion has to follow; None where there is none, or it has followed."""
    if pod.is_deleting or pod.is_finished:
        return None
    condition = find_condition(pod.status.conditions, _DISRUPTED)
    if condition is None or condition.status != "True" or condition.reason == _BY_NODE:
        return None
    return condition


def stale_in_s(disruption: Condition, now: datetime) -> float:
    """How long the deletion may still come; 0 where it is overdue."""
    since = disruption.last_transition_time or now
    return max(0.0, (since + STALE_AFTER - now).total_seconds())


def stale_disruption_controller(client: Client, informers: InformerSet, clock: Clock) -> Controller:
    """Follows pods."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    pods = informers.informer(PODS)

    def on_pod(old: Pod | None, new: Pod | None) -> None:
        if new is not None and disruption_of(new) is not None:
            queue.add(new.metadata.key)

    pods.add_handler(on_pod)
    return Controller("stale-disruption", StaleDisruptions(client, pods.lister, clock), queue)
