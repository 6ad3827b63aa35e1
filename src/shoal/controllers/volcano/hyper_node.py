"""HyperNodes: how many nodes each holds, and what is wrong with it.

What a HyperNode holds depends on others and on the nodes, so all are looked at together, a moment
after the first of some changes. Volcano writes no conditions; `Resolved` is Shoal's.
"""

from datetime import datetime

import msgspec

from shoal.api.meta import Condition, find_condition, held_since, timestamp
from shoal.api.node import NODES, Node
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.api.volcano.hyper_node import HYPER_NODES, HyperNode
from shoal.api.volcano.hyper_node_tree import HyperNodeTree
from shoal.base.clock import Clock
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller

RESOLVED = "Resolved"
"""Condition: every member of the HyperNode selects something, and it is not inside itself."""

_SETTLE_S = 0.2
"""Nodes come in hundreds; they are counted this often at most."""
_ALL = "all"


def verdict(tree: HyperNodeTree, name: str) -> Condition:
    """What to say of one HyperNode, without times."""
    cycle, missing = tree.cycle_of(name), tree.missing_of(name)
    if cycle:
        message = (
            f"{' holds '.join(cycle)}: gangs cannot be placed by a HyperNode that is inside"
            " itself; take one of these members out"
        )
        return Condition(type=RESOLVED, status="False", reason="Cycle", message=message)
    if missing:
        message = f"there is no {', no '.join(missing)}"
        return Condition(type=RESOLVED, status="False", reason="MissingMembers", message=message)
    return Condition(type=RESOLVED, status="True", reason="AllMembersFound")


def changes(hyper_node: HyperNode, tree: HyperNodeTree, now: datetime) -> JsonObject:
    """Those fields of the status that are to be written; none where all is said already."""
    name, status = hyper_node.metadata.name, hyper_node.status
    fresh, stored = verdict(tree, name), find_condition(status.conditions, RESOLVED)
    count = len(tree.nodes_of(name))
    is_counted = stored is not None and status.node_count == count
    wanted: JsonObject = {} if is_counted else {"nodeCount": count}
    if stored is None or _said(stored) != _said(fresh):
        since = held_since(stored, fresh.status, now)
        others = [each for each in status.conditions if each.type != RESOLVED]
        condition = {**msgspec.to_builtins(fresh), "lastTransitionTime": timestamp(since)}
        wanted["conditions"] = [*msgspec.to_builtins(others), condition]
    return wanted


def _said(condition: Condition) -> tuple[str, str, str]:
    return condition.status, condition.reason, condition.message


class HyperNodeReconciler:
    def __init__(
        self, client: Client, hyper_nodes: Lister[HyperNode], nodes: Lister[Node], clock: Clock
    ) -> None:
        self._client = client
        self._hyper_nodes = hyper_nodes
        self._nodes = nodes
        self._clock = clock

    async def reconcile(self, key: str) -> Result:
        hyper_nodes = self._hyper_nodes.list()
        if hyper_nodes:
            nodes = [(each.metadata.name, each.metadata.labels) for each in self._nodes.list()]
            tree, now = HyperNodeTree(hyper_nodes, nodes), self._clock.now()
            for each in hyper_nodes:
                await self._write(each.metadata.name, changes(each, tree, now))
        return Result()

    async def _write(self, name: str, status: JsonObject) -> None:
        if not status:
            return
        try:
            await self._client.patch(HYPER_NODES, name, {"status": status}, subresource="status")
        except ApiError as error:
            if not error.is_not_found:
                raise


def hyper_node_controller(client: Client, informers: InformerSet, clock: Clock) -> Controller:
    """Follows HyperNodes, and the names and labels of nodes."""
    work: WorkQueue[str] = WorkQueue(clock)
    hyper_nodes, nodes = informers.informer(HYPER_NODES), informers.informer(NODES)
    reconciler = HyperNodeReconciler(client, hyper_nodes.lister, nodes.lister, clock)

    def on_hyper_node(old: HyperNode | None, new: HyperNode | None) -> None:
        work.add_after(_ALL, _SETTLE_S)

    def on_node(old: Node | None, new: Node | None) -> None:
        if old is None or new is None or old.metadata.labels != new.metadata.labels:
            work.add_after(_ALL, _SETTLE_S)

    hyper_nodes.add_handler(on_hyper_node)
    nodes.add_handler(on_node)
    return Controller("hypernode", reconciler, work)
