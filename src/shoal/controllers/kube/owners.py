"""Owner references: take objects under control, let them go, and wake whom they are about.

An informer may lag behind: an owner that it shows may be on its way out, or another one may have
its name by now. Whoever is taken under control is given to an owner that the server has been asked
for, else an orphan that somebody means to keep would be collected with its new owner.
Source of the rules: Kubernetes v1.36, pkg/controller/controller_ref_manager.go.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from shoal.api.apps import DaemonSet, ReplicaSet, StatefulSet
from shoal.api.meta import Object, ObjectKey, ObjectMeta
from shoal.api.owners import controller_reference
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.client.existence import find
from shoal.client.informer import Handler, Lister
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.expectations import Expectations
from shoal.controllers.kube import replica_count

OwnedT = TypeVar("OwnedT", bound=Object)
SetT = TypeVar("SetT", ReplicaSet, DaemonSet, StatefulSet)


async def may_adopt(client: Client, resource: Resource[Any], owner: ObjectMeta) -> bool:
    """Whether the owner is there and stays, as the server knows. Where it is not, news of it are
    on their way, and nothing needs to be done before they come."""
    found = await find(client, resource, owner.name, owner.namespace)
    if found is None:
        return False
    return found.metadata.uid == owner.uid and found.metadata.deletion_timestamp is None


async def adopt(
    client: Client,
    resource: Resource[OwnedT],
    orphans: Sequence[OwnedT],
    kind: Resource[Any],
    owner: ObjectMeta,
) -> list[OwnedT]:
    """Make `owner`, which is of a `kind`, the controller of all orphans; none of them if it goes.
    Refused with a conflict where an orphan has changed meanwhile."""
    if not orphans or not await may_adopt(client, kind, owner):
        return []
    reference = controller_reference(kind.api_version, kind.kind, owner)
    adopted: list[OwnedT] = []
    for orphan in orphans:
        meta = orphan.metadata
        patch = _owners_patch(meta, [*_as_json(meta), reference])
        adopted.append(await client.patch(resource, meta.name, patch, meta.namespace))
    return adopted


async def settle_pods(
    client: Client, claim: replica_count.Claim, kind: Resource[Any], owner: ObjectMeta
) -> list[Pod]:
    """The owner's pods, when orphans have become its own and others have ceased to be."""
    adopted = await adopt(client, PODS, claim.adopt, kind, owner)
    for pod in claim.release:
        await _release(client, pod.metadata, owner.uid)
    return [*claim.owned, *adopted]


def enqueue_set_of_pod(
    queue: WorkQueue[ObjectKey],
    kind: str,
    sets: Lister[SetT],
    expectations: Expectations | None = None,
) -> Handler[Pod]:
    """A handler that adds the set that a pod belongs to or did before, and for an orphan those
    that may adopt it. What is expected of a pod is noted as seen."""

    def handle(old: Pod | None, new: Pod | None) -> None:
        for pod in (old, new):
            if pod is None:
                continue
            meta, owner = pod.metadata, pod.metadata.controller
            if owner is None:
                for each in sets.list(meta.namespace):
                    if replica_count.claim_pods(each.metadata, each.spec.selector, [pod]).adopt:
                        queue.add(each.metadata.key)
            elif owner.kind == kind:
                key = ObjectKey(meta.namespace, owner.name)
                if expectations is not None:
                    expectations.observe_created(key, meta.name)
                    if new is None or pod.is_deleting:
                        expectations.observe_deleted(key, meta.uid)
                queue.add(key)

    return handle


async def _release(client: Client, owned: ObjectMeta, owner_uid: str) -> None:
    """Drop the owner's reference; a pod that is gone needs none."""
    references = [ref for ref in _as_json(owned) if ref["uid"] != owner_uid]
    try:
        await client.patch(PODS, owned.name, _owners_patch(owned, references), owned.namespace)
    except ApiError as error:
        if not error.is_not_found:
            raise


def _owners_patch(of: ObjectMeta, references: list[JsonObject]) -> JsonObject:
    return {
        "metadata": {
            "uid": of.uid,
            "resourceVersion": of.resource_version,
            "ownerReferences": references,
        }
    }


def _as_json(of: ObjectMeta) -> list[JsonObject]:
    return msgspec.to_builtins(of.owner_references)
