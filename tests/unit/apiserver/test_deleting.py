"""delete: at once, with finalizers, with grace, under conditions; namespaces and definitions."""

import asyncio
import contextlib
import itertools
from pathlib import Path

import pytest

from shoal.api.core import CONFIG_MAPS, NAMESPACES
from shoal.api.pod import PODS
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.apiserver.bootstrap import CRDS
from shoal.client.protocol import Client, DeleteOptions
from shoal.store.sqlite import SqliteStore
from shoal.testing.cluster import MemoryCluster, memory_cluster
from tests.unit.apiserver.cron_tabs import CRON_TABS, cron_tab, definition

MAPS = CONFIG_MAPS.untyped()
RAW_PODS = PODS.untyped()


async def make(client: Client, name: str = "c", **metadata: object) -> JsonObject:
    return await client.create(MAPS, {"metadata": {"name": name, **metadata}}, "default")


async def is_gone(client: Client, name: str = "c") -> bool:
    try:
        await client.get(MAPS, name, "default")
    except ApiError as error:
        return error.is_not_found
    return False


async def running_pod(client: Client) -> None:
    body = {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "m", "image": "x"}]}}
    await client.create(PODS, body, "default")
    await client.call(PODS, "web", "binding", {"target": {"name": "n1"}}, "default")


async def test_what_nothing_holds_goes_at_once(client: Client):
    await make(client)
    await client.delete(MAPS, "c", "default")
    assert await is_gone(client)
    with pytest.raises(ApiError, match='configmaps "c" not found'):
        await client.delete(MAPS, "c", "default")


async def write_until_it_is_gone(client: Client, name: str, written: list[int]) -> None:
    with contextlib.suppress(ApiError):
        for number in itertools.count():
            await client.patch(MAPS, name, {"data": {"n": str(number)}}, "default")
            written.append(number)


@pytest.mark.parametrize("writers", [1, 4])
async def test_an_object_that_is_written_all_the_time_can_be_changed_and_deleted(
    tmp_path: Path, writers: int
):
    store = await SqliteStore.open(tmp_path / "data.db")
    async with asyncio.timeout(60), memory_cluster(store=store) as cluster:
        client = cluster.client
        # Others keep the store busy, so that writes wait for each other.
        names = [*["c"] * writers, *(f"other-{number}" for number in range(8))]
        written: dict[str, list[int]] = {name: [] for name in names}
        for name in written:
            await make(client, name)
        tasks = [
            asyncio.create_task(write_until_it_is_gone(client, name, written[name]))
            for name in names
        ]
        for number in range(20):
            await client.patch(MAPS, "c", {"metadata": {"labels": {"n": str(number)}}}, "default")
        for name in written:
            await client.delete(MAPS, name, "default")
            assert await is_gone(client, name)
        await asyncio.gather(*tasks)
        assert len(written["c"]) <= 21 * writers


async def test_a_finalizer_holds_an_object_until_it_is_removed(client: Client):
    await make(client, finalizers=["ex.io/a"])
    await client.delete(MAPS, "c", "default")
    held = await client.get(MAPS, "c", "default")
    assert held["metadata"]["deletionGracePeriodSeconds"] == 0
    again = await client.get(MAPS, "c", "default")
    await client.delete(MAPS, "c", "default")
    assert await client.get(MAPS, "c", "default") == again
    await client.patch(MAPS, "c", {"metadata": {"finalizers": None}}, "default")
    assert await is_gone(client)


@pytest.mark.parametrize(
    ("policy", "finalizers"),
    [("Foreground", ["foregroundDeletion"]), ("Orphan", ["orphan"])],
)
async def test_policies_leave_a_finalizer_for_the_garbage_collector(
    client: Client, policy: str, finalizers: list[str]
):
    await make(client)
    await client.delete(MAPS, "c", "default", DeleteOptions(propagation=policy))
    assert (await client.get(MAPS, "c", "default"))["metadata"]["finalizers"] == finalizers
    await client.delete(MAPS, "c", "default", DeleteOptions(propagation="Background"))
    assert await is_gone(client)


async def test_an_unknown_policy_is_refused(client: Client):
    await make(client)
    with pytest.raises(ApiError, match="propagationPolicy: Unsupported value"):
        await client.delete(MAPS, "c", "default", DeleteOptions(propagation="Sideways"))


async def test_preconditions_must_hold(client: Client):
    made = await make(client)
    for options in (DeleteOptions(uid="other"), DeleteOptions(resource_version="1")):
        with pytest.raises(ApiError, match="Precondition failed") as raised:
            await client.delete(MAPS, "c", "default", options)
        assert raised.value.is_conflict
    metadata = made["metadata"]
    await client.delete(MAPS, "c", "default", DeleteOptions(uid=metadata["uid"]))
    assert await is_gone(client)


async def test_a_running_pod_is_given_time_and_ends_with_grace_zero(client: Client):
    await running_pod(client)
    await client.delete(PODS, "web", "default")
    pod = await client.get(RAW_PODS, "web", "default")
    assert pod["metadata"]["deletionGracePeriodSeconds"] == 30
    assert pod["metadata"]["generation"] == 2
    await client.delete(PODS, "web", "default", DeleteOptions(grace_period_s=60))
    assert await client.get(RAW_PODS, "web", "default") == pod
    await client.delete(PODS, "web", "default", DeleteOptions(grace_period_s=5))
    shorter = await client.get(RAW_PODS, "web", "default")
    assert shorter["metadata"]["deletionGracePeriodSeconds"] == 5
    assert shorter["metadata"]["deletionTimestamp"] < pod["metadata"]["deletionTimestamp"]
    await client.delete(PODS, "web", "default", DeleteOptions(grace_period_s=0))
    with pytest.raises(ApiError, match="not found"):
        await client.get(PODS, "web", "default")


async def test_a_pod_without_a_node_or_at_its_end_goes_at_once(client: Client):
    body = {"metadata": {"name": "new"}, "spec": {"containers": [{"name": "m", "image": "x"}]}}
    await client.create(PODS, body, "default")
    await client.delete(PODS, "new", "default")
    await running_pod(client)
    done = {"status": {"phase": "Succeeded"}}
    await client.patch(PODS, "web", done, "default", subresource="status")
    await client.delete(PODS, "web", "default")
    assert not (await client.list(PODS, "default")).items


async def test_a_collection_goes_by_selector(client: Client):
    await make(client, "a", labels={"x": "1"})
    await make(client, "b", labels={"x": "2"})
    await client.delete_collection(MAPS, "default", label_selector="x=1")
    assert await is_gone(client, "a")
    assert not await is_gone(client, "b")


async def test_a_namespace_goes_when_it_is_finalized(client: Client):
    await client.create(NAMESPACES, {"metadata": {"name": "team"}})
    await client.delete(NAMESPACES, "team")
    going = await client.get(NAMESPACES, "team")
    assert going.status.phase == "Terminating"
    finalized = {"metadata": {"name": "team"}, "spec": {"finalizers": []}}
    await client.replace(NAMESPACES, finalized, "team", subresource="finalize")
    with pytest.raises(ApiError, match="not found"):
        await client.get(NAMESPACES, "team")


async def test_the_first_namespaces_cannot_be_deleted(client: Client):
    with pytest.raises(ApiError, match="this namespace may not be deleted") as raised:
        await client.delete(NAMESPACES, "kube-system")
    assert raised.value.code == 403


async def test_a_definition_goes_after_its_objects(cluster: MemoryCluster):
    client = cluster.client
    held = cron_tab()
    held["metadata"]["finalizers"] = ["ex.io/a"]
    await client.create(CRON_TABS, held, "default")
    await client.create(CRON_TABS, cron_tab("free"), "default")
    name = definition()["metadata"]["name"]
    async with client.watch(CRDS, field_selector=f"metadata.name={name}") as events:
        await anext(events)
        await client.delete(CRDS, name)
        going = (await anext(events)).object
        assert going is not None
        terminating = [c for c in going["status"]["conditions"] if c["type"] == "Terminating"]
        assert terminating[0]["status"] == "True"
        with pytest.raises(ApiError, match="custom resource definition is terminating") as raised:
            await client.create(CRON_TABS, cron_tab("late"), "default")
        assert raised.value.details == {"group": CRON_TABS.group, "kind": CRON_TABS.plural}
        async with asyncio.timeout(10):
            while len((await client.list(CRON_TABS)).items) > 1:
                await asyncio.sleep(0)
            release = {"metadata": {"finalizers": None}}
            await client.patch(CRON_TABS, "nightly", release, "default")
            assert (await anext(events)).type == "DELETED"
    with pytest.raises(ApiError, match="could not find the requested resource"):
        await client.list(CRON_TABS)
