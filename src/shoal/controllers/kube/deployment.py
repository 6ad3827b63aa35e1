"""Deployments: one ReplicaSet per template, rolled over as the strategy says.

Sizes are decided in `rollout`, conditions in `deployment_status`; here they are carried out, one
step per reconcile. ReplicaSets report back through their status, which triggers the next step.
"""

from collections.abc import Sequence

import msgspec

from shoal.api.apps import DEPLOYMENTS, REPLICA_SETS, Deployment, ReplicaSet
from shoal.api.core import EventType
from shoal.api.meta import ObjectKey
from shoal.api.owners import controller_reference
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject
from shoal.api.selectors import from_label_selector
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client, DeleteOptions
from shoal.client.workqueue import WorkQueue
from shoal.controllers.kube import deployment_status, owners, rollout
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller, enqueue_owner, enqueue_self

KIND = "Deployment"


class DeploymentReconciler:
    def __init__(
        self,
        client: Client,
        deployments: Lister[Deployment],
        replica_sets: Lister[ReplicaSet],
        pods: Lister[Pod],
        recorder: EventRecorder,
        clock: Clock,
    ) -> None:
        self._client = client
        self._deployments = deployments
        self._replica_sets = replica_sets
        self._pods = pods
        self._recorder = recorder
        self._clock = clock

    async def reconcile(self, key: ObjectKey) -> Result:
        deployment = self._deployments.get(key)
        if deployment is None:
            return Result()
        owned = await self._claim(deployment)
        new = rollout.find_new(deployment, owned)
        if deployment.metadata.deletion_timestamp is None:
            if deployment.spec.paused or rollout.is_scaling(deployment, owned):
                sizes = rollout.proportional_sizes(deployment, new, owned)
                owned = [await self._resize(deployment, e, sizes) for e in owned]
            elif deployment.spec.strategy.type == "Recreate" and self._has_old(new, owned):
                sizes = {e.metadata.name: 0 for e in owned if e is not new}
                owned = [await self._resize(deployment, e, sizes) for e in owned]
            else:
                new = await self._ensure_new(deployment, new, owned)
                owned = [*(e for e in owned if e.metadata.uid != new.metadata.uid), new]
                owned = await self._roll(deployment, new, owned)
        return await self._report(deployment, owned)

    async def _claim(self, deployment: Deployment) -> list[ReplicaSet]:
        """Its own ReplicaSets, and orphans that match."""
        selector = from_label_selector(deployment.spec.selector)
        owned: list[ReplicaSet] = []
        orphans: list[ReplicaSet] = []
        for each in self._replica_sets.list(deployment.metadata.namespace):
            controller = each.metadata.controller
            if controller is not None:
                if controller.uid == deployment.metadata.uid:
                    owned.append(each)
            elif (
                selector
                and selector.matches(each.metadata.labels)
                and deployment.metadata.deletion_timestamp is None
                and each.metadata.deletion_timestamp is None
            ):
                orphans.append(each)
        meta = deployment.metadata
        return owned + await owners.adopt(self._client, REPLICA_SETS, orphans, DEPLOYMENTS, meta)

    async def _ensure_new(
        self, deployment: Deployment, new: ReplicaSet | None, owned: Sequence[ReplicaSet]
    ) -> ReplicaSet:
        """The ReplicaSet of the current template, with the newest revision number."""
        newest_old = max((rollout.revision(e) for e in owned if e is not new), default=0)
        revision = str(newest_old + 1)
        if new is None:
            return await self._create(deployment, owned, revision)
        wanted = rollout.copied_annotations(deployment)
        if rollout.revision(new) <= newest_old:
            history = new.metadata.annotations.get(rollout.REVISION_HISTORY, "")
            before = new.metadata.annotations.get(rollout.REVISION, "")
            past = ",".join(filter(None, [history, before]))
            wanted |= {rollout.REVISION: revision, rollout.REVISION_HISTORY: past}
        changes = {k: v for k, v in wanted.items() if v and new.metadata.annotations.get(k) != v}
        if changes:
            new = await self._client.patch(
                REPLICA_SETS,
                new.metadata.name,
                {"metadata": {"annotations": changes}},
                new.metadata.namespace,
            )
        await self._note_revision(deployment, new.metadata.annotations.get(rollout.REVISION, ""))
        return new

    async def _create(
        self, deployment: Deployment, owned: Sequence[ReplicaSet], revision: str
    ) -> ReplicaSet:
        body = replica_set_body(deployment, self._reference(deployment), revision)
        size = body["spec"]["replicas"] = rollout.new_size(deployment, 0, owned)
        name, namespace = body["metadata"]["name"], deployment.metadata.namespace
        try:
            made = await self._client.create(REPLICA_SETS, body, namespace)
        except ApiError as error:
            if not error.is_already_exists:
                raise
            return await self._resolve_name(deployment, name)
        if size:
            self._record_scaling(deployment, "up", name, 0, size)
        await self._note_revision(deployment, revision)
        return made

    async def _resolve_name(self, deployment: Deployment, name: str) -> ReplicaSet:
        """The name is taken: by our own ReplicaSet that the informer has not shown yet, or by a
        foreign one, which counts as a collision and gives another name next time."""
        existing = await self._client.get(REPLICA_SETS, name, deployment.metadata.namespace)
        controller = existing.metadata.controller
        is_ours = controller is not None and controller.uid == deployment.metadata.uid
        if is_ours and rollout.find_new(deployment, [existing]) is not None:
            return existing
        collisions = (deployment.status.collision_count or 0) + 1
        await self._patch_status(deployment, {"collisionCount": collisions})
        raise ApiError(409, "AlreadyExists", f"the name {name} belongs to another ReplicaSet")

    async def _note_revision(self, deployment: Deployment, revision: str) -> None:
        if deployment.metadata.annotations.get(rollout.REVISION) != revision:
            await self._client.patch(
                DEPLOYMENTS,
                deployment.metadata.name,
                {"metadata": {"annotations": {rollout.REVISION: revision}}},
                deployment.metadata.namespace,
            )

    async def _roll(
        self, deployment: Deployment, new: ReplicaSet, owned: list[ReplicaSet]
    ) -> list[ReplicaSet]:
        """One step within the bounds of the strategy."""
        sizes = {new.metadata.name: rollout.new_size(deployment, new.spec.replicas, owned)}
        if sizes[new.metadata.name] == new.spec.replicas:
            old = [e for e in owned if e.metadata.uid != new.metadata.uid]
            sizes |= rollout.old_sizes(deployment, new, old)
        return [await self._resize(deployment, e, sizes) for e in owned]

    def _has_old(self, new: ReplicaSet | None, owned: Sequence[ReplicaSet]) -> bool:
        """Whether there are old pods, or are to be. Recreate makes nothing new before they are
        gone."""
        old = [e for e in owned if e is not new]
        uids = {e.metadata.uid for e in old}
        return any(e.spec.replicas for e in old) or any(
            (owner := each.metadata.controller) is not None
            and owner.uid in uids
            and not each.is_finished
            for replica_set in old[:1]
            for each in self._pods.list(replica_set.metadata.namespace)
        )

    async def _resize(
        self, deployment: Deployment, replica_set: ReplicaSet, sizes: dict[str, int]
    ) -> ReplicaSet:
        """Write the size, and the sizes that proportional scaling compares with. A size that was
        computed from a ReplicaSet that has changed since is refused with a conflict."""
        before = replica_set.spec.replicas
        size = sizes.get(replica_set.metadata.name, before)
        annotations = size_annotations(deployment)
        is_current = annotations.items() <= replica_set.metadata.annotations.items()
        if size == before and (is_current or size == 0):
            return replica_set
        resized = await self._client.patch(
            REPLICA_SETS,
            replica_set.metadata.name,
            {
                "metadata": {
                    "annotations": annotations,
                    "resourceVersion": replica_set.metadata.resource_version,
                },
                "spec": {"replicas": size},
            },
            replica_set.metadata.namespace,
        )
        if size != before:
            direction = "up" if size > before else "down"
            self._record_scaling(deployment, direction, replica_set.metadata.name, before, size)
        return resized

    def _record_scaling(
        self, deployment: Deployment, direction: str, name: str, before: int, after: int
    ) -> None:
        message = f"Scaled {direction} replica set {name} from {before} to {after}"
        self._recorder.record(
            DEPLOYMENTS, deployment.metadata, EventType.NORMAL, "ScalingReplicaSet", message
        )

    async def _report(self, deployment: Deployment, owned: list[ReplicaSet]) -> Result:
        now = self._clock.now()
        new = rollout.find_new(deployment, owned)
        status = deployment_status.status(deployment, new, owned, now)
        changes = deployment_status.changes(deployment, status)
        if changes:
            await self._patch_status(deployment, changes)
        if rollout.is_complete(deployment, rollout.counts(deployment, new, owned)):
            old = [e for e in owned if e is not new]
            for each in rollout.expired_history(deployment, old):
                await self._client.delete(
                    REPLICA_SETS,
                    each.metadata.name,
                    each.metadata.namespace,
                    DeleteOptions(uid=each.metadata.uid),
                )
        return Result(deployment_status.deadline_in_s(deployment, status, now))

    async def _patch_status(self, deployment: Deployment, status: JsonObject) -> None:
        await self._client.patch(
            DEPLOYMENTS,
            deployment.metadata.name,
            {"metadata": {"uid": deployment.metadata.uid}, "status": status},
            deployment.metadata.namespace,
            subresource="status",
        )

    def _reference(self, deployment: Deployment) -> JsonObject:
        return controller_reference(DEPLOYMENTS.api_version, KIND, deployment.metadata)


def size_annotations(deployment: Deployment) -> dict[str, str]:
    allowed = deployment.spec.replicas + rollout.bounds(deployment).max_surge
    return {
        rollout.DESIRED_REPLICAS: str(deployment.spec.replicas),
        rollout.MAX_REPLICAS: str(allowed),
    }


def replica_set_body(deployment: Deployment, reference: JsonObject, revision: str) -> JsonObject:
    """The ReplicaSet of the deployment's template, without its size."""
    hashed = rollout.template_hash(deployment.spec.template, deployment.status.collision_count or 0)
    metadata = deployment.spec.template.get("metadata", {})
    labels = {**(metadata.get("labels") or {}), rollout.HASH_LABEL: hashed}
    template = {**deployment.spec.template, "metadata": {**metadata, "labels": labels}}
    selector = deployment.spec.selector
    return {
        "apiVersion": REPLICA_SETS.api_version,
        "kind": REPLICA_SETS.kind,
        "metadata": {
            "name": f"{deployment.metadata.name}-{hashed}",
            "labels": labels,
            "annotations": {
                **rollout.copied_annotations(deployment),
                **size_annotations(deployment),
                rollout.REVISION: revision,
            },
            "ownerReferences": [reference],
        },
        "spec": {
            "minReadySeconds": deployment.spec.min_ready_seconds,
            "selector": {
                **msgspec.to_builtins(selector),
                "matchLabels": {**selector.match_labels, rollout.HASH_LABEL: hashed},
            },
            "template": template,
        },
    }


def deployment_controller(
    client: Client, informers: InformerSet, recorder: EventRecorder, clock: Clock
) -> Controller:
    """Follows Deployments, their ReplicaSets, and pods that go (Recreate waits for those)."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    deployments = informers.informer(DEPLOYMENTS)
    replica_sets, pods = informers.informer(REPLICA_SETS), informers.informer(PODS)
    reconciler = DeploymentReconciler(
        client, deployments.lister, replica_sets.lister, pods.lister, recorder, clock
    )

    def on_orphan(old: ReplicaSet | None, new: ReplicaSet | None) -> None:
        orphan = new or old
        if orphan is None or orphan.metadata.controller is not None:
            return
        for each in deployments.lister.list(orphan.metadata.namespace):
            selector = from_label_selector(each.spec.selector)
            if selector and selector.matches(orphan.metadata.labels):
                queue.add(each.metadata.key)

    def on_pod(old: Pod | None, new: Pod | None) -> None:
        owner = old.metadata.controller if old is not None and new is None else None
        if old is None or owner is None:
            return
        replica_set = replica_sets.lister.get(ObjectKey(old.metadata.namespace, owner.name))
        above = replica_set.metadata.controller if replica_set is not None else None
        if above is not None and above.kind == KIND:
            queue.add(ObjectKey(old.metadata.namespace, above.name))

    deployments.add_handler(enqueue_self(queue))
    replica_sets.add_handler(enqueue_owner(queue, KIND))
    replica_sets.add_handler(on_orphan)
    pods.add_handler(on_pod)
    return Controller("deployment", reconciler, queue)
