"""Writes to the pods of Jobs, several at a time, and what of them an informer does not show yet."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import TypeVar

import msgspec

from shoal.api.batch import JOBS, TRACKING_FINALIZER, Job
from shoal.api.meta import ObjectKey, ObjectMeta
from shoal.api.owners import controller_reference
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.base.guard import Failed, attempt_async
from shoal.client.informer import Lister
from shoal.client.protocol import Client, PatchType
from shoal.controllers.kube.job_plan import JobPlan, NewPod
from shoal.controllers.kube.job_pods import is_tracked, pod_body
from shoal.controllers.kube.job_progress import PodsChanged
from shoal.controllers.kube.pod_control import PodControl

T = TypeVar("T")


class Attempted(msgspec.Struct, frozen=True):
    """What has been done, and the first thing that went wrong."""

    outcome: PodsChanged
    error: Exception | None = None


class JobPodWrites:
    """Makes, deletes and releases the pods of a job, several at a time."""

    def __init__(self, client: Client, pods: Lister[Pod], control: PodControl) -> None:
        self._client = client
        self._pods = pods
        self._control = control
        self._released: dict[ObjectKey, set[str]] = {}

    def released(self, job: ObjectKey) -> frozenset[str]:
        """Uids of pods that the informer still shows with the finalizer that they have lost."""
        return frozenset(self._released.get(job, ()))

    def observe_released(self, job: ObjectKey, uid: str) -> None:
        uids = self._released.get(job)
        if uids is not None:
            uids.discard(uid)
            if not uids:
                del self._released[job]

    def forget(self, job: ObjectKey) -> None:
        self._released.pop(job, None)

    async def carry_out(self, job: Job, planned: JobPlan) -> Attempted:
        """Makes and removes pods."""
        created, error = await self._create_all(job, planned.create)
        answers = await _together(
            [self._remove(job, pod, planned.is_removal_counted) for pod in planned.remove]
        )
        removed = [
            pod
            for pod, answer in zip(planned.remove, answers, strict=True)
            if not isinstance(answer, Failed)
        ]
        error = error or _first_error(answers)
        return Attempted(PodsChanged(created=created, removed=removed), error)

    async def _create_all(self, job: Job, new: Sequence[NewPod]) -> tuple[int, Exception | None]:
        """In batches that double, so that what fails for all pods fails for few."""
        created, size = 0, 1
        while created < len(new):
            batch = new[created : created + size]
            answers = await _together([self._create(job, each) for each in batch])
            created += sum(not isinstance(answer, Failed) for answer in answers)
            error = _first_error(answers)
            if error is not None:
                return created, error
            size *= 2
        return created, None

    async def _create(self, job: Job, new: NewPod) -> None:
        body = pod_body(job, new.index, (new.failures, new.ignored_failures))
        await self._control.create(job.metadata, body)

    async def _remove(self, job: Job, pod: Pod, is_counted: bool) -> None:
        """One that is not to be counted is let go first."""
        if not is_counted and is_tracked(pod):
            await let_go(self._client, pod.metadata)
        await self._control.remove(job.metadata, pod)

    async def release(self, job: Job, pods: Sequence[Pod]) -> tuple[set[str], Exception | None]:
        """Takes the finalizer off; uids of the pods that have it no more."""
        uids = self._released.setdefault(job.metadata.key, set()) if pods else set[str]()
        uids.update(pod.metadata.uid for pod in pods)
        answers = await _together([let_go(self._client, pod.metadata) for pod in pods])
        done: set[str] = set()
        for pod, answer in zip(pods, answers, strict=True):
            uid = pod.metadata.uid
            if not isinstance(answer, Failed):
                done.add(uid)
            present = self._pods.get(pod.metadata.key)
            is_seen = present is None or present.metadata.uid != uid or not is_tracked(present)
            if isinstance(answer, Failed) or is_seen:
                self.observe_released(job.metadata.key, uid)
        return done, _first_error(answers)

    async def adopt(self, job: Job, orphan: Pod) -> Pod:
        """Owned and tracked from now on; refused where the pod has changed meanwhile."""
        meta = orphan.metadata
        references: list[JsonObject] = msgspec.to_builtins(meta.owner_references)
        own = controller_reference(JOBS.api_version, JOBS.kind, job.metadata)
        finalizers = [*meta.finalizers, *({TRACKING_FINALIZER} - set(meta.finalizers))]
        return await self._patch(orphan, [*references, own], finalizers)

    async def disown(self, job: Job, pod: Pod) -> None:
        """A pod whose labels are not the job's any more; one that is gone needs nothing."""
        meta = pod.metadata
        kept = [ref for ref in meta.owner_references if ref.uid != job.metadata.uid]
        finalizers = [each for each in meta.finalizers if each != TRACKING_FINALIZER]
        try:
            await self._patch(pod, msgspec.to_builtins(kept), finalizers)
        except ApiError as error:
            if not error.is_not_found:
                raise

    async def _patch(self, pod: Pod, owners: list[JsonObject], finalizers: list[str]) -> Pod:
        changes = {
            "uid": pod.metadata.uid,
            "resourceVersion": pod.metadata.resource_version,
            "ownerReferences": owners,
            "finalizers": finalizers,
        }
        meta = pod.metadata
        return await self._client.patch(PODS, meta.name, {"metadata": changes}, meta.namespace)


async def let_go(client: Client, pod: ObjectMeta) -> None:
    """Takes the tracking finalizer off a pod; one that is gone has none."""
    changes = {"uid": pod.uid, "$deleteFromPrimitiveList/finalizers": [TRACKING_FINALIZER]}
    try:
        await client.patch(
            PODS, pod.name, {"metadata": changes}, pod.namespace, type=PatchType.STRATEGIC
        )
    except ApiError as error:
        # Gone, or another pod has its name.
        if not (error.is_not_found or error.is_conflict):
            raise


async def _together(calls: Sequence[Awaitable[T]]) -> list[T | Failed]:
    """All answers in order; most jobs have one pod, which needs no task."""
    if len(calls) == 1:
        return [await attempt_async(calls[0])]
    return list(await asyncio.gather(*(attempt_async(call) for call in calls)))


def _first_error(answers: Sequence[object]) -> Exception | None:
    return next((each.error for each in answers if isinstance(each, Failed)), None)
