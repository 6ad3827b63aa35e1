"""Who owns whom: the graph that garbage collection decides on.

Pure: the collector feeds it what it sees and asks what to do about one object at a time. Owners
are known by uid, so an owner that was deleted and made again under the same name is another one.
Source of the rules: Kubernetes v1.36, pkg/controller/garbagecollector.
"""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from shoal.api.meta import ObjectKey, OwnerReference
from shoal.api.resource import JsonObject, Resource

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


class GraphNode(msgspec.Struct, frozen=True):
    """One object as the graph sees it."""

    resource: Resource[JsonObject]
    key: ObjectKey
    uid: str
    owners: tuple[OwnerReference, ...]
    finalizers: tuple[str, ...]
    is_deleting: bool


class Decision(StrEnum):
    KEEP = "Keep"
    CHECK_OWNERS = "CheckOwners"
    """Owners are not in the graph: ask the server whether they exist before deciding."""
    DELETE = "Delete"
    DELETE_FOREGROUND = "DeleteForeground"
    """An owner waits in the foreground and this object has dependents of its own."""
    DROP_OWNERS = "DropOwners"
    """Some owners leave, others stay: keep the object, forget the references to the former."""
    FINISH_FOREGROUND = "FinishForeground"
    """Nothing blocks the owner any more: remove its finalizer."""
    ORPHAN_DEPENDENTS = "OrphanDependents"
    """Free the dependents of their reference, then remove the finalizer."""


class Ownership:
    """Objects by uid, and dependents by owner uid."""

    def __init__(self) -> None:
        self._nodes: dict[str, GraphNode] = {}
        self._dependents: dict[str, set[str]] = {}
        self._absent: set[str] = set()

    def put(self, node: GraphNode) -> None:
        self._unlink(node.uid)
        self._nodes[node.uid] = node
        self._absent.discard(node.uid)
        for owner in node.owners:
            self._dependents.setdefault(owner.uid, set()).add(node.uid)

    def remove(self, uid: str) -> None:
        """The object is gone; its dependents will find their owner absent."""
        self._unlink(uid)
        if self._nodes.pop(uid, None) is not None and uid in self._dependents:
            self._absent.add(uid)

    def mark_absent(self, uid: str) -> None:
        """The server says that there is no such owner."""
        self._absent.add(uid)

    def node(self, uid: str) -> GraphNode | None:
        return self._nodes.get(uid)

    def dependents(self, uid: str) -> list[GraphNode]:
        return [self._nodes[d] for d in sorted(self._dependents.get(uid, ()))]

    def affected_by(self, uid: str) -> Iterator[str]:
        """Whom to look at after `uid` changed: itself, its owners, its dependents."""
        yield uid
        node = self._nodes.get(uid)
        if node is not None:
            yield from (owner.uid for owner in node.owners)
        yield from sorted(self._dependents.get(uid, ()))

    def unknown_owners(self, node: GraphNode) -> list[OwnerReference]:
        return [o for o in node.owners if o.uid not in self._nodes and o.uid not in self._absent]

    def leaving_owners(self, node: GraphNode) -> list[OwnerReference]:
        """Owners that are gone, or wait in the foreground for their dependents to go."""
        return [o for o in node.owners if self._is_dead(o) or self._waits_in_foreground(o)]

    def decision(self, uid: str) -> Decision:
        """What to do about one object now."""
        node = self._nodes.get(uid)
        if node is None:
            return Decision.KEEP
        if node.is_deleting:
            return self._decision_on_deleting(node)
        if not node.owners:
            return Decision.KEEP
        if self.unknown_owners(node):
            return Decision.CHECK_OWNERS
        leaving = self.leaving_owners(node)
        if len(leaving) < len(node.owners):
            return Decision.DROP_OWNERS if leaving else Decision.KEEP
        is_awaited = any(self._waits_in_foreground(owner) for owner in leaving)
        if is_awaited and self._dependents.get(uid):
            return Decision.DELETE_FOREGROUND
        return Decision.DELETE

    def _decision_on_deleting(self, node: GraphNode) -> Decision:
        if ORPHAN in node.finalizers:
            return Decision.ORPHAN_DEPENDENTS
        if FOREGROUND in node.finalizers and not self._is_blocked(node):
            return Decision.FINISH_FOREGROUND
        return Decision.KEEP

    def _is_blocked(self, owner: GraphNode) -> bool:
        return any(
            reference.uid == owner.uid and reference.block_owner_deletion
            for dependent in self.dependents(owner.uid)
            for reference in dependent.owners
        )

    def _is_dead(self, reference: OwnerReference) -> bool:
        return reference.uid in self._absent and reference.uid not in self._nodes

    def _waits_in_foreground(self, reference: OwnerReference) -> bool:
        owner = self._nodes.get(reference.uid)
        return owner is not None and owner.is_deleting and FOREGROUND in owner.finalizers

    def _unlink(self, uid: str) -> None:
        before = self._nodes.get(uid)
        if before is None:
            return
        for owner in before.owners:
            dependents = self._dependents.get(owner.uid)
            if dependents is not None:
                dependents.discard(uid)
                if not dependents:
                    del self._dependents[owner.uid]
                    self._absent.discard(owner.uid)
