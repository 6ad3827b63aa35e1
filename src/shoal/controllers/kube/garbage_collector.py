"""Garbage collection: objects go when their owners have gone.

`ownership` decides; here every deletable collection of the server is followed, by metadata only,
and the verdicts are carried out. Collections appear and vanish with CRDs, so a change of any CRD
makes the collector ask again what is served.
"""

import asyncio
from collections.abc import Callable

import msgspec

from shoal.api.meta import Object, ObjectKey
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.discovery import discover
from shoal.client.existence import find
from shoal.client.informer import Informer, InformerSet
from shoal.client.protocol import Client, DeleteOptions
from shoal.client.workqueue import WorkQueue
from shoal.controllers.kube.ownership import FOREGROUND, ORPHAN, Decision, GraphNode, Ownership
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller

CRDS: Resource[Object] = Resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    Object,
    namespaced=False,
)
_IGNORED = {"events", "events.events.k8s.io"}
_RESYNC_S = 30.0
_NEEDS_FRESH = (Decision.DELETE, Decision.DELETE_FOREGROUND, Decision.DROP_OWNERS)
"""What must not be decided from old news."""
_NEEDS_ALL = (Decision.FINISH_FOREGROUND, Decision.ORPHAN_DEPENDENTS)
"""What must not be decided before all dependents have been shown."""
_FIRST_LIST_S = 30.0
"""How long that waits for a collection that cannot be listed; Kubernetes v1.36,
cmd/kube-controller-manager/app, `initialSyncTimeout`."""
_LOOK_AGAIN_S = 1.0


class GarbageCollector:
    """Feeds the graph, and carries out what it decides about one uid at a time."""

    def __init__(self, client: Client, queue: WorkQueue[ObjectKey], clock: Clock) -> None:
        self._client = client
        self._queue = queue
        self._clock = clock
        self._graph = Ownership()
        self._by_kind: dict[tuple[str, str], Resource[JsonObject]] = {}
        self._awaited: list[tuple[Informer[Object], float]] = []
        """Collections that may not have been listed yet, and until when that matters."""

    def follow(self, resource: Resource[JsonObject], informer: Informer[Object]) -> None:
        """Take up one collection."""
        self._by_kind[(resource.group, resource.kind)] = resource
        self._awaited.append((informer, self._clock.monotonic() + _FIRST_LIST_S))
        informer.add_handler(self._handler(resource))

    def _handler(
        self, resource: Resource[JsonObject]
    ) -> Callable[[Object | None, Object | None], None]:
        def on_change(old: Object | None, new: Object | None) -> None:
            if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
                # A list shows another object under the name, where the watch was cut off.
                self._learn(old.metadata.uid, None)
            if new is not None:
                self._learn(new.metadata.uid, _node(resource, new))

        return on_change

    def _learn(self, uid: str, node: GraphNode | None) -> None:
        """What an object has become, None for gone. Whoever had to do with it before or has now
        gets a turn: an owner may wait for a dependent that is not its own any more."""
        affected = list(self._graph.affected_by(uid))
        if node is None:
            self._graph.remove(uid)
        else:
            self._graph.put(node)
        for each in (*affected, *self._graph.affected_by(uid)):
            self._queue.add(ObjectKey("", each))

    async def reconcile(self, key: ObjectKey) -> Result:
        uid = key.name
        node = self._graph.node(uid)
        if node is None:
            return Result()
        decision = self._graph.decision(uid)
        if decision is Decision.CHECK_OWNERS:
            is_known = await self._check_owners(node)
            if not is_known:
                return Result(_RESYNC_S)
            decision = self._graph.decision(uid)
        if decision in _NEEDS_ALL and not self._has_seen_all():
            return Result(_LOOK_AGAIN_S)
        try:
            if decision in _NEEDS_FRESH and await self._has_changed(node):
                return Result()
            await self._carry_out(decision, node)
        except ApiError as error:
            # Gone, or changed since: the watch brings what it has become.
            if not (error.is_not_found or error.is_conflict):
                raise
        return Result()

    def _has_seen_all(self) -> bool:
        now_s = self._clock.monotonic()
        waiting = [each for each in self._awaited if not each[0].has_synced and now_s < each[1]]
        self._awaited = waiting
        return not waiting

    async def _check_owners(self, node: GraphNode) -> bool:
        """Ask the server about owners the graph has not seen; False where it cannot be told."""
        for owner in self._graph.unknown_owners(node):
            group = owner.api_version.rpartition("/")[0]
            resource = self._by_kind.get((group, owner.kind))
            if resource is None:
                return False
            namespace = node.key.namespace if resource.namespaced else ""
            try:
                live = await self._client.get(resource, owner.name, namespace)
            except ApiError as error:
                if not error.is_not_found:
                    raise
                self._graph.mark_absent(owner.uid)
                continue
            if live["metadata"]["uid"] != owner.uid:
                self._graph.mark_absent(owner.uid)
        return not self._graph.unknown_owners(node)

    async def _has_changed(self, node: GraphNode) -> bool:
        """Whether the object belongs to others by now, or has gone; then it is decided on again.
        Collections come by streams of their own: an owner may be seen to go before its dependents
        are seen to be set free."""
        live = await self._live(node)
        if self._graph.node(node.uid) is not node:
            # The watch was quicker: what was read may be older than what it brought.
            return True
        fresh = _node(node.resource, live) if live is not None else None
        if fresh == node:
            return False
        self._learn(node.uid, fresh)
        return True

    async def _live(self, node: GraphNode) -> Object | None:
        found = await find(self._client, node.resource, node.key.name, node.key.namespace)
        live = msgspec.convert(found, Object) if found is not None else None
        return live if live is not None and live.metadata.uid == node.uid else None

    async def _carry_out(self, decision: Decision, node: GraphNode) -> None:
        match decision:
            case Decision.KEEP | Decision.CHECK_OWNERS:
                return
            case Decision.DELETE:
                await self._delete(node, "Background")
            case Decision.DELETE_FOREGROUND:
                await self._delete(node, "Foreground")
            case Decision.DROP_OWNERS:
                await self._drop_owners(node)
            case Decision.FINISH_FOREGROUND:
                await self._remove_finalizer(node, FOREGROUND)
            case Decision.ORPHAN_DEPENDENTS:
                await self._orphan(node)

    async def _delete(self, node: GraphNode, propagation: str) -> None:
        options = DeleteOptions(propagation=propagation, uid=node.uid)
        await self._client.delete(node.resource, node.key.name, node.key.namespace, options)

    async def _drop_owners(self, node: GraphNode) -> None:
        leaving = {owner.uid for owner in self._graph.leaving_owners(node)}
        await self._patch_owners(node, leaving)

    async def _orphan(self, node: GraphNode) -> None:
        for dependent in self._graph.dependents(node.uid):
            await self._patch_owners(dependent, {node.uid})
        await self._remove_finalizer(node, ORPHAN)

    async def _patch_owners(self, node: GraphNode, dropped_uids: set[str]) -> None:
        live = await self._live(node)
        if live is None:
            return
        owners = live.metadata.owner_references
        kept = [owner for owner in owners if owner.uid not in dropped_uids]
        if kept != owners:
            await self._patch(node, live, {"ownerReferences": msgspec.to_builtins(kept)})

    async def _remove_finalizer(self, node: GraphNode, finalizer: str) -> None:
        live = await self._live(node)
        if live is not None and finalizer in live.metadata.finalizers:
            kept = [each for each in live.metadata.finalizers if each != finalizer]
            await self._patch(node, live, {"finalizers": kept})

    async def _patch(self, node: GraphNode, live: Object, changes: JsonObject) -> None:
        """Refused where the object has changed since: lists are written whole."""
        meta = live.metadata
        seen = {"uid": meta.uid, "resourceVersion": meta.resource_version}
        patch = {"metadata": {**seen, **changes}}
        await self._client.patch(node.resource, meta.name, patch, meta.namespace)


def _node(resource: Resource[JsonObject], obj: Object) -> GraphNode:
    metadata = obj.metadata
    return GraphNode(
        resource,
        metadata.key,
        metadata.uid,
        tuple(metadata.owner_references),
        tuple(metadata.finalizers),
        metadata.deletion_timestamp is not None,
    )


class Follower:
    """Keeps the collector on every collection that is served."""

    def __init__(
        self, client: Client, informers: InformerSet, collector: GarbageCollector, clock: Clock
    ) -> None:
        self._client = client
        self._informers = informers
        self._collector = collector
        self._clock = clock
        self._followed: set[str] = set()
        self._crds: Informer[Object] = informers.informer(CRDS)
        self._changed = asyncio.Event()
        self._crds.add_handler(lambda old, new: self._changed.set())

    async def run(self) -> None:
        """Returns only when cancelled."""
        while True:
            self._changed.clear()
            for served in await discover(self._client):
                resource = served.resource
                name = resource.group_resource
                if name in self._followed or name in _IGNORED or "delete" not in served.verbs:
                    continue
                self._followed.add(name)
                self._collector.follow(resource, self._informers.metadata_informer(resource))
            await self._changed.wait()


def garbage_collector(
    client: Client, informers: InformerSet, clock: Clock
) -> tuple[Controller, Follower]:
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    collector = GarbageCollector(client, queue, clock)
    follower = Follower(client, informers, collector, clock)
    return Controller("garbage-collector", collector, queue), follower
