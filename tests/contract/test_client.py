"""The contract of `shoal.client.protocol.Client`, for every implementation.

`local` and `http` speak to the embedded server; with `--kubeconfig FILE` a third run speaks to a
cluster. Everything is made in a namespace of its own.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shoal.api.core import CONFIG_MAPS, NAMESPACES, ConfigMap
from shoal.api.pod import PODS
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.apiserver.auth import Authenticator, ServiceAccountTokens
from shoal.apiserver.certificates import ensure_certificates
from shoal.apiserver.kubeconfig import write_kubeconfig
from shoal.apiserver.server import ApiServer
from shoal.base.clock import SystemClock
from shoal.client.connection import load_connection
from shoal.client.http import HttpClient
from shoal.client.protocol import (
    Client,
    ConnectionFailed,
    DeleteOptions,
    PatchType,
    WatchEvent,
    WatchEventType,
)
from shoal.testing.cluster import MemoryCluster, memory_cluster

ADMIN_TOKEN = "admin-of-the-tests"
PAUSE_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "pause"},
    "spec": {
        "containers": [{"name": "main", "image": "pause"}],
        "schedulerName": "nobody",
        "terminationGracePeriodSeconds": 0,
    },
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "client" in metafunc.fixturenames:
        kinds = ["local", "http"]
        if metafunc.config.getoption("kubeconfig"):
            kinds.append("cluster")
        metafunc.parametrize("client", kinds, indirect=True)


@asynccontextmanager
async def http_client(cluster: MemoryCluster, folder: Path) -> AsyncGenerator[HttpClient]:
    clock = SystemClock()
    files = ensure_certificates(folder, clock.now())
    authenticator = Authenticator(ADMIN_TOKEN, ServiceAccountTokens(b"test" * 8, clock))
    server = ApiServer(cluster.core, cluster.endpoints, authenticator, files)
    await server.start()
    write_kubeconfig(folder / "kubeconfig", server.url, files.authority.read_bytes(), ADMIN_TOKEN)
    client = HttpClient(await load_connection(folder / "kubeconfig"))
    try:
        yield client
    finally:
        await client.close()
        await server.stop()


@pytest.fixture
async def client(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Client]:
    if request.param == "cluster":
        live = HttpClient(await load_connection(Path(request.config.getoption("kubeconfig"))))
        yield live
        await live.close()
        return
    async with memory_cluster() as cluster:
        if request.param == "local":
            yield cluster.client
        else:
            async with http_client(cluster, tmp_path) as over_http:
                yield over_http


@pytest.fixture
async def namespace(client: Client) -> AsyncIterator[str]:
    name = f"contract-{secrets.token_hex(4)}"
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await client.create(NAMESPACES, body)
    yield name
    await client.delete(NAMESPACES, name)


def config_map(name: str, **data: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {"app": name}},
        "data": data,
    }


async def take(events: AsyncIterator[WatchEvent[ConfigMap]], count: int) -> list[tuple[str, str]]:
    """Type and name of the next events that are no bookmarks."""
    taken: list[tuple[str, str]] = []
    async with asyncio.timeout(10):
        async for event in events:
            if event.object is not None:
                assert event.resource_version == event.object.metadata.resource_version
                taken.append((event.type.value, event.object.metadata.name))
            if len(taken) == count:
                return taken
    return taken


async def test_a_created_object_is_read_back_typed(client: Client, namespace: str) -> None:
    created = await client.create(CONFIG_MAPS, config_map("a", key="value"), namespace)
    read = await client.get(CONFIG_MAPS, "a", namespace)
    assert isinstance(read, ConfigMap)
    assert read == created
    assert read.data == {"key": "value"}
    assert read.metadata.uid and read.metadata.resource_version
    assert (read.metadata.namespace, read.metadata.name) == (namespace, "a")


async def test_the_same_object_is_read_plain(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map("a", key="value"), namespace)
    read = await client.get(CONFIG_MAPS.untyped(), "a", namespace)
    assert read["data"] == {"key": "value"}
    assert read["kind"] == "ConfigMap"


async def test_a_missing_object_is_an_api_error(client: Client, namespace: str) -> None:
    with pytest.raises(ApiError) as refusal:
        await client.get(CONFIG_MAPS, "none", namespace)
    assert (refusal.value.code, refusal.value.is_not_found) == (404, True)
    assert str(refusal.value) == 'configmaps "none" not found'


async def test_creating_twice_is_refused(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map("a"), namespace)
    with pytest.raises(ApiError) as refusal:
        await client.create(CONFIG_MAPS, config_map("a"), namespace)
    assert refusal.value.is_already_exists


async def test_an_invalid_object_is_refused_with_its_fields(client: Client, namespace: str) -> None:
    with pytest.raises(ApiError) as refusal:
        await client.create(CONFIG_MAPS, config_map("No Such Name"), namespace)
    assert refusal.value.reason == "Invalid"
    assert refusal.value.details["causes"][0]["field"] == "metadata.name"


async def test_a_dry_run_writes_nothing(client: Client, namespace: str) -> None:
    made = await client.create(CONFIG_MAPS, config_map("a"), namespace, dry_run=True)
    assert made.metadata.name == "a"
    with pytest.raises(ApiError):
        await client.get(CONFIG_MAPS, "a", namespace)


async def test_a_strict_write_refuses_what_a_kind_does_not_have(
    client: Client, namespace: str
) -> None:
    body = {"metadata": {"name": "typo"}, "dataa": {"k": "v"}}
    with pytest.raises(ApiError, match='unknown field "dataa"'):
        await client.create(CONFIG_MAPS, body, namespace, strict=True)
    await client.create(CONFIG_MAPS, body, namespace)
    with pytest.raises(ApiError, match='unknown field "dataa"'):
        await client.patch(CONFIG_MAPS, "typo", {"dataa": {}}, namespace, strict=True)


async def test_a_name_is_generated(client: Client, namespace: str) -> None:
    body = config_map("x") | {"metadata": {"generateName": "gen-"}}
    made = await client.create(CONFIG_MAPS, body, namespace)
    assert made.metadata.name.startswith("gen-")
    assert len(made.metadata.name) == len("gen-") + 5


async def test_a_list_is_read_in_pages(client: Client, namespace: str) -> None:
    for name in "abcde":
        await client.create(CONFIG_MAPS, config_map(name), namespace)
    names: list[str] = []
    page = await client.list(CONFIG_MAPS, namespace, limit=2, label_selector="app")
    first_version = page.resource_version
    while True:
        assert page.resource_version == first_version
        names += [item.metadata.name for item in page.items]
        if not page.continue_token:
            break
        page = await client.list(
            CONFIG_MAPS,
            namespace,
            limit=2,
            label_selector="app",
            continue_token=page.continue_token,
        )
    assert names == list("abcde")


async def test_a_list_is_selected_by_labels_and_fields(client: Client, namespace: str) -> None:
    for name in "abc":
        await client.create(CONFIG_MAPS, config_map(name), namespace)
    by_label = await client.list(CONFIG_MAPS, namespace, label_selector="app in (a,c)")
    assert [item.metadata.name for item in by_label.items] == ["a", "c"]
    by_field = await client.list(CONFIG_MAPS, namespace, field_selector="metadata.name=b")
    assert [item.metadata.name for item in by_field.items] == ["b"]


async def test_an_empty_namespace_lists_all_of_them(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map("a"), namespace)
    everywhere = await client.list(CONFIG_MAPS, label_selector="app=a")
    assert (namespace, "a") in {(i.metadata.namespace, i.metadata.name) for i in everywhere.items}


async def test_a_replace_with_a_stale_version_is_a_conflict(client: Client, namespace: str) -> None:
    made = await client.create(CONFIG_MAPS.untyped(), config_map("a", n="1"), namespace)
    newer = await client.replace(CONFIG_MAPS, made | {"data": {"n": "2"}}, "a", namespace)
    assert newer.data == {"n": "2"}
    with pytest.raises(ApiError) as refusal:
        await client.replace(CONFIG_MAPS, made | {"data": {"n": "3"}}, "a", namespace)
    assert refusal.value.is_conflict
    assert "the object has been modified" in str(refusal.value)


@pytest.mark.parametrize("type", [PatchType.MERGE, PatchType.STRATEGIC])
async def test_a_patch_changes_only_what_it_names(
    client: Client, namespace: str, type: PatchType
) -> None:
    await client.create(CONFIG_MAPS, config_map("a", kept="1", gone="2"), namespace)
    patch = {"data": {"gone": None, "new": "3"}}
    patched = await client.patch(CONFIG_MAPS, "a", patch, namespace, type=type)
    assert patched.data == {"kept": "1", "new": "3"}
    assert patched.metadata.labels == {"app": "a"}


async def test_a_json_patch_is_a_list_of_operations(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map("a", n="1"), namespace)
    operations = [
        {"op": "test", "path": "/data/n", "value": "1"},
        {"op": "remove", "path": "/data"},
    ]
    patched = await client.patch(CONFIG_MAPS, "a", operations, namespace, type=PatchType.JSON)
    assert patched.data == {}


async def test_a_patch_with_a_stale_version_is_a_conflict(client: Client, namespace: str) -> None:
    made = await client.create(CONFIG_MAPS, config_map("a", n="1"), namespace)
    stale = {"metadata": {"resourceVersion": made.metadata.resource_version}, "data": {"n": "2"}}
    await client.patch(CONFIG_MAPS, "a", stale, namespace)
    with pytest.raises(ApiError) as refusal:
        await client.patch(CONFIG_MAPS, "a", stale, namespace)
    assert refusal.value.is_conflict


async def test_a_status_patch_leaves_the_rest_alone(client: Client, namespace: str) -> None:
    await client.create(PODS, PAUSE_POD, namespace)
    patch = {"status": {"message": "hello"}, "metadata": {"labels": {"x": "y"}}}
    patched = await client.patch(PODS, "pause", patch, namespace, subresource="status")
    assert patched.status.message == "hello"
    assert patched.spec.containers[0].image == "pause"


async def test_delete_removes_and_a_second_delete_finds_nothing(
    client: Client, namespace: str
) -> None:
    await client.create(CONFIG_MAPS, config_map("a"), namespace)
    await client.delete(CONFIG_MAPS, "a", namespace)
    with pytest.raises(ApiError) as refusal:
        await client.delete(CONFIG_MAPS, "a", namespace)
    assert refusal.value.is_not_found


async def test_delete_of_another_object_of_that_name_is_a_conflict(
    client: Client, namespace: str
) -> None:
    await client.create(CONFIG_MAPS, config_map("a"), namespace)
    with pytest.raises(ApiError) as refusal:
        await client.delete(CONFIG_MAPS, "a", namespace, DeleteOptions(uid="another"))
    assert refusal.value.is_conflict
    assert (await client.get(CONFIG_MAPS, "a", namespace)).metadata.name == "a"


async def test_an_object_with_a_finalizer_waits_for_it(client: Client, namespace: str) -> None:
    body = config_map("a")
    body["metadata"]["finalizers"] = ["example.com/guard"]
    await client.create(CONFIG_MAPS, body, namespace)
    await client.delete(CONFIG_MAPS, "a", namespace)
    waiting = await client.get(CONFIG_MAPS, "a", namespace)
    assert waiting.metadata.deletion_timestamp is not None
    await client.patch(CONFIG_MAPS, "a", {"metadata": {"finalizers": None}}, namespace)
    with pytest.raises(ApiError):
        await client.get(CONFIG_MAPS, "a", namespace)


async def test_a_collection_is_deleted_by_selector(client: Client, namespace: str) -> None:
    for name in "abc":
        await client.create(CONFIG_MAPS, config_map(name), namespace)
    await client.delete_collection(CONFIG_MAPS, namespace, label_selector="app in (a,b)")
    left = await client.list(CONFIG_MAPS, namespace, label_selector="app")
    assert [item.metadata.name for item in left.items] == ["c"]


async def test_a_binding_gives_a_pod_its_node(client: Client, namespace: str) -> None:
    await client.create(PODS, PAUSE_POD, namespace)
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "pause"},
        "target": {"apiVersion": "v1", "kind": "Node", "name": "no-such-node"},
    }
    answer = await client.call(PODS, "pause", "binding", binding, namespace)
    assert answer["kind"] == "Status"
    assert (await client.get(PODS, "pause", namespace)).spec.node_name == "no-such-node"


async def test_a_watch_follows_a_list_without_a_gap(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map("before"), namespace)
    listed = await client.list(CONFIG_MAPS, namespace)
    await client.create(CONFIG_MAPS, config_map("between"), namespace)
    async with client.watch(
        CONFIG_MAPS, namespace, resource_version=listed.resource_version, label_selector="app"
    ) as events:
        assert await take(events, 1) == [("ADDED", "between")]
        await client.patch(CONFIG_MAPS, "before", {"data": {"n": "1"}}, namespace)
        await client.delete(CONFIG_MAPS, "between", namespace)
        assert await take(events, 2) == [("MODIFIED", "before"), ("DELETED", "between")]


async def test_a_watch_without_a_version_starts_with_what_is_there(
    client: Client, namespace: str
) -> None:
    await client.create(CONFIG_MAPS, config_map("a"), namespace)
    async with client.watch(CONFIG_MAPS, namespace, label_selector="app") as events:
        assert await take(events, 1) == [("ADDED", "a")]


async def test_an_object_that_leaves_the_selector_is_gone_for_its_watch(
    client: Client, namespace: str
) -> None:
    listed = await client.list(CONFIG_MAPS, namespace)
    async with client.watch(
        CONFIG_MAPS, namespace, resource_version=listed.resource_version, label_selector="app=a"
    ) as events:
        await client.create(CONFIG_MAPS, config_map("a"), namespace)
        labels = {"metadata": {"labels": {"app": "other"}}}
        await client.patch(CONFIG_MAPS, "a", labels, namespace)
        labels = {"metadata": {"labels": {"app": "a"}}}
        await client.patch(CONFIG_MAPS, "a", labels, namespace)
        assert await take(events, 3) == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "a")]


async def test_initial_events_end_with_a_bookmark(client: Client, namespace: str) -> None:
    await client.create(CONFIG_MAPS, config_map("a"), namespace)
    async with (
        client.watch(
            CONFIG_MAPS, namespace, label_selector="app", send_initial_events=True
        ) as events,
        asyncio.timeout(10),
    ):
        first = await anext(events)
        bookmark = await anext(events)
    assert first.object is not None and first.object.metadata.name == "a"
    assert (bookmark.type, bookmark.object) == (WatchEventType.BOOKMARK, None)
    assert bookmark.is_initial_end
    assert int(bookmark.resource_version) >= int(first.resource_version)


async def test_a_watch_ends_after_the_time_asked_for(client: Client, namespace: str) -> None:
    async with (
        client.watch(CONFIG_MAPS, namespace, label_selector="app", timeout_s=1) as events,
        asyncio.timeout(20),
    ):
        assert [event async for event in events if event.object is not None] == []


async def test_large_objects_pass_through_a_watch_whole(client: Client, namespace: str) -> None:
    listed = await client.list(CONFIG_MAPS, namespace)
    async with client.watch(
        CONFIG_MAPS, namespace, resource_version=listed.resource_version
    ) as events:
        await client.create(CONFIG_MAPS, config_map("big", text="ä" * 300_000), namespace)
        async with asyncio.timeout(10):
            async for event in events:
                if event.object is not None and event.object.metadata.name == "big":
                    assert event.object.data["text"] == "ä" * 300_000
                    break


async def test_an_unknown_collection_is_not_found(client: Client, namespace: str) -> None:
    unknown = Resource("example.com", "v1", "nothings", "Nothing", JsonObject)
    with pytest.raises(ApiError) as refusal:
        await client.list(unknown, namespace)
    assert refusal.value.code == 404


async def test_raw_requests_are_answered_in_json(client: Client) -> None:
    version = await client.request("GET", "/version")
    assert version["major"] == "1"
    with pytest.raises(ApiError) as refusal:
        await client.request("GET", "/no/such/path")
    assert refusal.value.code == 404


async def test_a_server_that_cannot_be_reached_is_a_failed_connection(
    tmp_path: Path,
) -> None:
    # The discard service's port, where nobody listens.
    write_kubeconfig(tmp_path / "config", "http://127.0.0.1:9", b"", "token")
    client = HttpClient(await load_connection(tmp_path / "config"))
    with pytest.raises(ConnectionFailed, match=r"GET http://127.0.0.1:\d+/version"):
        await client.request("GET", "/version")
    await client.close()


async def test_a_watch_from_a_compacted_revision_is_expired(tmp_path: Path) -> None:
    async with memory_cluster() as cluster, http_client(cluster, tmp_path) as over_http:
        first = await over_http.create(CONFIG_MAPS, config_map("a"), "default")
        await over_http.create(CONFIG_MAPS, config_map("b"), "default")
        await cluster.core.store.compact(keep=0)
        for client in (over_http, cluster.client):
            with pytest.raises(ApiError) as refusal:
                async with client.watch(
                    CONFIG_MAPS, "default", resource_version=first.metadata.resource_version
                ) as events:
                    await anext(events)
            assert refusal.value.is_expired


async def test_a_wrong_token_is_unauthorized(tmp_path: Path) -> None:
    async with memory_cluster() as cluster, http_client(cluster, tmp_path):
        config = (tmp_path / "kubeconfig").read_text().replace(ADMIN_TOKEN, "wrong")
        (tmp_path / "wrong").write_text(config)
        client = HttpClient(await load_connection(tmp_path / "wrong"))
        with pytest.raises(ApiError) as refusal:
            await client.list(CONFIG_MAPS)
        assert (refusal.value.code, refusal.value.reason) == (401, "Unauthorized")
        await client.close()


async def test_a_watch_ends_when_the_server_stops(tmp_path: Path) -> None:
    async with memory_cluster() as cluster:
        async with http_client(cluster, tmp_path):
            other = HttpClient(await load_connection(tmp_path / "kubeconfig"))
            context = other.watch(CONFIG_MAPS, "default", send_initial_events=True)
            events = await context.__aenter__()
            first = await anext(events)
        assert first is not None
        async with asyncio.timeout(10):
            assert [e async for e in events if e.object is not None] == []
        await context.__aexit__(None, None, None)
        await other.close()
