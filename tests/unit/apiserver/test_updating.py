"""replace and patch: what may change, versions, generations, conflicts."""

import asyncio
from pathlib import Path

import orjson
import pytest

from shoal.api.apps import DEPLOYMENTS
from shoal.api.core import CONFIG_MAPS, NAMESPACES, SERVICES
from shoal.api.pod import PODS
from shoal.api.status import ApiError
from shoal.apiserver.encoding import restamper
from shoal.base.clock import SystemClock
from shoal.client.protocol import Client, PatchType
from shoal.store.sqlite import SqliteStore
from shoal.testing.cluster import MemoryCluster, memory_cluster
from tests.unit.apiserver.cron_tabs import CRON_TABS, cron_tab

MAPS = CONFIG_MAPS.untyped()
DEPLOYMENT = {
    "metadata": {"name": "d"},
    "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "main", "image": "nginx"}]},
        },
    },
}


async def test_a_stale_version_is_refused(client: Client):
    made = await client.create(MAPS, {"metadata": {"name": "c"}}, "default")
    await client.patch(MAPS, "c", {"data": {"a": "1"}}, "default")
    with pytest.raises(ApiError, match="the object has been modified") as raised:
        await client.replace(MAPS, made, "c", "default")
    assert raised.value.is_conflict


async def test_a_body_without_a_version_replaces_whatever_is_there(client: Client):
    await client.create(MAPS, {"metadata": {"name": "c"}, "data": {"a": "1"}}, "default")
    replaced = await client.replace(MAPS, {"metadata": {"name": "c"}}, "c", "default")
    assert "data" not in replaced


async def test_custom_objects_need_a_version_to_be_replaced(client: Client):
    await client.create(CRON_TABS, cron_tab(), "default")
    with pytest.raises(ApiError, match="must be specified for an update") as raised:
        await client.replace(CRON_TABS, cron_tab(), "nightly", "default")
    assert raised.value.code == 422


async def test_another_objects_uid_is_refused(client: Client):
    await client.create(MAPS, {"metadata": {"name": "c"}}, "default")
    body = {"metadata": {"name": "c", "uid": "other"}}
    with pytest.raises(ApiError, match="Precondition failed: UID in precondition: other"):
        await client.replace(MAPS, body, "c", "default")


async def test_the_name_cannot_change(client: Client):
    await client.create(MAPS, {"metadata": {"name": "c"}}, "default")
    with pytest.raises(ApiError, match="does not match the name on the URL") as raised:
        await client.replace(MAPS, {"metadata": {"name": "d"}}, "c", "default")
    assert raised.value.code == 400


async def test_what_is_the_servers_cannot_be_written(client: Client):
    made = await client.create(MAPS, {"metadata": {"name": "c"}}, "default")
    forged = {"creationTimestamp": "2000-01-01T00:00:00Z", "deletionTimestamp": None}
    patched = await client.patch(MAPS, "c", {"metadata": forged, "data": {"a": "1"}}, "default")
    assert patched["metadata"]["creationTimestamp"] == made["metadata"]["creationTimestamp"]


async def test_a_change_that_changes_nothing_is_no_write(client: Client):
    made = await client.create(MAPS, {"metadata": {"name": "c"}, "data": {"a": "1"}}, "default")
    same = await client.patch(MAPS, "c", {"data": {"a": "1"}}, "default")
    assert same == made


async def test_generation_counts_changes_of_the_spec_alone(client: Client):
    deployments = DEPLOYMENTS.untyped()
    await client.create(deployments, DEPLOYMENT, "default")

    async def generation(patch: dict[str, object], subresource: str = "") -> int:
        changed = await client.patch(deployments, "d", patch, "default", subresource=subresource)
        return changed["metadata"]["generation"]

    assert await generation({"metadata": {"labels": {"x": "y"}}}) == 1
    assert await generation({"spec": {"replicas": 3}}) == 2
    assert await generation({"status": {"replicas": 3}}, "status") == 2


async def test_spec_and_status_are_written_apart(client: Client):
    await client.create(CRON_TABS, cron_tab(), "default")
    both = {"spec": {"schedule": "new"}, "status": {"replicas": 2}}
    main = await client.patch(CRON_TABS, "nightly", both, "default")
    assert main["spec"]["schedule"] == "new"
    assert "status" not in main
    both["spec"]["schedule"] = "newer"
    status = await client.patch(CRON_TABS, "nightly", both, "default", subresource="status")
    assert status["spec"]["schedule"] == "new"
    assert status["status"] == {"replicas": 2}
    assert status["metadata"]["generation"] == 2


async def test_patches_without_a_version_are_tried_again(tmp_path: Path):
    # Writes of the store in memory never come between each other.
    clock = SystemClock()
    store = await SqliteStore.open(tmp_path / "store.db", clock=clock)
    async with memory_cluster(clock=clock, store=store) as cluster:
        client = cluster.client
        await client.create(MAPS, {"metadata": {"name": "c"}}, "default")
        operation = {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}
        await asyncio.gather(
            *(client.patch(MAPS, "c", {"data": {f"k{n}": "v"}}, "default") for n in range(30)),
            client.patch(MAPS, "c", [operation], "default", type=PatchType.JSON),
        )
        read = await client.get(MAPS, "c", "default")
    assert len(read["data"]) == 30
    assert read["metadata"]["labels"] == {"a": "b"}


async def test_of_replacements_of_one_version_only_one_wins(tmp_path: Path):
    clock = SystemClock()
    store = await SqliteStore.open(tmp_path / "store.db", clock=clock)
    async with memory_cluster(clock=clock, store=store) as cluster:
        client = cluster.client
        made = await client.create(MAPS, {"metadata": {"name": "c"}}, "default")
        bodies = [{**made, "data": {"n": str(n)}} for n in range(10)]
        outcomes = await asyncio.gather(
            *(client.replace(MAPS, body, "c", "default") for body in bodies),
            return_exceptions=True,
        )
    refused = [each for each in outcomes if isinstance(each, ApiError) and each.is_conflict]
    assert len(refused) == 9


async def test_a_patch_may_demand_a_version(client: Client):
    await client.create(MAPS, {"metadata": {"name": "c"}}, "default")
    patch = {"metadata": {"resourceVersion": "1"}, "data": {"a": "b"}}
    with pytest.raises(ApiError) as raised:
        await client.patch(MAPS, "c", patch, "default")
    assert raised.value.is_conflict


async def test_custom_kinds_have_no_strategic_merge(client: Client):
    await client.create(CRON_TABS, cron_tab(), "default")
    with pytest.raises(ApiError, match="unknown format") as raised:
        await client.patch(CRON_TABS, "nightly", {}, "default", type=PatchType.STRATEGIC)
    assert raised.value.code == 415


async def test_server_side_apply_is_refused_with_a_sentence(client: Client):
    await client.create(MAPS, {"metadata": {"name": "c"}}, "default")
    with pytest.raises(ApiError, match="use client-side apply") as raised:
        await client.patch(MAPS, "c", {}, "default", type=PatchType.APPLY)
    assert raised.value.code == 415


async def test_a_json_patch_may_test_before_it_writes(client: Client):
    await client.create(MAPS, {"metadata": {"name": "c"}, "data": {"a": "1"}}, "default")
    operations = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "2"},
    ]
    changed = await client.patch(MAPS, "c", operations, "default", type=PatchType.JSON)
    assert changed["data"] == {"a": "2"}
    with pytest.raises(ApiError):
        await client.patch(MAPS, "c", operations, "default", type=PatchType.JSON)


async def test_a_dry_run_of_a_patch_stores_nothing(client: Client):
    made = await client.create(MAPS, {"metadata": {"name": "c"}}, "default")
    shown = await client.patch(MAPS, "c", {"data": {"a": "b"}}, "default", dry_run=True)
    assert shown["data"] == {"a": "b"}
    assert await client.get(MAPS, "c", "default") == made


async def test_an_object_that_is_going_takes_no_new_finalizers(client: Client):
    body = {"metadata": {"name": "c", "finalizers": ["ex.io/a"]}}
    await client.create(MAPS, body, "default")
    await client.delete(MAPS, "c", "default")
    more = {"metadata": {"finalizers": ["ex.io/a", "ex.io/b"]}}
    with pytest.raises(ApiError, match="no new finalizers can be added") as raised:
        await client.patch(MAPS, "c", more, "default")
    assert raised.value.code == 422


async def test_a_service_keeps_its_address(client: Client):
    body = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    made = await client.create(SERVICES, body, "default")
    replaced = await client.replace(SERVICES, body, "s", "default")
    assert replaced.spec.cluster_ip == made.spec.cluster_ip


async def test_a_namespaces_own_finalizers_change_only_by_finalize(client: Client):
    await client.create(NAMESPACES, {"metadata": {"name": "team"}})
    patched = await client.patch(NAMESPACES, "team", {"spec": {"finalizers": []}})
    assert patched.spec.finalizers == ["kubernetes"]


async def test_what_does_not_exist_cannot_be_changed(client: Client):
    with pytest.raises(ApiError) as raised:
        await client.patch(PODS, "ghost", {}, "default")
    assert raised.value.is_not_found


async def test_what_a_former_server_let_in_holds_up_no_other_change(cluster: MemoryCluster):
    client = cluster.client
    await client.create(DEPLOYMENTS, DEPLOYMENT, "default")
    key = "deployments.apps/default/d"
    entry = cluster.core.store.get(key)
    stored = orjson.loads(entry.value)
    (container,) = stored["spec"]["template"]["spec"]["containers"]
    container["resources"] = {"requests": {"cpu": "-1"}}
    await cluster.core.store.update(key, restamper(orjson.dumps(stored)), expected=entry.revision)
    labelled = await client.patch(DEPLOYMENTS, "d", {"metadata": {"labels": {"a": "b"}}}, "default")
    assert labelled.metadata.labels == {"a": "b"}
    with pytest.raises(ApiError) as raised:
        await client.patch(DEPLOYMENTS, "d", {"spec": {"minReadySeconds": -1}}, "default")
    assert "spec.minReadySeconds" in raised.value.message
    assert "cpu" not in raised.value.message
