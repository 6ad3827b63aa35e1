"""ReplicaSets: as many pods as asked for.

The counts are decided in `replica_count`; here they are carried out. Pods are adopted and
released by their owner reference, made with the ReplicaSet's name as prefix, and removed politely.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from shoal.api.apps import REPLICA_SETS, ReplicaSet
from shoal.api.meta import Condition, ObjectKey
from shoal.api.owners import controller_reference
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.expectations import Expectations
from shoal.controllers.kube import owners, replica_count
from shoal.controllers.kube.pod_control import PodControl
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller, enqueue_self


class ReplicaSetReconciler:
    def __init__(
        self,
        client: Client,
        replica_sets: Lister[ReplicaSet],
        pods: Lister[Pod],
        control: PodControl,
        expectations: Expectations,
        clock: Clock,
    ) -> None:
        self._client = client
        self._replica_sets = replica_sets
        self._pods = pods
        self._control = control
        self._expectations = expectations
        self._clock = clock

    async def reconcile(self, key: ObjectKey) -> Result:
        replica_set = self._replica_sets.get(key)
        if replica_set is None:
            self._expectations.forget(key)
            return Result()
        now = self._clock.now()
        claim = replica_count.claim(replica_set, self._pods.list(key.namespace))
        owned = await owners.settle_pods(self._client, claim, REPLICA_SETS, replica_set.metadata)
        failure: ApiError | None = None
        if self._expectations.is_settled(key, now):
            plan = replica_count.plan(replica_set, owned)
            try:
                for _ in range(plan.create):
                    await self._control.create(replica_set.metadata, pod_body(replica_set))
                for pod in plan.remove:
                    await self._control.remove(replica_set.metadata, pod)
            except ApiError as error:
                # The status tells of it before it is tried again.
                failure = error
            conditions = replica_count.failure_conditions(replica_set, plan, failure, now)
        else:
            conditions = replica_set.status.conditions
        await self._write_status(replica_set, owned, conditions, now)
        if failure is not None:
            raise failure
        return Result(replica_count.next_available_in_s(replica_set, owned, now))

    async def _write_status(
        self,
        replica_set: ReplicaSet,
        owned: Sequence[Pod],
        conditions: Sequence[Condition],
        now: datetime,
    ) -> None:
        counts = replica_count.status(replica_set, owned, now)
        is_same = list(conditions) == replica_set.status.conditions
        if is_same and counts == replica_count.status_of(replica_set):
            return
        status: JsonObject = {**counts}
        if not is_same:
            status["conditions"] = msgspec.to_builtins(conditions)
        meta = replica_set.metadata
        # Another one may have its name by now.
        patch = {"metadata": {"uid": meta.uid}, "status": status}
        await self._client.patch(
            REPLICA_SETS, meta.name, patch, meta.namespace, subresource="status"
        )


def pod_body(replica_set: ReplicaSet) -> JsonObject:
    """A pod as the template says, owned by the ReplicaSet."""
    template = replica_set.spec.template
    metadata = template.get("metadata", {})
    owner = replica_set.metadata
    reference = controller_reference(REPLICA_SETS.api_version, REPLICA_SETS.kind, owner)
    kept = {k: metadata[k] for k in ("labels", "annotations", "finalizers") if metadata.get(k)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{owner.name}-",
            "ownerReferences": [reference],
            **kept,
        },
        "spec": template.get("spec", {}),
    }


def replica_set_controller(
    client: Client, informers: InformerSet, recorder: EventRecorder, clock: Clock
) -> Controller:
    """Follows ReplicaSets and their pods."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    expectations = Expectations()
    replica_sets, pods = informers.informer(REPLICA_SETS), informers.informer(PODS)
    control = PodControl(client, REPLICA_SETS, pods.lister, recorder, expectations, clock)
    reconciler = ReplicaSetReconciler(
        client, replica_sets.lister, pods.lister, control, expectations, clock
    )

    replica_sets.add_handler(enqueue_self(queue))
    pods.add_handler(
        owners.enqueue_set_of_pod(queue, REPLICA_SETS.kind, replica_sets.lister, expectations)
    )
    return Controller("replicaset", reconciler, queue)
