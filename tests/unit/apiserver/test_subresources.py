"""scale, binding, eviction, log and token."""

import json
from collections.abc import AsyncIterator

import pytest

from shoal.api.apps import DEPLOYMENTS
from shoal.api.core import SERVICE_ACCOUNTS
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.apiserver.auth import ServiceAccountTokens
from shoal.apiserver.exchange import Request
from shoal.client.protocol import Client, DeleteOptions, LogOptions, PatchType
from shoal.testing.cluster import MemoryCluster, memory_cluster
from tests.unit.apiserver.cron_tabs import CRON_TABS, cron_tab
from tests.unit.apiserver.test_updating import DEPLOYMENT

RAW_PODS = PODS.untyped()
BINDING = {"target": {"kind": "Node", "name": "n1"}}


async def make_pod(client: Client, *containers: str, **spec: object) -> JsonObject:
    listed = [{"name": name, "image": "x"} for name in containers or ("main",)]
    body = {"metadata": {"name": "web"}, "spec": {"containers": listed, **spec}}
    return await client.create(RAW_PODS, body, "default")


async def test_a_scale_changes_replicas_and_nothing_else(client: Client):
    await client.create(DEPLOYMENTS, DEPLOYMENT, "default")
    scales = DEPLOYMENTS.untyped()
    patch = {"spec": {"replicas": 4}, "metadata": {"labels": {"x": "y"}}}
    scale = await client.patch(scales, "d", patch, "default", subresource="scale")
    assert (scale["kind"], scale["spec"], scale["status"]["selector"]) == (
        "Scale", {"replicas": 4}, "a=b",
    )  # fmt: skip
    read = await client.get(scales, "d", "default")
    assert read["spec"]["replicas"] == 4
    assert "labels" not in read["metadata"]


async def test_a_stale_scale_is_refused(client: Client):
    await client.create(CRON_TABS, cron_tab(replicas=1), "default")
    stale = {"metadata": {"name": "nightly", "resourceVersion": "1"}, "spec": {"replicas": 2}}
    with pytest.raises(ApiError) as raised:
        await client.replace(CRON_TABS, stale, "nightly", "default", subresource="scale")
    assert raised.value.is_conflict


@pytest.mark.parametrize(("replicas", "code"), [(-1, 422), ("two", 400)])
async def test_a_scale_that_makes_no_sense_is_refused(client: Client, replicas: object, code: int):
    await client.create(CRON_TABS, cron_tab(), "default")
    patch = {"spec": {"replicas": replicas}}
    with pytest.raises(ApiError) as raised:
        await client.patch(CRON_TABS, "nightly", patch, "default", subresource="scale")
    assert raised.value.code == code


async def test_binding_gives_a_pod_its_node_once(client: Client):
    await make_pod(client)
    nominated = {"status": {"nominatedNodeName": "n2"}}
    await client.patch(PODS, "web", nominated, "default", subresource="status")
    assert (await client.call(PODS, "web", "binding", BINDING, "default"))["status"] == "Success"
    pod = await client.get(PODS, "web", "default")
    assert (pod.spec.node_name, pod.status.nominated_node_name) == ("n1", "")
    scheduled = [c.status for c in pod.status.conditions if c.type == "PodScheduled"]
    assert scheduled == ["True"]
    assert pod.metadata.generation == 1
    text = 'pods/binding "web": pod web is already assigned to node "n1"'
    with pytest.raises(ApiError, match=text) as raised:
        await client.call(PODS, "web", "binding", BINDING, "default")
    assert raised.value.is_conflict


async def test_gated_and_going_pods_are_not_bound(client: Client):
    await make_pod(client, schedulingGates=[{"name": "g"}])
    with pytest.raises(ApiError, match="has non-empty"):
        await client.call(PODS, "web", "binding", BINDING, "default")
    await client.patch(RAW_PODS, "web", {"metadata": {"finalizers": ["a.io/b"]}}, "default")
    await client.delete(PODS, "web", "default")
    with pytest.raises(ApiError, match="is being deleted, cannot be assigned to a host"):
        await client.call(PODS, "web", "binding", BINDING, "default")


@pytest.mark.parametrize(
    ("body", "code"),
    [({}, 422), ({"target": {"kind": "Cow", "name": "n"}}, 422), ({"target": "n"}, 400)],
)
async def test_bindings_that_name_no_node_are_refused(client: Client, body: JsonObject, code: int):
    await make_pod(client)
    with pytest.raises(ApiError) as raised:
        await client.call(PODS, "web", "binding", body, "default")
    assert raised.value.code == code


async def test_an_eviction_is_a_delete(client: Client):
    await make_pod(client)
    await client.call(PODS, "web", "binding", BINDING, "default")
    options = {"deleteOptions": {"gracePeriodSeconds": 7}}
    await client.call(PODS, "web", "eviction", options, "default")
    pod = await client.get(RAW_PODS, "web", "default")
    assert pod["metadata"]["deletionGracePeriodSeconds"] == 7


async def test_a_token_names_its_account_until_it_expires(cluster: MemoryCluster):
    request = {"spec": {"expirationSeconds": 600}}
    answer = await cluster.client.call(SERVICE_ACCOUNTS, "default", "token", request, "default")
    tokens = cluster.core.tokens
    assert isinstance(tokens, ServiceAccountTokens)
    user = tokens.user_of(answer["status"]["token"])
    assert user is not None
    assert user.name == "system:serviceaccount:default:default"
    with pytest.raises(ApiError, match="less than 10 minutes"):
        await cluster.client.call(
            SERVICE_ACCOUNTS, "default", "token", {"spec": {"expirationSeconds": 1}}, "default"
        )


class Echo:
    """`PodLogs` that says what it was asked."""

    async def open(self, pod: Pod, options: LogOptions) -> AsyncIterator[bytes]:
        yield f"{pod.metadata.name}/{options.container}\n".encode()
        if options.follow:
            raise ApiError(404, "NotFound", "the log has gone")


async def read_log(client: Client, options: LogOptions = LogOptions()) -> bytes:
    async with client.logs("web", "default", options) as pieces:
        return b"".join([piece async for piece in pieces])


async def set_container(client: Client, **status: object) -> None:
    listed = [{"name": "main", "ready": False, "restartCount": 0, **status}]
    patch = {"status": {"containerStatuses": listed}}
    await client.patch(PODS, "web", patch, "default", type=PatchType.MERGE, subresource="status")


async def test_a_log_comes_from_the_node_agent():
    async with memory_cluster(pod_logs=Echo()) as cluster:
        client = cluster.client
        await make_pod(client)
        assert await read_log(client) == b""
        await client.call(PODS, "web", "binding", BINDING, "default")
        await set_container(client, state={"running": {}})
        assert await read_log(client) == b"web/main\n"
        broken = await read_log(client, LogOptions(follow=True))
        assert broken == b"web/main\nthe log has gone\n"


@pytest.mark.parametrize(
    ("status", "options", "text"),
    [
        (
            {"state": {"waiting": {"reason": "ContainerCreating"}}}, LogOptions(),
            'container "main" in pod "web" is waiting to start: ContainerCreating',
        ),
        (
            {"state": {"waiting": {"reason": "ErrImagePull"}}}, LogOptions(),
            "is waiting to start: image can't be pulled",
        ),
        (
            {"state": {"running": {}}}, LogOptions(previous=True),
            'previous terminated container "main" in pod "web" not found',
        ),
        ({"state": {"running": {}}}, LogOptions("nope"), "container nope is not valid for pod"),
    ],
)  # fmt: skip
async def test_a_log_that_is_not_there_says_why(
    client: Client, status: JsonObject, options: LogOptions, text: str
):
    await make_pod(client)
    await client.call(PODS, "web", "binding", BINDING, "default")
    await set_container(client, **status)
    with pytest.raises(ApiError, match=text) as raised:
        await read_log(client, options)
    assert raised.value.code == 400


@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ({"tailLines": "-1"}, 422, "tailLines: Invalid value: -1: must be greater than or equal"),
        ({"limitBytes": "0"}, 422, "limitBytes: Invalid value: 0: must be greater than 0"),
        ({"sinceSeconds": "0"}, 422, "sinceSeconds: Invalid value: 0: must be greater than 0"),
        ({"sinceTime": "2026-01-01T00:00:00Z", "sinceSeconds": "1"}, 422, "at most one of"),
        ({"sinceTime": "yesterday"}, 400, "yesterday"),
        ({"sinceTime": "2026-01-01T00:00:00"}, 400, "2026-01-01T00:00:00"),
    ],
)
async def test_log_options_that_make_no_sense_are_refused(
    client: Client, query: dict[str, str], code: int, text: str
):
    await make_pod(client)
    path = PODS.path("default", "web", "log")
    with pytest.raises(ApiError, match=text) as raised:
        await client.request("GET", path, query=query)
    assert raised.value.code == code


async def test_one_of_several_containers_must_be_named(client: Client):
    await make_pod(client, "one", "two")
    with pytest.raises(ApiError, match=r"choose one of: \[one two\]"):
        await read_log(client)
    await client.delete(PODS, "web", "default", DeleteOptions(grace_period_s=0))
    with pytest.raises(ApiError, match='pods "web" not found'):
        await read_log(client)


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("pods/web/exec", 501, "exec is not supported by this server yet"),
        ("pods/web/portforward", 501, "port-forward is not supported by this server yet"),
        ("services/web:80/proxy/a/b/c", 501, "proxy is not supported by this server yet"),
        # Only an absent ephemeralcontainers tells kubectl that there are none to be had.
        (
            "pods/web/ephemeralcontainers",
            404,
            "the server could not find the requested resource",
        ),
        ("pods/web/a/b/c", 404, "the server could not find the requested resource"),
    ],
)
async def test_what_is_not_there_yet_is_called_by_its_name(
    cluster: MemoryCluster, path: str, code: int, message: str
):
    request = Request("POST", f"/api/v1/namespaces/default/{path}")
    response = await cluster.endpoints.answer(request)
    status = json.loads(response.body)
    assert (response.status, status["code"], status["message"]) == (code, code, message)
