"""watch: where it begins, what it sends, and how it ends."""

import asyncio

import pytest

from shoal.api.core import CONFIG_MAPS
from shoal.api.status import ApiError
from shoal.base.clock import VirtualClock
from shoal.client.protocol import Client, WatchEvent, WatchEventType
from shoal.store.memory import MemoryStore
from shoal.store.published import Retention
from shoal.testing.cluster import memory_cluster
from tests.unit.apiserver.cron_tabs import CRON_TABS, CRON_TABS_BETA, cron_tab

MAPS = CONFIG_MAPS.untyped()


async def make(client: Client, name: str, **labels: str) -> str:
    body = {"metadata": {"name": name, "labels": labels}}
    return (await client.create(MAPS, body, "default"))["metadata"]["resourceVersion"]


def told(event: WatchEvent) -> tuple[str, str]:
    return event.type.value, event.object["metadata"]["name"]


async def test_without_a_version_it_begins_with_what_is_there(client: Client):
    await make(client, "a")
    async with client.watch(MAPS, "default") as events:
        assert told(await anext(events)) == ("ADDED", "a")
        await make(client, "b")
        await client.delete(MAPS, "a", "default")
        assert told(await anext(events)) == ("ADDED", "b")
        gone = await anext(events)
        assert told(gone) == ("DELETED", "a")
        assert gone.object["metadata"]["resourceVersion"] == gone.resource_version


async def test_from_a_version_it_sends_what_came_after(client: Client):
    version = await make(client, "a")
    await make(client, "b")
    async with client.watch(MAPS, "default", resource_version=version) as events:
        assert told(await anext(events)) == ("ADDED", "b")


async def test_other_namespaces_and_kinds_are_not_heard(client: Client):
    version = await make(client, "a")
    await client.create(MAPS, {"metadata": {"name": "x"}}, "kube-system")
    await client.create(CRON_TABS, cron_tab(), "default")
    await make(client, "b")
    async with client.watch(MAPS, "default", resource_version=version) as events:
        assert told(await anext(events)) == ("ADDED", "b")


async def test_a_selection_sees_objects_come_and_go(client: Client):
    version = await make(client, "a", on="no")
    watching = client.watch(MAPS, "default", resource_version=version, label_selector="on=yes")
    async with watching as events:
        for value in ("yes", "maybe", "yes"):
            patch = {"metadata": {"labels": {"on": value}}}
            await client.patch(MAPS, "a", patch, "default")
        await client.patch(MAPS, "a", {"data": {"k": "v"}}, "default")
        await client.delete(MAPS, "a", "default")
        types = [(await anext(events)).type.value for _ in range(5)]
    assert types == ["ADDED", "DELETED", "ADDED", "MODIFIED", "DELETED"]


async def test_fields_select_too(client: Client):
    version = await make(client, "a")
    await make(client, "b")
    await make(client, "c")
    watching = client.watch(
        MAPS, "default", resource_version=version, field_selector="metadata.name!=b"
    )
    async with watching as events:
        assert told(await anext(events)) == ("ADDED", "c")


async def test_a_name_selects_one_object_even_where_others_begin_with_it(client: Client):
    await make(client, "a")
    await make(client, "a-2")
    async with client.watch(MAPS, "default", field_selector="metadata.name=a") as events:
        assert told(await anext(events)) == ("ADDED", "a")
        await client.delete(MAPS, "a-2", "default")
        await make(client, "a-3")
        await client.delete(MAPS, "a", "default")
        assert told(await anext(events)) == ("DELETED", "a")


async def test_a_name_selects_in_all_namespaces(client: Client):
    await client.create(MAPS, {"metadata": {"name": "a"}}, "kube-system")
    await make(client, "b")
    await make(client, "a")
    async with client.watch(MAPS, field_selector="metadata.name=a") as events:
        seen = [(await anext(events)).object["metadata"]["namespace"] for _ in range(2)]
    assert seen == ["default", "kube-system"]


async def test_a_watch_list_marks_the_end_of_what_was_there(client: Client):
    await make(client, "a")
    async with client.watch(MAPS, "default", send_initial_events=True) as events:
        assert told(await anext(events)) == ("ADDED", "a")
        end = await anext(events)
        assert (end.type, end.is_initial_end) == (WatchEventType.BOOKMARK, True)
        await make(client, "b")
        assert told(await anext(events)) == ("ADDED", "b")


async def test_each_version_is_watched_as_itself(client: Client):
    async with client.watch(CRON_TABS_BETA, "default") as events:
        await client.create(CRON_TABS, cron_tab(), "default")
        assert (await anext(events)).object["apiVersion"] == "stable.io/v1beta1"


async def test_it_ends_in_time_after_a_last_bookmark():
    clock = VirtualClock()
    async with (
        memory_cluster(clock=clock) as cluster,
        cluster.client.watch(MAPS, "default", timeout_s=150) as events,
    ):
        received = asyncio.create_task(_all(events))
        await clock.advance(60)
        version = await make(cluster.client, "a")
        await clock.advance(100)
        got = await received
    assert [event.type.value for event in got] == ["BOOKMARK", "ADDED", "BOOKMARK", "BOOKMARK"]
    assert got[-1].resource_version == version


async def _all(events) -> list[WatchEvent]:
    return [event async for event in events]


async def test_a_version_that_is_forgotten_is_gone():
    store = MemoryStore(Retention(ring_events=2))
    async with memory_cluster(store=store) as cluster:
        first = await make(cluster.client, "a")
        for name in ("b", "c", "d", "e"):
            await make(cluster.client, name)
        with pytest.raises(ApiError, match="too old resource version") as raised:
            async with cluster.client.watch(MAPS, "default", resource_version=first):
                pass
    assert raised.value.is_expired


async def test_a_version_to_come_is_refused(client: Client):
    with pytest.raises(ApiError, match="Too large resource version") as raised:
        async with client.watch(MAPS, resource_version="100000"):
            pass
    assert raised.value.code == 504


async def test_a_reader_that_never_reads_is_cut_off_with_an_error():
    store = MemoryStore(Retention(watch_events=3))
    async with (
        memory_cluster(store=store) as cluster,
        cluster.client.watch(MAPS, "default", resource_version="0") as events,
    ):
        for name in ("a", "b", "c", "d", "e"):
            await make(cluster.client, name)
        with pytest.raises(ApiError) as raised:
            await _all(events)
    assert raised.value.is_expired


async def test_a_stopping_server_ends_its_watches(client: Client, cluster):
    async with client.watch(MAPS, "default", send_initial_events=True) as events:
        await anext(events)
        cluster.core.streams.close()
        rest = await asyncio.wait_for(_all(events), 10)
    assert [event.type for event in rest] == [WatchEventType.BOOKMARK]
