"""What senders get wrong over real https: each mistake has its answer, and the server stays up."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest

from shoal.store.memory import MemoryStore
from shoal.store.published import Retention
from shoal.testing.cluster import HttpsCluster, https_cluster

MAPS = "/api/v1/namespaces/default/configmaps"
JSON = "application/json"


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[HttpsCluster]:
    """A server that soon forgets."""
    async with https_cluster(tmp_path, store=MemoryStore(Retention(ring_events=3))) as cluster:
        yield cluster


@pytest.fixture
async def session(small: HttpsCluster) -> AsyncIterator[aiohttp.ClientSession]:
    context = ssl.create_default_context(cafile=str(small.authority))
    async with aiohttp.ClientSession(
        small.url,
        headers={"Authorization": f"Bearer {small.token}"},
        connector=aiohttp.TCPConnector(ssl=context),
    ) as session:
        yield session
        async with session.get("/readyz") as response:
            assert response.status == 200


async def send(
    session: aiohttp.ClientSession, method: str, path: str, body: bytes, content_type: str = JSON
) -> tuple[int, str]:
    headers = {"Content-Type": content_type}
    async with session.request(method, path, data=BytesIO(body), headers=headers) as response:
        status = await response.json()
        return response.status, status.get("message", "")


@pytest.mark.parametrize(
    ("body", "content_type", "code", "text"),
    [
        (b"{", JSON, 400, "json parse error"),
        (b"", JSON, 400, "json parse error"),
        (b"[]", JSON, 400, "not an object"),
        (b'"text"', JSON, 400, "not an object"),
        (b"\xff\xfe", JSON, 400, "json parse error"),
        (b"[" * 100_000, JSON, 400, "json parse error"),
        (b"a: [b", "application/yaml", 400, "error converting YAML to JSON"),
        (b"a: &x [1]\nb: *x", "application/yaml", 400, "aliases are not accepted"),
        (b"[" * 5_000, "application/yaml", 400, "error converting YAML to JSON"),
        (b"k8s\x00nonsense", "application/vnd.kubernetes.protobuf", 400, ""),
        (b"", "application/vnd.kubernetes.protobuf", 400, ""),
        (b"<a/>", "text/xml", 415, "unknown format"),
        (b'{"metadata":{"name":"c"},"colour":1}', JSON, 400, "strict decoding error"),
        (b'{"metadata":{"name":"c"},"data":[]}', JSON, 400, "cannot be handled"),
        (b'{"metadata":{"name":["c"]}}', JSON, 400, "cannot be handled"),
        (b'{"metadata":{"labels":{"-":"-"},"name":"c"}}', JSON, 422, "metadata.labels"),
    ],
)  # fmt: skip
async def test_bodies_that_cannot_be_read(
    session: aiohttp.ClientSession, body: bytes, content_type: str, code: int, text: str
):
    path = f"{MAPS}?fieldValidation=Strict"
    status, message = await send(session, "POST", path, body, content_type)
    assert (status, text in message) == (code, True), message


async def test_an_object_of_three_megabytes(session: aiohttp.ClientSession):
    body = b'{"metadata":{"name":"c"},"data":{"a":"%b"}}' % (b"x" * 3 * 1024 * 1024)
    status, message = await send(session, "POST", MAPS, body)
    assert (status, "Request entity too large" in message) == (413, True)


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "code"),
    [
        ("PATCH", f"{MAPS}/c", b"{}", JSON, 415),
        ("PATCH", f"{MAPS}/c", b"[]", "application/merge-patch+json", 400),
        ("PATCH", f"{MAPS}/c", b"{}", "application/json-patch+json", 400),
        ("PATCH", f"{MAPS}/c", b"{", "application/strategic-merge-patch+json", 400),
        ("PATCH", f"{MAPS}/c", b"a: b", "application/apply-patch+yaml", 415),
        ("PATCH", f"{MAPS}/c", b'{"metadata":null}', "application/merge-patch+json", 400),
        ("PATCH", f"{MAPS}/c", b'{"metadata":3}', "application/merge-patch+json", 400),
        ("PATCH", f"{MAPS}/c", b'{"kind":"Pod"}', "application/merge-patch+json", 400),
        ("DELETE", f"{MAPS}/c", b'{"gracePeriodSeconds":"x"}', JSON, 400),
        ("DELETE", f"{MAPS}/c", b'{"preconditions":[]}', JSON, 400),
        ("POST", f"{MAPS}?dryRun=Some", b'{"metadata":{"name":"d"}}', JSON, 422),
        ("POST", f"{MAPS}?fieldValidation=Some", b'{"metadata":{"name":"d"}}', JSON, 422),
        ("GET", f"{MAPS}?limit=x", b"", JSON, 400),
        ("GET", f"{MAPS}?resourceVersion=x", b"", JSON, 400),
        ("GET", f"{MAPS}?resourceVersion=1&resourceVersionMatch=Most", b"", JSON, 422),
        ("GET", f"{MAPS}?watch=true&timeoutSeconds=x", b"", JSON, 400),
        ("GET", f"{MAPS}?watch=true&sendInitialEvents=true", b"", JSON, 422),
    ],
)
async def test_requests_that_make_no_sense(
    session: aiohttp.ClientSession,
    method: str,
    path: str,
    body: bytes,
    content_type: str,
    code: int,
):
    await send(session, "POST", MAPS, b'{"metadata":{"name":"c"}}')
    assert (await send(session, method, path, body, content_type))[0] == code


async def test_a_watch_from_a_forgotten_version(session: aiohttp.ClientSession):
    for name in (b"a", b"b", b"c", b"d", b"e", b"f"):
        await send(session, "POST", MAPS, b'{"metadata":{"name":"%b"}}' % name)
    code, message = await send(session, "GET", f"{MAPS}?watch=true&resourceVersion=8", b"")
    assert (code, "too old resource version" in message) == (410, True)


async def test_a_stale_version(session: aiohttp.ClientSession):
    await send(session, "POST", MAPS, b'{"metadata":{"name":"c"}}')
    stale = b'{"metadata":{"name":"c","resourceVersion":"1"}}'
    code, message = await send(session, "PUT", f"{MAPS}/c", stale)
    assert (code, "the object has been modified" in message) == (409, True)


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic YTpi", "Bearer a.b.c"])
async def test_strangers(session: aiohttp.ClientSession, header: str):
    async with session.get(MAPS, headers={"Authorization": header}) as response:
        assert response.status == 401
        assert (await response.json())["reason"] == "Unauthorized"


async def test_clients_that_read_no_json(session: aiohttp.ClientSession):
    async with session.get(MAPS, headers={"Accept": "text/html"}) as response:
        assert response.status == 406


async def test_a_server_stops_while_it_is_watched(tmp_path: Path):
    async with https_cluster(tmp_path) as cluster:
        context = ssl.create_default_context(cafile=str(cluster.authority))
        headers = {"Authorization": f"Bearer {cluster.token}"}
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(
            cluster.url, headers=headers, connector=connector
        ) as session:
            query = {"watch": "true", "allowWatchBookmarks": "true"}
            watches = [await session.get(MAPS, params=query) for _ in range(20)]
            await asyncio.wait_for(cluster.server.stop(), 5)
            bodies = await asyncio.gather(*(watch.text() for watch in watches))
    assert all('"type":"BOOKMARK"' in body for body in bodies)


async def test_a_client_that_hangs_up_leaves_no_watch_behind(
    session: aiohttp.ClientSession, small: HttpsCluster
):
    response = await session.get(MAPS, params={"watch": "true"})
    assert small.cluster.core.streams.count == 1
    response.close()
    async with asyncio.timeout(10):
        while small.cluster.core.streams.count:
            await asyncio.sleep(0)
