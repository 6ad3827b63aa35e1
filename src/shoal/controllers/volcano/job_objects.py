"""What exists beside the pods of a job: the objects of its plugins, and its claims.

Made before the pods, made to follow the job when it is scaled, and made again where they are
missing when the job begins another attempt. Objects of plugins go when the job has finished,
claims with the job.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from shoal.api.core import CONFIG_MAPS, SECRETS, SERVICES
from shoal.api.meta import Object, ObjectKey
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.api.storage import CLAIMS, PersistentVolumeClaim
from shoal.api.volcano.job import Job
from shoal.client.existence import find, remove
from shoal.client.informer import Lister
from shoal.client.protocol import Client
from shoal.controllers.volcano import job_volumes
from shoal.controllers.volcano.job_plugins.plugin import JobPlugin
from shoal.controllers.volcano.job_plugins.ssh import secret_name
from shoal.controllers.volcano.job_plugins.ssh_keys import (
    KeyPair,
    generate_key_pair,
    kept_key_pair,
)
from shoal.controllers.volcano.job_plugins.table import build_plugins, needs_keys
from shoal.controllers.volcano.job_pods import owner_reference
from shoal.controllers.volcano.job_writes import NameTaken

_NETWORK_POLICIES: Resource[Object] = Resource(
    "networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", Object
)
_RESOURCES: Mapping[tuple[str, str], Resource[Any]] = MappingProxyType(
    {
        (resource.api_version, resource.kind): resource
        for resource in (CONFIG_MAPS, SECRETS, SERVICES, _NETWORK_POLICIES)
    }
)
"""Kinds that plugins make."""
_PLUGIN = "plugin-"
_CLAIM = "volume-pvc-"
_NO_KEYS = KeyPair("", "")


class JobObjects:
    def __init__(self, client: Client, claims: Lister[PersistentVolumeClaim]) -> None:
        self._client = client
        self._claims = claims
        self._ensured: dict[ObjectKey, tuple[str, int, int]] = {}

    def forget(self, key: ObjectKey) -> None:
        """The job is gone."""
        self._ensured.pop(key, None)

    def missing_claim(self, job: Job) -> str | None:
        """The first claim of others that the job waits for."""
        own = job_volumes.new_claims(job)
        for name in job_volumes.claim_names(job):
            if name not in own and not self._has_claim(job, name):
                return name
        return None

    def _has_claim(self, job: Job, name: str) -> bool:
        return self._claims.get(ObjectKey(job.metadata.namespace, name)) is not None

    async def ensure_claims(self, job: Job) -> None:
        owner = owner_reference(job)
        for name in job_volumes.new_claims(job):
            if not self._has_claim(job, name):
                body = job_volumes.claim_manifest(job, name, owner)
                await self._create(CLAIMS, body, job)

    async def ensure_plugins(self, job: Job) -> None:
        """Once for each generation and attempt of the job. Raises NameTaken."""
        meta = job.metadata
        seen = (meta.uid, meta.generation, job.status.version)
        if not job.spec.plugins or self._ensured.get(meta.key) == seen:
            return
        for manifest in await self._manifests(job):
            await self._ensure(job, manifest)
        self._ensured[meta.key] = seen

    async def remove_plugins(self, job: Job) -> None:
        """What is not the job's stays."""
        for plugin in plugins_of(job):
            for manifest in plugin.objects(job):
                await self._remove(job, manifest)

    async def _manifests(self, job: Job) -> list[JsonObject]:
        pair = await self._key_pair(job) if needs_keys(job) else _NO_KEYS
        plugins = build_plugins(job, lambda: pair)
        return [manifest for plugin in plugins for manifest in plugin.objects(job)]

    async def _key_pair(self, job: Job) -> KeyPair:
        """That of the job's Secret; a new one where it has none."""
        secret = await find(self._client, SECRETS, secret_name(job), job.metadata.namespace)
        is_ours = secret is not None and _is_owned(secret, job)
        kept = kept_key_pair(secret) if is_ours else None
        return kept or await asyncio.to_thread(generate_key_pair)

    async def _ensure(self, job: Job, manifest: JsonObject) -> None:
        resource = _resource_of(manifest)
        body = {
            **manifest,
            "metadata": {
                **manifest["metadata"],
                "namespace": job.metadata.namespace,
                "ownerReferences": [owner_reference(job)],
            },
        }
        if await self._create(resource, body, job):
            return
        content = {
            name: value
            for name, value in manifest.items()
            if name not in ("apiVersion", "kind", "metadata")
        }
        name: str = manifest["metadata"]["name"]
        await self._client.patch(resource, name, content, job.metadata.namespace)

    async def _create(self, resource: Resource[Any], body: JsonObject, job: Job) -> bool:
        """Whether it was created; if not, the job has it. Raises NameTaken."""
        name: str = body["metadata"]["name"]
        try:
            await self._client.create(resource, body, job.metadata.namespace)
        except ApiError as error:
            if not error.is_already_exists:
                raise
        else:
            return True
        found: Object | None = await find(self._client, resource, name, job.metadata.namespace)
        if found is None or not _is_owned(found, job):
            raise NameTaken(
                f"{resource.kind} {name} is there and is not of job {job.metadata.name}"
            )
        return False

    async def _remove(self, job: Job, manifest: JsonObject) -> None:
        resource, name = _resource_of(manifest), manifest["metadata"]["name"]
        found: Object | None = await find(self._client, resource, name, job.metadata.namespace)
        if found is not None and _is_owned(found, job):
            await remove(self._client, resource, found.metadata)


def plugins_of(job: Job) -> list[JobPlugin]:
    """For all that does not need the keys of ssh."""
    return build_plugins(job, lambda: _NO_KEYS)


def resources_of(job: Job) -> dict[str, str]:
    """`controlledResources` of a job that has all that it asks for."""
    plugins = {f"{_PLUGIN}{plugin.name}": plugin.name for plugin in plugins_of(job)}
    return plugins | {f"{_CLAIM}{name}": name for name in job_volumes.claim_names(job)}


def without_plugins(resources: Mapping[str, str]) -> dict[str, str]:
    """`controlledResources` after `remove_plugins`."""
    return {name: value for name, value in resources.items() if not name.startswith(_PLUGIN)}


def _resource_of(manifest: JsonObject) -> Resource[Any]:
    return _RESOURCES[manifest["apiVersion"], manifest["kind"]]


def _is_owned(found: Object, job: Job) -> bool:
    controller = found.metadata.controller
    return controller is not None and controller.uid == job.metadata.uid
