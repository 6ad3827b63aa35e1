"""StatefulSets: pods with names that stay, made and removed in order, each with its own claims.

What to do next is decided in `stateful_set_plan`, what pods and claims look like in
`stateful_set_pods`; here it is carried out, one step per reconcile. All names follow from the
ordinal, so what was written before a crash is found again and nothing is made twice.
Source of the events: Kubernetes v1.36, pkg/controller/statefulset/stateful_pod_control.go.
"""

import msgspec

from shoal.api.apps import CONTROLLER_REVISIONS, STATEFUL_SETS, ControllerRevision, StatefulSet
from shoal.api.core import EventType
from shoal.api.meta import ObjectKey
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.api.storage import CLAIMS, PersistentVolumeClaim
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client, DeleteOptions
from shoal.client.workqueue import WorkQueue
from shoal.controllers.kube import (
    owners,
    replica_count,
    revisions,
    stateful_set_plan,
    stateful_set_pods,
    stateful_set_status,
)
from shoal.controllers.kube.revision_history import RevisionHistory, Settled
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller, enqueue_self

_HASH_LABEL = "controller.kubernetes.io/hash"
_STALE_CLAIM_S = 1.0
"""How soon to look again for a claim that is on its way out."""


class _Turn(msgspec.Struct, frozen=True):
    """What one reconcile knows."""

    stateful_set: StatefulSet
    pods: list[Pod]
    settled: Settled
    current: ControllerRevision
    """The revision before an update; below a partition, pods are still made from it."""


class StatefulSetReconciler:
    """One step of a set at a time."""

    def __init__(
        self,
        client: Client,
        stateful_sets: Lister[StatefulSet],
        pods: Lister[Pod],
        claims: Lister[PersistentVolumeClaim],
        history: RevisionHistory,
        recorder: EventRecorder,
        clock: Clock,
    ) -> None:
        self._client = client
        self._stateful_sets = stateful_sets
        self._pods = pods
        self._claims = claims
        self._history = history
        self._recorder = recorder
        self._clock = clock

    async def reconcile(self, key: ObjectKey) -> Result:
        stateful_set = self._stateful_sets.get(key)
        if stateful_set is None:
            return Result()
        turn = await self._look(stateful_set)
        view = stateful_set_plan.View(
            stateful_set, turn.pods, turn.settled.newest.metadata.name, self._clock.now()
        )
        is_waiting = False
        try:
            if stateful_set.metadata.deletion_timestamp is None:
                await self._settle_claims(turn)
                is_waiting = await self._step(turn, stateful_set_plan.next_step(view))
        except ApiError:
            # Whoever waits for a rollout must see how far it has come, also where a step failed.
            await self._report(turn, view)
            raise
        await self._report(turn, view)
        await self._truncate(turn)
        if is_waiting:
            return Result(_STALE_CLAIM_S)
        min_ready_s = stateful_set.spec.min_ready_seconds
        return Result(replica_count.available_in_s(min_ready_s, turn.pods, view.now))

    async def _look(self, stateful_set: StatefulSet) -> _Turn:
        meta, spec = stateful_set.metadata, stateful_set.spec
        claim = replica_count.claim_pods(meta, spec.selector, self._pods.list(meta.namespace))
        named = [
            orphan
            for orphan in claim.adopt
            if stateful_set_pods.ordinal_of(stateful_set, orphan.metadata.name) is not None
        ]
        claim = msgspec.structs.replace(claim, adopt=named)
        pods = await owners.settle_pods(self._client, claim, STATEFUL_SETS, meta)
        settled = await self._history.settle(
            meta, spec.selector, spec.template, stateful_set.status.collision_count
        )
        known = {each.metadata.name: each for each in settled.kept}
        current = known.get(stateful_set.status.current_revision, settled.newest)
        return _Turn(stateful_set, pods, settled, current)

    async def _settle_claims(self, turn: _Turn) -> None:
        """What pods lack that wait for a volume, and owners as the retention policy says."""
        stateful_set = turn.stateful_set
        wanted = stateful_set_pods.ordinals(stateful_set)
        for pod in turn.pods:
            ordinal = stateful_set_pods.ordinal_of(stateful_set, pod.metadata.name)
            if ordinal is None:
                continue
            if ordinal in wanted and pod.status.phase == "Pending" and not pod.is_deleting:
                await self._ensure_claims(stateful_set, ordinal)
            for name in stateful_set_pods.claim_names(stateful_set, ordinal):
                await self._settle_owners(stateful_set, pod, name)

    async def _settle_owners(self, stateful_set: StatefulSet, pod: Pod, name: str) -> None:
        claim = self._claims.get(ObjectKey(stateful_set.metadata.namespace, name))
        if claim is None:
            return
        if stateful_set_pods.is_controlled_by_others(stateful_set, pod, claim.metadata):
            text = (
                f"PersistentVolumeClaim {name} has a conflicting OwnerReference that acts as a "
                "managing controller, the retention policy is ignored for this claim"
            )
            self._record(stateful_set, EventType.WARNING, "ConflictingController", text)
        references = stateful_set_pods.claim_owners(stateful_set, pod, claim.metadata)
        if references is not None:
            version = claim.metadata.resource_version
            changes = {"resourceVersion": version, "ownerReferences": references}
            await self._client.patch(
                CLAIMS, name, {"metadata": changes}, stateful_set.metadata.namespace
            )

    async def _step(self, turn: _Turn, step: stateful_set_plan.NextStep) -> bool:
        """Carry it out; whether a pod has to wait for a claim that is going."""
        is_waiting = False
        for ordinal in step.create:
            if await self._ensure_claims(turn.stateful_set, ordinal):
                await self._create(turn, ordinal)
            else:
                is_waiting = True
        for pod in step.remove:
            await self._remove(turn.stateful_set, pod)
        return is_waiting

    async def _ensure_claims(self, stateful_set: StatefulSet, ordinal: int) -> bool:
        """Make the claims that are missing; False where one is on its way out."""
        namespace = stateful_set.metadata.namespace
        for body in stateful_set_pods.claim_bodies(stateful_set, ordinal):
            name = body["metadata"]["name"]
            claim = self._claims.get(ObjectKey(namespace, name))
            if claim is not None:
                if stateful_set_pods.is_stale(stateful_set, ordinal, claim):
                    return False
                continue
            about = f"Claim {name} Pod {stateful_set_pods.pod_name(stateful_set, ordinal)}"
            try:
                await self._client.create(CLAIMS, body, namespace)
            except ApiError as error:
                if error.is_already_exists:
                    continue
                self._record_failure(stateful_set, "create", about, error)
                raise
            message = f"create {about} in StatefulSet {stateful_set.metadata.name} success"
            self._record(stateful_set, EventType.NORMAL, "SuccessfulCreate", message)
        return True

    async def _create(self, turn: _Turn, ordinal: int) -> None:
        stateful_set = turn.stateful_set
        is_updated = stateful_set_plan.starts_at_update(stateful_set, ordinal)
        revision = turn.settled.newest if is_updated else turn.current
        template = revisions.template_of(revision)
        name = stateful_set_pods.pod_name(stateful_set, ordinal)
        body = stateful_set_pods.pod_body(stateful_set, ordinal, template, revision.metadata.name)
        try:
            await self._client.create(PODS, body, stateful_set.metadata.namespace)
        except ApiError as error:
            if error.is_already_exists and await self._is_ours(stateful_set, name):
                # Made a moment ago: its event is on the way.
                return
            self._record_failure(stateful_set, "create", f"Pod {name}", error)
            raise
        self._record_success(stateful_set, "create", name)

    async def _is_ours(self, stateful_set: StatefulSet, name: str) -> bool:
        found = await self._client.get(PODS, name, stateful_set.metadata.namespace)
        controller = found.metadata.controller
        return controller is not None and controller.uid == stateful_set.metadata.uid

    async def _remove(self, stateful_set: StatefulSet, pod: Pod) -> None:
        meta = pod.metadata
        try:
            await self._client.delete(PODS, meta.name, meta.namespace, DeleteOptions(uid=meta.uid))
        except ApiError as error:
            if error.is_not_found or error.is_conflict:
                return
            self._record_failure(stateful_set, "delete", f"Pod {meta.name}", error)
            raise
        self._record_success(stateful_set, "delete", meta.name)

    async def _report(self, turn: _Turn, view: stateful_set_plan.View) -> None:
        status = stateful_set_status.status(
            view, turn.current.metadata.name, turn.settled.collisions
        )
        changes: JsonObject = stateful_set_status.changes(view, status)
        if changes:
            meta = turn.stateful_set.metadata
            patch = {"metadata": {"uid": meta.uid}, "status": changes}
            await self._client.patch(
                STATEFUL_SETS, meta.name, patch, meta.namespace, subresource="status"
            )

    async def _truncate(self, turn: _Turn) -> None:
        live = {pod.metadata.labels.get(revisions.POD_HASH, "") for pod in turn.pods}
        live |= {turn.current.metadata.name, turn.settled.newest.metadata.name}
        limit = turn.stateful_set.spec.revision_history_limit
        await self._history.truncate(turn.settled.kept, live, limit)

    def _record_success(self, stateful_set: StatefulSet, verb: str, pod: str) -> None:
        message = f"{verb} Pod {pod} in StatefulSet {stateful_set.metadata.name} successful"
        reason = f"Successful{verb.title()}"
        self._record(stateful_set, EventType.NORMAL, reason, message)

    def _record_failure(
        self, stateful_set: StatefulSet, verb: str, about: str, error: ApiError
    ) -> None:
        name = stateful_set.metadata.name
        message = f"{verb} {about} in StatefulSet {name} failed error: {error}"
        self._record(stateful_set, EventType.WARNING, f"Failed{verb.title()}", message)

    def _record(
        self, stateful_set: StatefulSet, type: EventType, reason: str, message: str
    ) -> None:
        self._recorder.record(STATEFUL_SETS, stateful_set.metadata, type, reason, message)


def stateful_set_controller(
    client: Client, informers: InformerSet, recorder: EventRecorder, clock: Clock
) -> Controller:
    """Follows StatefulSets and their pods."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    stateful_sets, pods = informers.informer(STATEFUL_SETS), informers.informer(PODS)
    claims, kept = informers.informer(CLAIMS), informers.informer(CONTROLLER_REVISIONS)
    history = RevisionHistory(client, kept.lister, STATEFUL_SETS, _HASH_LABEL)
    reconciler = StatefulSetReconciler(
        client, stateful_sets.lister, pods.lister, claims.lister, history, recorder, clock
    )

    stateful_sets.add_handler(enqueue_self(queue))
    pods.add_handler(owners.enqueue_set_of_pod(queue, STATEFUL_SETS.kind, stateful_sets.lister))
    return Controller("statefulset", reconciler, queue)
