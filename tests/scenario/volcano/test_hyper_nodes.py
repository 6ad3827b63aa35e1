"""HyperNodes on a cluster in memory: their counts follow nodes, labels and each other."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from shoal.api.crds import all_crds
from shoal.api.node import NODES
from shoal.api.resource import JsonObject
from shoal.api.volcano.hyper_node import HYPER_NODES
from shoal.base.clock import VirtualClock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.controllers.runner import Controller
from shoal.controllers.volcano.hyper_node import hyper_node_controller
from shoal.testing.builders import make_node
from shoal.testing.cluster import memory_cluster
from tests.mortal import MortalClient, in_time, life


def controller(
    client: Client, informers: InformerSet, recorder: EventRecorder, clock: VirtualClock
) -> Controller:
    return hyper_node_controller(client, informers, clock)


class Network:
    def __init__(self, client: Client, clock: VirtualClock) -> None:
        self.client = client
        self.clock = clock

    def controllers(self, client: Any = None) -> Any:
        return life(client or self.client, self.clock, controller)

    async def node(self, name: str, **labels: str) -> None:
        await self.client.create(NODES, make_node(name).labels(**labels).manifest())

    async def hyper_node(self, name: str, tier: int, *members: JsonObject) -> None:
        body = {
            "apiVersion": HYPER_NODES.api_version,
            "kind": "HyperNode",
            "metadata": {"name": name},
            "spec": {"tier": tier, "members": list(members)},
        }
        await self.client.create(HYPER_NODES, body)

    async def until_counts(self, **counts: int) -> None:
        async def are_so() -> bool:
            found = (await self.client.list(HYPER_NODES)).items
            return counts == {e.metadata.name: e.status.node_count for e in found} and all(
                each.status.conditions for each in found
            )

        await in_time(self.clock, are_so, f"counts {counts}")

    async def condition(self, name: str) -> tuple[str, str, str]:
        (one,) = (await self.client.get(HYPER_NODES, name)).status.conditions
        return one.status, one.reason, one.message

    async def until_condition(self, name: str, *wanted: str) -> None:
        async def is_so() -> bool:
            return await self.condition(name) == wanted

        await in_time(self.clock, is_so, f"{name} to be {wanted}")


def member(type: str = "Node", **selector: Any) -> JsonObject:
    return {"type": type, "selector": selector}


def below(name: str) -> JsonObject:
    return member("HyperNode", exactMatch={"name": name})


@asynccontextmanager
async def make_network() -> AsyncGenerator[Network]:
    """Two racks of two nodes, told by name and by label, below a spine."""
    clock = VirtualClock()
    async with memory_cluster(clock=clock, crds=all_crds()) as cluster:
        network = Network(cluster.client, clock)
        for name, rack in (("s0-n1", "a"), ("s0-n2", "a"), ("s1-n3", "b"), ("s1-n4", "b")):
            await network.node(name, rack=rack)
        await network.hyper_node("s0", 1, member(regexMatch={"pattern": "^s0-"}))
        await network.hyper_node("s1", 1, member(labelMatch={"matchLabels": {"rack": "b"}}))
        await network.hyper_node("spine", 2, below("s0"), below("s1"))
        yield network


@pytest.fixture
async def network() -> AsyncGenerator[Network]:
    async with make_network() as network:
        yield network


async def test_nodes_are_counted_at_any_depth_as_they_come_move_and_go(network: Network):
    async with network.controllers():
        await network.until_counts(s0=2, s1=2, spine=4)
        assert await network.condition("spine") == ("True", "AllMembersFound", "")
        await network.node("s0-n5")
        await network.until_counts(s0=3, s1=2, spine=5)
        moved = {"metadata": {"labels": {"rack": "c"}}}
        await network.client.patch(NODES, "s1-n3", moved)
        await network.until_counts(s0=3, s1=1, spine=4)
        await network.client.delete(NODES, "s0-n1")
        await network.until_counts(s0=2, s1=1, spine=3)


async def test_members_that_are_missing_are_named_until_they_come(network: Network):
    gone = member(exactMatch={"name": "s2-n9"})
    await network.hyper_node("s2", 1, gone, below("s3"))
    async with network.controllers():
        await network.until_counts(s0=2, s1=2, spine=4, s2=0)
        assert await network.condition("s2") == (
            "False",
            "MissingMembers",
            "there is no Node s2-n9, no HyperNode s3",
        )
        await network.node("s2-n9")
        await network.until_condition("s2", "False", "MissingMembers", "there is no HyperNode s3")
        await network.hyper_node("s3", 0)
        await network.until_condition("s2", "True", "AllMembersFound", "")


async def test_hyper_nodes_inside_themselves_are_told(network: Network):
    await network.hyper_node("x", 3, below("y"))
    await network.hyper_node("y", 3, below("x"), below("s0"))
    async with network.controllers():
        await network.until_counts(s0=2, s1=2, spine=4, x=2, y=2)
        status, reason, message = await network.condition("x")
        assert (status, reason) == ("False", "Cycle")
        assert message.startswith("x holds y holds x: ")


async def test_a_condition_keeps_its_time_while_its_status_stays(network: Network):
    await network.hyper_node("s2", 1, below("s3"), below("s4"))
    async with network.controllers():
        await network.until_counts(s0=2, s1=2, spine=4, s2=0)
        before = (await network.client.get(HYPER_NODES, "s2")).status.conditions[0]
        await network.clock.advance(100)
        await network.hyper_node("s3", 0)
        await network.until_condition("s2", "False", "MissingMembers", "there is no HyperNode s4")
        after = (await network.client.get(HYPER_NODES, "s2")).status.conditions[0]
        assert after.last_transition_time == before.last_transition_time


@pytest.mark.parametrize("writes", range(4))
async def test_a_controller_that_was_killed_counts_again(writes: int):
    async with make_network() as network:
        mortal = MortalClient(network.client, writes)

        async def has_died() -> bool:
            return mortal.has_died

        async with network.controllers(mortal):
            await in_time(network.clock, has_died, "a death")
        async with network.controllers():
            await network.until_counts(s0=2, s1=2, spine=4)


async def test_what_is_said_already_is_not_written_again(network: Network):
    async with network.controllers():
        await network.until_counts(s0=2, s1=2, spine=4)
    mortal = MortalClient(network.client, 0)
    async with network.controllers(mortal):
        await network.clock.advance(10)
    assert not mortal.has_died
