"""`shoal apply` and `delete`: change what is there."""

import asyncio
from collections.abc import Callable, Sequence

from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.cli import kinds, manifests, three_way
from shoal.cli.manifests import Manifest
from shoal.cli.output import CliError
from shoal.client.discovery import ServedResource, discover
from shoal.client.protocol import Client, DeleteOptions

_CRD_KIND = "CustomResourceDefinition"
_CRD_WAIT_S = 10.0
_POLL_S = 0.1


async def apply(
    client: Client, paths: Sequence[str], namespace: str, *, say: Callable[[str], None] = print
) -> None:
    """Create or update every object of the files, in order, and say what happened to each. What
    the server refuses does not keep it from the rest. Raises CliError when all are done."""
    served = await discover(client)
    refusals: list[str] = []
    for manifest in manifests.read(paths):
        try:
            resource = kinds.resource_of(served, manifest)
        except CliError:
            served = await _discover_until_served(client, manifest)
            resource = kinds.resource_of(served, manifest)
        try:
            outcome = await _apply_one(client, resource, manifest, namespace)
        except ApiError as error:
            refusals.append(f"{_named(resource, manifest.name)} of {manifest.source}: {error}")
            continue
        say(f"{_named(resource, manifest.name)} {outcome}")
    if refusals:
        raise CliError("\nerror: ".join(refusals))


async def _discover_until_served(client: Client, manifest: Manifest) -> list[ServedResource]:
    """A CRD applied a moment ago is served soon: look again for a while."""
    loop = asyncio.get_running_loop()
    give_up_s = loop.time() + _CRD_WAIT_S
    while True:
        served = await discover(client)
        crds = [each for each in served if each.resource.kind == _CRD_KIND]
        if any(each.resource.kind == manifest.kind for each in served) or not crds:
            return served
        pending = await client.list(crds[0].resource)
        kinds_coming = {item["spec"]["names"]["kind"] for item in pending.items}
        if manifest.kind not in kinds_coming or loop.time() > give_up_s:
            return served
        await asyncio.sleep(_POLL_S)


async def _apply_one(
    client: Client, resource: Resource[JsonObject], manifest: Manifest, namespace: str
) -> str:
    if not manifest.name:
        raise CliError(f"{manifest.source} holds a {manifest.kind} without metadata.name; add it")
    where = (manifest.namespace or namespace) if resource.namespaced else ""
    wanted = three_way.with_last_applied(manifest.body)
    try:
        live = await client.get(resource, manifest.name, where)
    except ApiError as error:
        if not error.is_not_found:
            raise
        await client.create(resource, wanted, where, strict=True)
        return "created"
    patch = three_way.patch(three_way.last_applied(live), wanted, live)
    if not patch:
        return "unchanged"
    changed = await client.patch(resource, manifest.name, patch, where, strict=True)
    # Others write meanwhile: only what the patch touches tells whether it changed anything.
    is_same = three_way.touched(changed, patch) == three_way.touched(live, patch)
    return "unchanged" if is_same else "configured"


async def delete_named(
    client: Client, words: Sequence[str], namespace: str, labels: str, options: DeleteOptions
) -> list[tuple[Resource[JsonObject], str, str]]:
    """Delete by kind and name or label; returns (resource, name, namespace) of each."""
    deleted: list[tuple[Resource[JsonObject], str, str]] = []
    for served, name in kinds.targets(await discover(client), words):
        resource = served.resource
        where = namespace if resource.namespaced else ""
        names = [name]
        if not name:
            page = await client.list(resource, where, label_selector=labels)
            names = [str(item["metadata"]["name"]) for item in page.items]
        for each in names:
            await client.delete(resource, each, where, options)
            deleted.append((resource, each, where))
            print(f"{_named(resource, each)} deleted")
    return deleted


async def delete_files(
    client: Client, paths: Sequence[str], namespace: str, options: DeleteOptions
) -> list[tuple[Resource[JsonObject], str, str]]:
    """Delete the objects of the files, last first; one that is gone already is no error."""
    served = await discover(client)
    deleted: list[tuple[Resource[JsonObject], str, str]] = []
    for manifest in reversed(manifests.read(paths)):
        resource = kinds.resource_of(served, manifest)
        where = (manifest.namespace or namespace) if resource.namespaced else ""
        try:
            await client.delete(resource, manifest.name, where, options)
        except ApiError as error:
            if not error.is_not_found:
                raise
            continue
        deleted.append((resource, manifest.name, where))
        print(f"{_named(resource, manifest.name)} deleted")
    return deleted


async def wait_gone(
    client: Client, deleted: Sequence[tuple[Resource[JsonObject], str, str]]
) -> None:
    """Return when none of the objects exists any more."""
    for resource, name, namespace in deleted:
        while await _exists(client, resource, name, namespace):
            await asyncio.sleep(_POLL_S)


async def _exists(
    client: Client, resource: Resource[JsonObject], name: str, namespace: str
) -> bool:
    try:
        await client.get(resource, name, namespace)
    except ApiError as error:
        if error.is_not_found:
            return False
        raise
    return True


def _named(resource: Resource[JsonObject], name: str) -> str:
    kind = resource.kind.lower()
    return f"{kind}.{resource.group}/{name}" if resource.group else f"{kind}/{name}"
