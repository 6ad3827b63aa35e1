"""Nodes that an earlier run registered and this one does not have: nobody keeps them alive, so they
must not stay Ready."""

from collections.abc import Iterable

from shoal.agent.node_status import LEASE_NAMESPACE, RUNTIME_LABEL
from shoal.api.core import LEASES
from shoal.api.node import NODES, Node
from shoal.api.status import ApiError
from shoal.client.protocol import Client


def former_nodes(registered: Iterable[Node], names: Iterable[str]) -> list[str]:
    """Which of the nodes an agent of Shoal made, and none has now. `names` are those it has."""
    kept = frozenset(names)
    return [
        node.metadata.name
        for node in registered
        if RUNTIME_LABEL in node.metadata.labels and node.metadata.name not in kept
    ]


async def remove_former_nodes(client: Client, names: Iterable[str]) -> None:
    """Delete them and their Leases. To be done before anything is scheduled; what was bound to
    them, the pod garbage collector removes."""
    registered = (await client.list(NODES)).items
    for name in former_nodes(registered, names):
        for resource, namespace in ((NODES, ""), (LEASES, LEASE_NAMESPACE)):
            try:
                await client.delete(resource, name, namespace)
            except ApiError as error:
                if not error.is_not_found:
                    raise
