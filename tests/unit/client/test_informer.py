"""Informers: as sinks by themselves, and as a set over the real handlers in memory."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.core import CONFIG_MAPS, ConfigMap
from shoal.api.meta import ObjectKey, ObjectMeta
from shoal.api.selectors import parse_labels
from shoal.base.clock import SystemClock
from shoal.client.indexer import Indexer
from shoal.client.informer import Handler, Informer, InformerSet
from shoal.client.protocol import WatchEvent, WatchEventType
from shoal.testing.cluster import memory_cluster
from tests.waiting import eventually

Seen = list[tuple[str, str]]


def config_map(name: str, version: str = "1", namespace: str = "ns", **labels: str) -> ConfigMap:
    return ConfigMap(
        metadata=ObjectMeta(name=name, namespace=namespace, resource_version=version, labels=labels)
    )


def event(type: WatchEventType, obj: ConfigMap) -> WatchEvent[ConfigMap]:
    return WatchEvent(type, obj, obj.metadata.resource_version)


def recorder(seen: Seen) -> Handler[ConfigMap]:
    def handle(old: ConfigMap | None, new: ConfigMap | None) -> None:
        def text(obj: ConfigMap | None) -> str:
            return f"{obj.metadata.name}@{obj.metadata.resource_version}" if obj else "-"

        seen.append((text(old), text(new)))

    return handle


@pytest.fixture
def seen() -> Seen:
    return []


@pytest.fixture
async def informer(seen: Seen) -> Informer[ConfigMap]:
    informer: Informer[ConfigMap] = Informer("configmaps")
    informer.add_handler(recorder(seen))
    return informer


async def test_it_has_synced_after_the_first_list(informer: Informer[ConfigMap]) -> None:
    assert not informer.has_synced
    informer.replace([])
    assert informer.has_synced


async def test_a_new_list_tells_only_what_differs(
    informer: Informer[ConfigMap], seen: Seen
) -> None:
    informer.replace([config_map("same"), config_map("changed"), config_map("gone")])
    seen.clear()
    informer.replace([config_map("same"), config_map("changed", "2"), config_map("new")])
    assert seen == [("changed@1", "changed@2"), ("-", "new@1"), ("gone@1", "-")]


async def test_events_change_the_copy_before_handlers_hear_of_them(
    informer: Informer[ConfigMap], seen: Seen
) -> None:
    sizes: list[int] = []
    informer.add_handler(lambda old, new: sizes.append(len(informer.lister.list())))
    informer.apply(event(WatchEventType.ADDED, config_map("a", "1")))
    informer.apply(event(WatchEventType.MODIFIED, config_map("a", "2")))
    informer.apply(event(WatchEventType.DELETED, config_map("a", "3")))
    assert seen == [("-", "a@1"), ("a@1", "a@2"), ("a@3", "-")]
    assert sizes == [1, 1, 0]


async def test_the_deletion_of_something_unknown_is_not_told(
    informer: Informer[ConfigMap], seen: Seen
) -> None:
    informer.apply(event(WatchEventType.DELETED, config_map("a", "3")))
    assert seen == []


async def test_a_late_handler_is_shown_what_is_there(informer: Informer[ConfigMap]) -> None:
    informer.replace([config_map("a"), config_map("b")])
    late: Seen = []
    informer.add_handler(recorder(late))
    assert late == [("-", "a@1"), ("-", "b@1")]


async def test_a_handler_that_fails_does_not_keep_others_from_hearing(
    seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    informer: Informer[ConfigMap] = Informer("configmaps")

    def broken(old: ConfigMap | None, new: ConfigMap | None) -> None:
        raise RuntimeError("broken handler")

    informer.add_handler(broken)
    informer.add_handler(recorder(seen))
    informer.replace([config_map("a")])
    assert seen == [("-", "a@1")]
    assert "a handler of configmaps failed" in caplog.text


async def test_the_lister_reads_by_key_namespace_selector_and_index() -> None:
    informer: Informer[ConfigMap] = Informer("configmaps")
    informer.replace([config_map("a", app="x"), config_map("b", app="y")])
    informer.add_index("app", lambda obj: [obj.metadata.labels["app"]])
    informer.apply(event(WatchEventType.ADDED, config_map("c", namespace="other", app="x")))
    lister = informer.lister
    found = lister.get(ObjectKey("ns", "a"))
    assert found is not None and found.metadata.name == "a"
    assert lister.get(ObjectKey("other", "a")) is None
    assert [o.metadata.name for o in lister.list()] == ["a", "b", "c"]
    assert [o.metadata.name for o in lister.list("other")] == ["c"]
    assert [o.metadata.name for o in lister.list("ns", parse_labels("app=y"))] == ["b"]
    assert [o.metadata.name for o in lister.by_index("app", "x")] == ["a", "c"]
    informer.apply(event(WatchEventType.MODIFIED, config_map("a", "2", app="y")))
    assert [o.metadata.name for o in lister.by_index("app", "x")] == ["c"]
    assert lister.by_index("app", "nothing") == []


async def test_plain_objects_are_indexed_alike() -> None:
    informer = Informer[dict[str, object]]("configmaps")
    plain: dict[str, object] = {
        "metadata": {"name": "a", "namespace": "ns", "labels": {"app": "x"}}
    }
    informer.replace([plain])
    assert informer.lister.list("ns", parse_labels("app=x")) == [plain]


@given(
    st.lists(
        st.tuples(
            st.booleans(), st.sampled_from("ab"), st.sampled_from("cd"), st.sampled_from("xyz")
        )
    )
)
def test_indexes_always_hold_what_the_objects_say(
    steps: list[tuple[bool, str, str, str]],
) -> None:
    indexer: Indexer[ConfigMap] = Indexer()
    indexer.add_index("app", lambda obj: obj.metadata.labels.values())
    model: dict[ObjectKey, ConfigMap] = {}
    for is_removal, namespace, name, app in steps:
        obj = config_map(name, namespace=namespace, app=app)
        if is_removal:
            assert indexer.remove(obj.metadata.key) == model.pop(obj.metadata.key, None)
        else:
            assert indexer.set(obj.metadata.key, obj) == model.get(obj.metadata.key)
            model[obj.metadata.key] = obj
        for each in "xyz":
            expected = {k for k, o in model.items() if o.metadata.labels["app"] == each}
            assert {o.metadata.key for o in indexer.by_index("app", each)} == expected
        for each in "ab":
            expected = {k for k in model if k.namespace == each}
            assert {o.metadata.key for o in indexer.in_namespace(each)} == expected


def body(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


async def test_a_set_follows_its_collections_and_shares_informers() -> None:
    async with memory_cluster() as cluster:
        client = cluster.client
        informers = InformerSet(client, SystemClock(), random.Random(1))
        config_maps = informers.informer(CONFIG_MAPS, "default")
        assert informers.informer(CONFIG_MAPS, "default") is config_maps
        assert informers.informer(CONFIG_MAPS) is not config_maps
        await client.create(CONFIG_MAPS, body("before"), "default")
        running = asyncio.create_task(informers.run())
        async with asyncio.timeout(5):
            await informers.wait_synced()
        assert config_maps.lister.get(ObjectKey("default", "before")) is not None
        await client.create(CONFIG_MAPS, body("after"), "default")
        await eventually(lambda: config_maps.lister.get(ObjectKey("default", "after")))
        await client.delete(CONFIG_MAPS, "before", "default")
        await eventually(lambda: config_maps.lister.get(ObjectKey("default", "before")) is None)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_an_informer_asked_for_while_the_set_runs_is_started() -> None:
    async with memory_cluster() as cluster:
        informers = InformerSet(cluster.client, SystemClock(), random.Random(1))
        running = asyncio.create_task(informers.run())
        await asyncio.sleep(0)
        metadata = informers.metadata_informer(CONFIG_MAPS)
        async with asyncio.timeout(5):
            await metadata.wait_synced()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
