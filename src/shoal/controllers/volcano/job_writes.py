"""The writes of the Job controller about one job: its status, its pods, its PodGroup.

A status is written only as a change of the revision that it was decided from. What a write
answers is remembered until the informer has caught up, so that nothing is decided twice from an
old view.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from shoal.api.meta import ObjectKey, ObjectMeta
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.api.volcano import keys
from shoal.api.volcano.job import JOBS, Job
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroup
from shoal.base.clock import Clock
from shoal.client.existence import remove
from shoal.client.informer import Lister
from shoal.client.protocol import Client
from shoal.controllers.expectations import Expectations
from shoal.controllers.together import all_of
from shoal.controllers.volcano.job_pod_plan import Mark
from shoal.controllers.volcano.job_status import status_patch

_MOST_AT_ONCE = 64
"""Pods that are created or deleted at the same time, of all jobs together."""


def group_key(name: str) -> str:
    """Under which a PodGroup is expected: a pod may have its name."""
    return f"{POD_GROUPS.kind} {name}"


class NameTaken(Exception):
    """An object of that name is there, and is not the job's."""


class _Written(msgspec.Struct, frozen=True):
    job: Job
    """As the last write has left it."""
    outdated: frozenset[str]
    """Its resource versions before that."""


class JobWrites:
    """Shared by all jobs."""

    def __init__(
        self,
        client: Client,
        pods: Lister[Pod],
        groups: Lister[PodGroup],
        expectations: Expectations,
        clock: Clock,
    ) -> None:
        self._client = client
        self._pods = pods
        self._groups = groups
        self._expectations = expectations
        self._clock = clock
        self._slots = asyncio.Semaphore(_MOST_AT_ONCE)
        self._written: dict[ObjectKey, _Written] = {}
        self._deleted_groups: dict[ObjectKey, str] = {}

    def newest(self, shown: Job) -> Job:
        """The job as it is after our last write, where the informer shows what was before it."""
        written = self._written.get(shown.metadata.key)
        if written is None:
            return shown
        if shown.metadata.resource_version in written.outdated:
            return written.job
        del self._written[shown.metadata.key]
        return shown

    def is_gone(self, group: PodGroup) -> bool:
        """Whether we have deleted the group that an informer still shows."""
        return self._deleted_groups.get(group.metadata.key) == group.metadata.uid

    def is_own(self, job: Job) -> bool:
        """Whether an informer shows what we have written ourselves."""
        written = self._written.get(job.metadata.key)
        if written is None:
            return False
        version = job.metadata.resource_version
        return version in written.outdated or version == written.job.metadata.resource_version

    def forget(self, key: ObjectKey) -> None:
        """The job is gone."""
        self._written.pop(key, None)
        self._expectations.forget(key)

    async def write_status(self, before: Job, after: Job) -> Job:
        """Raises a conflict where the job has changed since `before` was read."""
        patch = status_patch(before.status, after.status)
        return await self._patch(before, {"status": patch}, "status") if patch else before

    async def write_spec(self, job: Job, spec: JsonObject) -> Job:
        return await self._patch(job, {"spec": spec}, "")

    async def write_annotation(self, job: Job, name: str, value: str | None) -> Job:
        return await self._patch(job, {"metadata": {"annotations": {name: value}}}, "")

    async def _patch(self, job: Job, patch: JsonObject, subresource: str) -> Job:
        meta = job.metadata
        metadata = {**patch.get("metadata", {}), "resourceVersion": meta.resource_version}
        written = await self._client.patch(
            JOBS, meta.name, {**patch, "metadata": metadata}, meta.namespace,
            subresource=subresource,
        )  # fmt: skip
        before = self._written.get(meta.key)
        outdated = before.outdated if before is not None else frozenset[str]()
        self._written[meta.key] = _Written(written, outdated | {meta.resource_version})
        return written

    async def mark(self, job: Job, pods: Sequence[Pod], mark: Mark) -> None:
        """Say of pods that they are ended on purpose; those that are going already, too."""
        patch = {"metadata": {"annotations": {keys.OUT_OF_SYNC: str(mark)}}}
        await all_of(self._mark(job.metadata.key, pod.metadata, patch) for pod in pods)

    async def _mark(self, owner: ObjectKey, meta: ObjectMeta, patch: JsonObject) -> None:
        async with self._slots:
            if meta.deletion_timestamp is not None:
                # An informer that does not show the mark yet would show an eviction.
                self._expectations.expect_deleted(owner, meta.uid, self._clock.now())
            try:
                await self._client.patch(PODS, meta.name, patch, meta.namespace)
            except ApiError as error:
                self._expectations.observe_deleted(owner, meta.uid)
                if not error.is_not_found:
                    raise

    async def create_pods(self, job: Job, manifests: Sequence[JsonObject]) -> None:
        """Tries them all; raises the first error."""
        await all_of(self._create_pod(job, manifest) for manifest in manifests)

    async def _create_pod(self, job: Job, manifest: JsonObject) -> None:
        async with self._slots:
            name: str = manifest["metadata"]["name"]
            meta = job.metadata
            if not await self._create(PODS, manifest, meta):
                return
            if self._pods.get(ObjectKey(meta.namespace, name)) is None:
                self._expectations.expect_created(meta.key, name, self._clock.now())

    async def delete_pods(self, job: Job, pods: Sequence[Pod]) -> None:
        await all_of(self._delete_pod(job.metadata.key, pod.metadata) for pod in pods)

    async def _delete_pod(self, owner: ObjectKey, meta: ObjectMeta) -> None:
        async with self._slots:
            self._expectations.expect_deleted(owner, meta.uid, self._clock.now())
            try:
                await remove(self._client, PODS, meta)
            except Exception:
                self._expectations.observe_deleted(owner, meta.uid)
                raise

    async def create_group(self, job: Job, manifest: JsonObject) -> None:
        meta, name = job.metadata, manifest["metadata"]["name"]
        if not await self._create(POD_GROUPS, manifest, meta):
            return
        shown = self._groups.get(ObjectKey(meta.namespace, name))
        if shown is None or self.is_gone(shown):
            self._expectations.expect_created(meta.key, group_key(name), self._clock.now())

    async def patch_group(self, group: PodGroup, spec: JsonObject) -> None:
        meta = group.metadata
        await self._client.patch(POD_GROUPS, meta.name, {"spec": spec}, meta.namespace)

    async def delete_group(self, group: PodGroup) -> None:
        await remove(self._client, POD_GROUPS, group.metadata)
        self._deleted_groups[group.metadata.key] = group.metadata.uid

    def group_is_gone(self, group: PodGroup) -> None:
        """The informer has caught up."""
        if self.is_gone(group):
            del self._deleted_groups[group.metadata.key]

    async def delete_job(self, job: Job) -> None:
        """What it owns goes first."""
        await remove(self._client, JOBS, job.metadata, "Foreground")

    async def _create(
        self, resource: Resource[Any], manifest: JsonObject, owner: ObjectMeta
    ) -> bool:
        """Whether it was created; if not, it was there. Raises NameTaken."""
        try:
            await self._client.create(resource, manifest, owner.namespace)
        except ApiError as error:
            if not error.is_already_exists:
                raise
        else:
            return True
        name: str = manifest["metadata"]["name"]
        found = await self._client.get(resource, name, owner.namespace)
        controller = found.metadata.controller
        if controller is None or controller.uid != owner.uid:
            raise NameTaken(f"{resource.kind} {name} is there and is not of job {owner.name}")
        return False
