"""Subresources that are actions: a POST that does something to an object."""

from shoal.api.resource import JsonObject
from shoal.api.status import method_not_allowed
from shoal.apiserver.core import Core
from shoal.apiserver.requests import Target
from shoal.apiserver.subresources.eviction import evict
from shoal.apiserver.subresources.pods import bind
from shoal.apiserver.subresources.tokens import create_token


async def call_subresource(
    core: Core, target: Target, body: JsonObject, *, dry_run: bool
) -> JsonObject:
    """Raises ApiError."""
    match target.subresource:
        case "binding":
            return await bind(core, target, body, dry_run=dry_run)
        case "eviction":
            return await evict(core, target, body, dry_run=dry_run)
        case "token":
            return await create_token(core, target, body)
        case _:
            raise method_not_allowed()
