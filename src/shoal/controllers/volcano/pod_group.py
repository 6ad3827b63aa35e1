"""PodGroups for plain pods: those of Deployments, Jobs and the like, and pods that nobody owns.

    pods ──index by group──> one key a group ──> make or mend the PodGroup ──> annotate its pods

Volcano's jobs make their groups themselves. The key is the group's, so that it is made once
however many pods come at the same time; its pods are annotated many at a time.
"""

import asyncio

from shoal.api.core import EventType
from shoal.api.meta import Object, ObjectKey
from shoal.api.pod import PODS, Pod
from shoal.api.status import ApiError
from shoal.api.volcano.keys import GROUP_NAME
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroup
from shoal.api.volcano.queue import QUEUES, Queue
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.existence import remove
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client, ConnectionFailed
from shoal.client.workqueue import WorkQueue
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller
from shoal.controllers.together import all_of
from shoal.controllers.volcano import pod_group_plan
from shoal.controllers.volcano.pod_group_plan import PREFIX, ServedNames, group_key
from shoal.controllers.volcano.workloads import Workloads, is_scaled_to_zero

MEMBERS = "auto-made group"
"""Index of pods by the group that is made for them."""
WITHOUT_GROUP = "auto-made group to be told"
"""The same, of those that do not name it yet."""

_WORKERS = 16
_PATCHES_AT_ONCE = 64
_ASK_AGAIN_S = 60.0
"""Until a group that was refused is asked for again without news of its queue."""
_MAKE_AGAIN_S = 1.0
"""Until a group that somebody has deleted is made again for pods that are still there."""


class PodGroupReconciler:
    def __init__(
        self,
        client: Client,
        groups: Lister[PodGroup],
        pods: Lister[Pod],
        workloads: Workloads,
        recorder: EventRecorder,
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._groups = groups
        self._pods = pods
        self._workloads = workloads
        self._patching = asyncio.Semaphore(_PATCHES_AT_ONCE)
        self._told: set[str] = set()
        """Uids of pods that name their group, and that the informer shows without it still."""

        self._refused: dict[str, set[ObjectKey]] = {}
        """Groups that could not be made, by the queue that they name."""

    def take_refused(self, queue: str) -> set[ObjectKey]:
        """Groups that may be made now that there is news of a queue."""
        return self._refused.pop(queue, set())

    def seen_with_group(self, uid: str) -> None:
        """The informer shows what was written, or the pod is gone."""
        self._told.discard(uid)

    async def reconcile(self, key: ObjectKey) -> Result:
        group = self._groups.get(key)
        waiting = self._live(WITHOUT_GROUP, key)
        members = waiting or self._live(MEMBERS, key)
        if not members:
            if group is not None:
                await self._delete_if_unwanted(key, group)
            return Result()
        template = pod_group_plan.template_of(members)
        owner = template.metadata.controller
        workload = await self._workloads.find(key.namespace, owner) if owner else Object()
        if workload is None:
            # Its pods go with it, and need no group any more.
            return Result()
        if is_scaled_to_zero(workload):
            await self._delete(group)
            return Result()
        if not await self._make_or_mend(group, template, workload):
            return Result(_ASK_AGAIN_S)
        await all_of(self._tell(pod, key.name) for pod in waiting)
        return Result()

    def _live(self, index: str, key: ObjectKey) -> list[Pod]:
        """Without those that have just been told."""
        return [
            pod
            for pod in self._pods.by_index(index, str(key))
            if pod_group_plan.is_live(pod) and pod.metadata.uid not in self._told
        ]

    async def _delete_if_unwanted(self, key: ObjectKey, group: PodGroup) -> None:
        """A group whose workload is scaled to zero. One that waits for new pods stays, and one
        whose workload is gone goes with it."""
        owner = group.metadata.controller
        if owner is None or key.name != f"{PREFIX}{owner.uid}":
            return
        if is_scaled_to_zero(await self._workloads.find(key.namespace, owner)):
            await self._delete(group)

    async def _make_or_mend(self, group: PodGroup | None, template: Pod, workload: Object) -> bool:
        """Whether the group is there now."""
        wanted = pod_group_plan.manifest(template, workload.metadata.annotations)
        namespace = template.metadata.namespace
        if group is not None:
            patch = pod_group_plan.changes(group, wanted)
            if patch:
                await self._client.patch(POD_GROUPS, group.metadata.name, patch, namespace)
            return True
        try:
            await self._client.create(POD_GROUPS, wanted, namespace)
        except ApiError as error:
            if error.is_namespace_terminating or not (error.is_already_exists or error.is_final):
                raise
            if not error.is_already_exists:
                self._note_refusal(template, wanted["spec"]["queue"], error)
                return False
        return True

    def _note_refusal(self, template: Pod, queue: str, error: ApiError) -> None:
        """Its queue is closed, or not there: the pods wait until there is news of it."""
        self._refused.setdefault(queue, set()).add(group_key(template))
        self._recorder.record(
            PODS, template.metadata, EventType.WARNING, "FailedCreatePodGroup", error.message
        )

    async def _tell(self, pod: Pod, group_name: str) -> None:
        metadata = pod.metadata
        patch = {"metadata": {"uid": metadata.uid, "annotations": {GROUP_NAME: group_name}}}
        async with self._patching:
            self._told.add(metadata.uid)
            try:
                await self._client.patch(PODS, metadata.name, patch, metadata.namespace)
            except (ApiError, ConnectionFailed) as error:
                self._told.discard(metadata.uid)
                # Gone, and perhaps another of its name has come, which is news by itself.
                is_gone = isinstance(error, ApiError) and (error.is_not_found or error.is_conflict)
                if not is_gone:
                    raise

    async def _delete(self, group: PodGroup | None) -> None:
        if group is not None:
            await remove(self._client, POD_GROUPS, group.metadata)


def pod_group_controller(
    client: Client,
    informers: InformerSet,
    recorder: EventRecorder,
    clock: Clock,
    served: ServedNames = ServedNames(),
) -> Controller:
    """Follows plain pods, the groups that were made for them, their workloads and queues."""
    work: WorkQueue[ObjectKey] = WorkQueue(clock)
    pods, groups = informers.informer(PODS), informers.informer(POD_GROUPS)
    workloads = Workloads(client, informers)
    reconciler = PodGroupReconciler(client, groups.lister, pods.lister, workloads, recorder)

    def members_index(pod: Pod) -> list[str]:
        return [str(group_key(pod))] if pod_group_plan.is_member(pod, served) else []

    def without_group_index(pod: Pod) -> list[str]:
        return [] if GROUP_NAME in pod.metadata.annotations else members_index(pod)

    def on_pod(old: Pod | None, new: Pod | None) -> None:
        if new is None or GROUP_NAME in new.metadata.annotations:
            reconciler.seen_with_group((new or old or Pod()).metadata.uid)
        elif served.has(new) and pod_group_plan.is_live(new):
            work.add(group_key(new))

    def on_group(old: PodGroup | None, new: PodGroup | None) -> None:
        group = new or old
        if group is None or not group.metadata.name.startswith(PREFIX):
            return
        owner = group.metadata.controller
        if new is None:
            # Its pods may be about to go, too.
            work.add_after(group.metadata.key, _MAKE_AGAIN_S)
        elif old is None and owner is not None and owner.kind != PODS.kind:
            work.add(group.metadata.key)

    def on_workload(workload: Object) -> None:
        metadata = workload.metadata
        work.add(ObjectKey(metadata.namespace, f"{PREFIX}{metadata.uid}"))

    def on_queue(old: Queue | None, new: Queue | None) -> None:
        if new is not None and (old is None or old.is_open != new.is_open):
            for key in reconciler.take_refused(new.metadata.name):
                work.add(key)

    workloads.on_change = on_workload
    pods.add_index(MEMBERS, members_index)
    pods.add_index(WITHOUT_GROUP, without_group_index)
    pods.add_handler(on_pod)
    groups.add_handler(on_group)
    informers.informer(QUEUES).add_handler(on_queue)
    return Controller("podgroup", reconciler, work, workers=_WORKERS)
