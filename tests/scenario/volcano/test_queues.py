"""Queues on a cluster in memory: commands, subtrees, and controllers that are killed."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from shoal.api.core import EVENTS
from shoal.api.crds import all_crds
from shoal.api.resource import JsonObject
from shoal.api.volcano.command import COMMANDS
from shoal.api.volcano.keys import CLOSED_BY_PARENT
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.api.volcano.queue import QUEUES, manifest
from shoal.base.clock import VirtualClock
from shoal.client.protocol import Client
from shoal.controllers.volcano.queue import queue_controller
from shoal.testing.cluster import memory_cluster
from tests.mortal import MortalClient, in_time, life

NS = "default"


class Team:
    """A cluster with queues, and those who use it."""

    def __init__(self, client: Client, clock: VirtualClock) -> None:
        self.client = client
        self.clock = clock
        self._commands = 0

    def controllers(self, client: Any = None) -> Any:
        return life(client or self.client, self.clock, queue_controller)

    async def queue(self, name: str, parent: str = "") -> None:
        body = manifest(name, **({"parent": parent} if parent else {}))
        await self.client.create(QUEUES, body)

    async def command(self, action: str, queue: str, **target: str) -> None:
        self._commands += 1
        body = {
            "apiVersion": COMMANDS.api_version,
            "kind": "Command",
            "metadata": {"name": f"command-{self._commands}"},
            "action": action,
            "target": {
                "apiVersion": QUEUES.api_version,
                "kind": "Queue",
                "name": queue,
                "uid": (await self.client.get(QUEUES, queue)).metadata.uid,
                **target,
            },
        }
        await self.client.create(COMMANDS, body, NS)

    async def pod_group(self, name: str, queue: str) -> None:
        body: JsonObject = {
            "apiVersion": POD_GROUPS.api_version,
            "kind": "PodGroup",
            "metadata": {"name": name},
            "spec": {"minMember": 1, "queue": queue},
            "status": {"phase": "Completed"},
        }
        await self.client.create(POD_GROUPS, body, NS)

    async def states(self) -> dict[str, str]:
        queues = (await self.client.list(QUEUES)).items
        return {each.metadata.name: each.status.state for each in queues}

    async def marks(self) -> dict[str, str]:
        queues = (await self.client.list(QUEUES)).items
        marks = {e.metadata.name: e.metadata.annotations.get(CLOSED_BY_PARENT) for e in queues}
        return {name: mark for name, mark in marks.items() if mark is not None}

    async def until(self, what: str, look: Callable[[], Awaitable[Any]]) -> None:
        await in_time(self.clock, look, what)

    async def until_states(self, **states: str) -> None:
        async def are_so() -> bool:
            return states.items() <= (await self.states()).items()

        await self.until(f"queues to be {states}", are_so)

    async def until_obeyed(self) -> None:
        async def no_commands() -> bool:
            return not (await self.client.list(COMMANDS)).items

        await self.until("all commands carried out", no_commands)

    async def messages(self) -> list[str]:
        events = (await self.client.list(EVENTS)).items
        return [f"{e.type} {e.reason} {e.involved_object.name}: {e.message}" for e in events]

    async def until_told(self, message: str) -> None:
        async def is_told() -> bool:
            return message in await self.messages()

        await self.until(message, is_told)


@asynccontextmanager
async def make_team() -> AsyncGenerator[Team]:
    clock = VirtualClock()
    async with memory_cluster(clock=clock, crds=all_crds()) as cluster:
        yield Team(cluster.client, clock)


@pytest.fixture
async def team() -> AsyncGenerator[Team]:
    async with make_team() as team:
        yield team


async def test_root_and_default_exist_from_the_start(team: Team):
    async with team.controllers():
        await team.until_states(root="Open", default="Open")
    root, default = [await team.client.get(QUEUES, name) for name in ("root", "default")]
    assert (root.spec.reclaimable, root.spec.weight, root.spec.parent) == (False, 1, "")
    assert (default.spec.reclaimable, default.spec.weight) == (True, 1)
    assert default.spec.parent == "root"


async def test_a_queue_without_a_parent_is_put_below_root_and_opened(team: Team):
    await team.queue("research")
    async with team.controllers():
        await team.until_states(research="Open")
    assert (await team.client.get(QUEUES, "research")).spec.parent == "root"


async def test_what_the_scheduler_wrote_into_a_status_stays(team: Team):
    await team.queue("research")
    status = {"status": {"allocated": {"cpu": "3"}, "running": 2}}
    await team.client.patch(QUEUES, "research", status, subresource="status")
    async with team.controllers():
        await team.until_states(research="Open")
    stored = (await team.client.get(QUEUES, "research")).status
    assert (stored.allocated, stored.running) == ({"cpu": "3"}, 2)


async def test_a_queue_in_use_closes_when_its_last_pod_group_has_gone(team: Team):
    await team.queue("research")
    await team.pod_group("a", "research")
    async with team.controllers():
        await team.until_states(research="Open")
        await team.command("CloseQueue", "research")
        await team.until_states(research="Closing")
        await team.client.delete(POD_GROUPS, "a", NS)
        await team.until_states(research="Closed")
        await team.until_told("Normal CloseQueue research: Close queue succeed")
        await team.until_obeyed()
        await team.command("OpenQueue", "research")
        await team.until_states(research="Open")
        await team.until_told("Normal OpenQueue research: Open queue succeed")


async def make_tree(team: Team) -> None:
    """Science has physics and biology; biology has plants."""
    await team.queue("science")
    await team.queue("physics", "science")
    await team.queue("biology", "science")
    await team.queue("plants", "biology")


async def test_a_subtree_closes_and_opens_with_its_parent_but_for_what_was_closed_by_hand(
    team: Team,
):
    await make_tree(team)
    await team.queue("art", "science")
    async with team.controllers():
        await team.until_states(science="Open", plants="Open", art="Open")
        await team.command("CloseQueue", "art")
        await team.until_states(art="Closed")
        await team.command("CloseQueue", "science")
        await team.until_states(science="Closed", physics="Closed", biology="Closed")
        await team.until_states(plants="Closed", default="Open")
        assert await team.marks() == {"physics": "true", "biology": "true", "plants": "true"}
        await team.command("OpenQueue", "science")
        await team.until_states(science="Open", physics="Open", biology="Open", plants="Open")

        async def marks_are_back() -> bool:
            return set((await team.marks()).values()) == {"false"}

        await team.until("marks taken back", marks_are_back)
        assert (await team.states())["art"] == "Closed"


async def test_a_queue_that_is_closed_by_hand_meanwhile_stays_closed(team: Team):
    await make_tree(team)
    async with team.controllers():
        await team.until_states(science="Open", physics="Open", plants="Open")
        await team.command("CloseQueue", "science")
        await team.until_states(physics="Closed", plants="Closed")
        await team.command("CloseQueue", "physics")
        await team.until_obeyed()
        await team.command("OpenQueue", "science")
        await team.until_states(science="Open", biology="Open", plants="Open")
        assert (await team.states())["physics"] == "Closed"
        assert (await team.marks())["physics"] == "false"


async def test_opening_a_queue_below_a_closed_one_is_refused_with_an_event(team: Team):
    await make_tree(team)
    async with team.controllers():
        await team.until_states(science="Open", physics="Open", plants="Open")
        await team.command("CloseQueue", "science")
        await team.until_states(physics="Closed")
        await team.command("OpenQueue", "physics")
        await team.until_told(
            "Warning OpenQueue physics: Failed to open queue physics because its parent queue"
            " science is closing or closed. Open the parent queue first."
        )
        await team.until_obeyed()
        assert (await team.states())["physics"] == "Closed"


async def test_closing_root_is_refused_with_an_event(team: Team):
    async with team.controllers():
        await team.until_states(root="Open")
        await team.command("CloseQueue", "root")
        await team.until_told("Warning CloseQueue root: Root queue cannot be closed")
        await team.until_obeyed()
        assert (await team.states())["root"] == "Open"


async def test_commands_to_one_queue_are_carried_out_in_order(team: Team):
    await team.queue("research")
    for _ in range(3):
        await team.command("CloseQueue", "research")
        await team.command("OpenQueue", "research")
    await team.command("SyncQueue", "research")
    await team.command("CloseQueue", "research")
    async with team.controllers():
        await team.until_obeyed()
    assert (await team.states())["research"] == "Closed"


async def test_a_command_for_a_queue_of_a_former_life_is_dropped(team: Team):
    await team.queue("research")
    await team.command("CloseQueue", "research", uid="another")
    async with team.controllers():
        await team.until_obeyed()
        await team.until_states(research="Open")


async def test_commands_to_jobs_are_left_to_others(team: Team):
    await team.queue("research")
    await team.command("AbortJob", "research", kind="Job", apiVersion="batch.volcano.sh/v1alpha1")
    await team.command("CloseQueue", "research")
    async with team.controllers():
        await team.until_states(research="Closed")

        async def one_is_left() -> bool:
            left = (await team.client.list(COMMANDS)).items
            return [each.action for each in left] == ["AbortJob"]

        await team.until("one command left", one_is_left)


@pytest.mark.parametrize("writes", range(14))
async def test_wherever_the_controller_is_killed_every_command_is_carried_out_once(writes: int):
    async with make_team() as team:
        await make_tree(team)
        async with team.controllers():
            await team.until_states(science="Open", physics="Open", biology="Open", plants="Open")
        await team.command("CloseQueue", "science")
        await team.command("OpenQueue", "science")
        await team.command("CloseQueue", "plants")
        mortal = MortalClient(team.client, writes)

        async def has_died_or_done() -> bool:
            return mortal.has_died or not (await team.client.list(COMMANDS)).items

        async with team.controllers(mortal):
            await team.until("a death", has_died_or_done)
        async with team.controllers():
            await team.until_obeyed()
            await team.until_states(science="Open", physics="Open", biology="Open", plants="Closed")
        closes = [each for each in await team.messages() if "CloseQueue science" in each]
        assert len(closes) <= 1
