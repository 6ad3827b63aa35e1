"""Owner references: take an object under control, or let it go."""

from typing import TypeVar

import msgspec

from shoal.api.meta import ObjectMeta
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.client.protocol import Client

T = TypeVar("T")


async def adopt(
    client: Client, resource: Resource[T], orphan: ObjectMeta, reference: JsonObject
) -> T:
    """Add the reference; refused with a conflict where the orphan has changed meanwhile."""
    references = [*_as_json(orphan), reference]
    return await client.patch(
        resource, orphan.name, _owners_patch(orphan, references), orphan.namespace
    )


async def release(client: Client, resource: Resource[T], owned: ObjectMeta, owner_uid: str) -> None:
    """Drop the owner's reference; an object that is gone needs none."""
    references = [ref for ref in _as_json(owned) if ref["uid"] != owner_uid]
    try:
        await client.patch(resource, owned.name, _owners_patch(owned, references), owned.namespace)
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
