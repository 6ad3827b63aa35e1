"""Requests as the server counts them, and how its metrics show that."""

from prometheus_client import CollectorRegistry

from shoal.apiserver.core import METRICS_TYPE
from shoal.apiserver.endpoints import ApiEndpoints
from shoal.apiserver.exchange import Request
from shoal.apiserver.metrics import ApiServerMetrics
from shoal.client.protocol import Client
from shoal.testing.cluster import MemoryCluster

NAMESPACES = "/api/v1/namespaces"


async def ask(cluster: MemoryCluster, method: str, path: str, query: str = "") -> None:
    response = await cluster.endpoints.answer(Request(method, path, query, body=b"{"))
    if response.stream is not None:
        await response.stream.aclose()


def value(cluster: MemoryCluster, name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    registry.register(ApiServerMetrics(cluster.core))
    return registry.get_sample_value(name, labels)


async def test_requests_are_counted_by_verb_resource_and_code(cluster: MemoryCluster):
    for method, path, query in (
        ("GET", NAMESPACES, ""),
        ("GET", NAMESPACES, "watch=0"),
        ("GET", NAMESPACES, "watch=true&timeoutSeconds=1"),
        ("GET", f"{NAMESPACES}/default", ""),
        ("GET", f"{NAMESPACES}/missing", ""),
        ("POST", NAMESPACES, ""),
        ("DELETE", f"{NAMESPACES}/default/configmaps", ""),
        ("PATCH", "/apis/apps/v1/namespaces/default/deployments/web/scale", ""),
    ):
        await ask(cluster, method, path, query)
    assert dict(cluster.core.requests.outcomes) == {
        ("LIST", "", "namespaces", "", 200): 2,
        ("WATCH", "", "namespaces", "", 200): 1,
        ("GET", "", "namespaces", "", 200): 1,
        ("GET", "", "namespaces", "", 404): 1,
        ("POST", "", "namespaces", "", 400): 1,
        ("DELETECOLLECTION", "", "configmaps", "", 400): 1,
        ("PATCH", "apps", "deployments", "scale", 415): 1,
    }


async def test_paths_that_name_nothing_leave_no_counter(cluster: MemoryCluster):
    for path in ("/api/v1/inventions", "/apis/a.b/v1/c", "/x", "/version", "/apis"):
        await ask(cluster, "GET", path)
    assert not cluster.core.requests.outcomes


async def test_answered_requests_are_not_in_flight(cluster: MemoryCluster):
    await ask(cluster, "GET", f"{NAMESPACES}/missing")
    await ask(cluster, "POST", NAMESPACES)
    assert set(cluster.core.requests.in_flight.values()) == {0}


async def test_the_metrics_show_what_was_counted(cluster: MemoryCluster):
    for _ in range(3):
        await ask(cluster, "GET", NAMESPACES)
    about = {"group": "", "resource": "namespaces", "subresource": "", "code": "200"}
    assert value(cluster, "apiserver_request_total", verb="LIST", **about) == 3
    durations = "apiserver_request_duration_seconds"
    assert value(cluster, f"{durations}_count", verb="LIST") == 3
    assert value(cluster, f"{durations}_bucket", verb="LIST", le="+Inf") == 3
    assert value(cluster, "apiserver_current_inflight_requests", request_kind="readOnly") == 0
    assert value(cluster, "shoal_store_revision") == cluster.core.store.revision > 0


async def test_open_watches_are_shown(cluster: MemoryCluster):
    name = "apiserver_longrunning_requests"
    before = value(cluster, name)
    assert before is not None
    stream = (await cluster.endpoints.answer(Request("GET", NAMESPACES, "watch=1"))).stream
    assert stream is not None
    await anext(stream)
    assert value(cluster, name) == before + 1
    await stream.aclose()


async def test_the_whole_process_is_shown_at_one_path(cluster: MemoryCluster, client: Client):
    class Fixed:
        def render(self) -> bytes:
            return b"up 1\n"

    endpoints = ApiEndpoints(cluster.core, Fixed())
    response = await endpoints.answer(Request("GET", "/metrics"))
    assert (response.status, response.body, response.content_type) == (200, b"up 1\n", METRICS_TYPE)
    assert (await endpoints.answer(Request("POST", "/metrics"))).status == 405
    assert "/metrics" in (await client.request("GET", "/"))["paths"]
