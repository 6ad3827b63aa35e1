"""ReplicaSets: as many pods as asked for.

The counts are decided in `replica_count`; here they are carried out. Pods are adopted and
released by their owner reference, made with the ReplicaSet's name as prefix, and removed politely.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from shoal.api.apps import REPLICA_SETS, ReplicaSet
from shoal.api.core import EventType
from shoal.api.meta import Condition, ObjectKey
from shoal.api.owners import controller_reference
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client, DeleteOptions
from shoal.client.workqueue import WorkQueue
from shoal.controllers.expectations import Expectations
from shoal.controllers.kube import owners, replica_count
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller, enqueue_self

KIND = "ReplicaSet"


class ReplicaSetReconciler:
    def __init__(
        self,
        client: Client,
        replica_sets: Lister[ReplicaSet],
        pods: Lister[Pod],
        recorder: EventRecorder,
        expectations: Expectations,
        clock: Clock,
    ) -> None:
        self._client = client
        self._replica_sets = replica_sets
        self._pods = pods
        self._recorder = recorder
        self._expectations = expectations
        self._clock = clock

    async def reconcile(self, key: ObjectKey) -> Result:
        replica_set = self._replica_sets.get(key)
        if replica_set is None:
            self._expectations.forget(key)
            return Result()
        now = self._clock.now()
        claim = replica_count.claim(replica_set, self._pods.list(key.namespace))
        owned = [*claim.owned, *await self._adopt(replica_set, claim.adopt)]
        for each in claim.release:
            await owners.release(self._client, PODS, each.metadata, replica_set.metadata.uid)
        failure: ApiError | None = None
        if self._expectations.is_settled(key, now):
            plan = replica_count.plan(replica_set, owned)
            try:
                await self._create(replica_set, plan.create)
                await self._remove(replica_set, plan.remove)
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
        key = replica_set.metadata.key
        await self._client.patch(
            REPLICA_SETS, key.name, {"status": status}, key.namespace, subresource="status"
        )

    async def _adopt(self, replica_set: ReplicaSet, orphans: Sequence[Pod]) -> list[Pod]:
        reference = controller_reference(REPLICA_SETS.api_version, KIND, replica_set.metadata)
        return [await owners.adopt(self._client, PODS, o.metadata, reference) for o in orphans]

    async def _create(self, replica_set: ReplicaSet, count: int) -> None:
        body = pod_body(replica_set)
        for _ in range(count):
            try:
                made = await self._client.create(PODS, body, replica_set.metadata.namespace)
            except ApiError as error:
                self._record(
                    replica_set, EventType.WARNING, "FailedCreate", f"Error creating: {error}"
                )
                raise
            now = self._clock.now()
            if self._pods.get(made.metadata.key) is None:
                self._expectations.expect_created(replica_set.metadata.key, made.metadata.name, now)
            message = f"Created pod: {made.metadata.name}"
            self._record(replica_set, EventType.NORMAL, "SuccessfulCreate", message)

    async def _remove(self, replica_set: ReplicaSet, surplus: Sequence[Pod]) -> None:
        for each in surplus:
            key, meta = replica_set.metadata.key, each.metadata
            self._expectations.expect_deleted(key, meta.uid, self._clock.now())
            try:
                await self._client.delete(
                    PODS, meta.name, meta.namespace, DeleteOptions(uid=meta.uid)
                )
            except ApiError as error:
                self._expectations.observe_deleted(key, meta.uid)
                if not (error.is_not_found or error.is_conflict):
                    raise
            self._record(
                replica_set, EventType.NORMAL, "SuccessfulDelete", f"Deleted pod: {meta.name}"
            )

    def _record(self, replica_set: ReplicaSet, type: EventType, reason: str, message: str) -> None:
        self._recorder.record(REPLICA_SETS, replica_set.metadata, type, reason, message)


def pod_body(replica_set: ReplicaSet) -> JsonObject:
    """A pod as the template says, owned by the ReplicaSet."""
    template = replica_set.spec.template
    metadata = template.get("metadata", {})
    reference = controller_reference(REPLICA_SETS.api_version, KIND, replica_set.metadata)
    kept = {k: metadata[k] for k in ("labels", "annotations", "finalizers") if metadata.get(k)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{replica_set.metadata.name}-",
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
    reconciler = ReplicaSetReconciler(
        client, replica_sets.lister, pods.lister, recorder, expectations, clock
    )

    def on_pod(old: Pod | None, new: Pod | None) -> None:
        for each in (old, new):
            if each is None:
                continue
            owner = each.metadata.controller
            if owner is None or owner.kind != KIND:
                _wake_adopters(each, replica_sets.lister, queue)
                continue
            key = ObjectKey(each.metadata.namespace, owner.name)
            expectations.observe_created(key, each.metadata.name)
            if new is None or each.is_deleting:
                expectations.observe_deleted(key, each.metadata.uid)
            queue.add(key)

    replica_sets.add_handler(enqueue_self(queue))
    pods.add_handler(on_pod)
    return Controller("replicaset", reconciler, queue)


def _wake_adopters(
    orphan: Pod, replica_sets: Lister[ReplicaSet], queue: WorkQueue[ObjectKey]
) -> None:
    """A pod that nobody owns may belong to any ReplicaSet whose selector it matches."""
    if orphan.metadata.controller is not None:
        return
    for each in replica_sets.list(orphan.metadata.namespace):
        if replica_count.claim(each, [orphan]).adopt:
            queue.add(each.metadata.key)
