"""`RevisionHistory`: the ControllerRevisions of StatefulSets or of DaemonSets, read and written.

Which revision is wanted is decided in `revisions`. Names follow from the template, so a controller
that is killed between two writes finds what it has written.
"""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from shoal.api.apps import CONTROLLER_REVISIONS, ControllerRevision
from shoal.api.meta import LabelSelector, ObjectMeta
from shoal.api.owners import controller_reference
from shoal.api.resource import JsonObject, Resource
from shoal.api.selectors import from_label_selector
from shoal.api.status import ApiError
from shoal.client.informer import Lister
from shoal.client.protocol import Client, DeleteOptions
from shoal.controllers.kube import owners, revisions


class Settled(msgspec.Struct, frozen=True):
    """The revision of the present template, among all that are kept."""

    newest: ControllerRevision
    kept: list[ControllerRevision]
    collisions: int
    """Of names, since the owner was made; it is kept in the owner's status."""


class RevisionHistory:
    """Of all owners of one kind."""

    def __init__(
        self,
        client: Client,
        lister: Lister[ControllerRevision],
        resource: Resource[Any],
        hash_label: str,
    ) -> None:
        """`resource` is that of the owners; `hash_label` goes onto the revisions."""
        self._client = client
        self._lister = lister
        self._resource = resource
        self._hash_label = hash_label

    async def settle(
        self, owner: ObjectMeta, selector: LabelSelector, template: JsonObject, collisions: int
    ) -> Settled:
        """Make, find again or renumber the revision of the template."""
        kept = await self._owned(owner, selector)
        data = revisions.template_patch(template)
        found = revisions.find_equal(kept, data)
        number = revisions.next_number(kept)
        if found is None:
            newest, collisions = await self._create(owner, template, data, number, collisions)
        elif found.revision < number - 1:
            newest = await self._renumber(found, number)
        else:
            return Settled(found, kept, collisions)
        others = [each for each in kept if each.metadata.uid != newest.metadata.uid]
        return Settled(newest, [*others, newest], collisions)

    async def truncate(
        self, kept: Sequence[ControllerRevision], live: Collection[str], limit: int
    ) -> None:
        """Delete what exceeds the limit."""
        for each in revisions.expired(kept, live, limit):
            meta = each.metadata
            try:
                await self._client.delete(
                    CONTROLLER_REVISIONS, meta.name, meta.namespace, DeleteOptions(uid=meta.uid)
                )
            except ApiError as error:
                if not error.is_not_found:
                    raise

    async def _owned(self, owner: ObjectMeta, selector: LabelSelector) -> list[ControllerRevision]:
        """Its own, and orphans that match."""
        matching = from_label_selector(selector)
        owned: list[ControllerRevision] = []
        orphans: list[ControllerRevision] = []
        for each in self._lister.list(owner.namespace):
            controller = each.metadata.controller
            if controller is not None:
                if controller.uid == owner.uid:
                    owned.append(each)
            elif (
                matching
                and matching.matches(each.metadata.labels)
                and owner.deletion_timestamp is None
                and each.metadata.deletion_timestamp is None
            ):
                orphans.append(each)
        return owned + await owners.adopt(
            self._client, CONTROLLER_REVISIONS, orphans, self._resource, owner
        )

    async def _create(
        self,
        owner: ObjectMeta,
        template: JsonObject,
        data: JsonObject,
        number: int,
        collisions: int,
    ) -> tuple[ControllerRevision, int]:
        labels: dict[str, str] = (template.get("metadata") or {}).get("labels") or {}
        while True:
            naming = revisions.naming(owner, data, collisions)
            marked = {**labels, self._hash_label: naming.hash}
            body = revisions.revision_body(owner, self._reference(owner), data, number, marked)
            body["metadata"]["name"] = naming.name
            try:
                made = await self._client.create(CONTROLLER_REVISIONS, body, owner.namespace)
            except ApiError as error:
                if not error.is_already_exists:
                    raise
                existing = await self._client.get(
                    CONTROLLER_REVISIONS, naming.name, owner.namespace
                )
                if existing.data != data:
                    collisions += 1
                    continue
                # The same template, whoever made it: perhaps an orphan that has not been seen to
                # be one. Under another name all pods would be replaced.
                orphans = [existing] if existing.metadata.controller is None else []
                adopted = await owners.adopt(
                    self._client, CONTROLLER_REVISIONS, orphans, self._resource, owner
                )
                return (adopted or [existing])[0], collisions
            return made, collisions

    async def _renumber(self, found: ControllerRevision, number: int) -> ControllerRevision:
        """An old template is the present one again."""
        meta = found.metadata
        return await self._client.patch(
            CONTROLLER_REVISIONS,
            meta.name,
            {"metadata": {"resourceVersion": meta.resource_version}, "revision": number},
            meta.namespace,
        )

    def _reference(self, owner: ObjectMeta) -> JsonObject:
        return controller_reference(self._resource.api_version, self._resource.kind, owner)
