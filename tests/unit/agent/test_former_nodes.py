"""Nodes that an earlier run registered, and this one does not have."""

from shoal.agent.former_nodes import former_nodes, remove_former_nodes
from shoal.agent.node_status import LEASE_NAMESPACE, RUNTIME_LABEL, lease_body
from shoal.api.core import LEASES
from shoal.api.node import NODES
from shoal.base.clock import VirtualClock
from shoal.testing.builders import make_node
from shoal.testing.cluster import memory_cluster


def ours(name):
    return make_node(name).meta(labels={RUNTIME_LABEL: "sandbox"})


def test_nodes_that_an_agent_made_and_none_has_now_are_former_ones():
    nodes = [ours("m-0").obj(), ours("m-1").obj(), make_node("by-hand").obj()]
    assert former_nodes(nodes, ["m-0", "m-2"]) == ["m-1"]


async def test_they_go_with_their_leases():
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        client = cluster.client
        for name in ("m", "m-0"):
            node = await client.create(NODES, ours(name).manifest())
            await client.create(LEASES, lease_body(node, clock.now()), LEASE_NAMESPACE)
        await remove_former_nodes(client, ["m-0", "m-1"])
        for resource in (NODES, LEASES):
            assert [each.metadata.name for each in (await client.list(resource)).items] == ["m-0"]
