"""What the HTTP client does on its own account, against a small server: tokens and streams.
The verbs are held to tests/contract/test_client.py."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from shoal.api.core import CONFIG_MAPS
from shoal.api.resource import Resource
from shoal.api.status import ApiError
from shoal.client.connection import NO_TOKEN, Connection, TokenSource
from shoal.client.http import HttpClient
from shoal.client.protocol import ConnectionFailed, LogOptions, PatchType


class Server:
    """Notes what it is asked and answers as it is told."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.good_token = ""
        self.chunks: list[bytes] = []
        self.is_cut = False

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.raw_path}")
        if request.headers.get("Authorization", "") != self.good_token:
            return web.json_response({"kind": "Status", "reason": "Unauthorized"}, status=401)
        if not self.chunks:
            return web.json_response({"metadata": {"name": "a"}})
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in self.chunks:
            await response.write(chunk)
            await asyncio.sleep(0)
        if self.is_cut and request.transport is not None:
            request.transport.abort()
        return response


@asynccontextmanager
async def served(server: Server, tokens: TokenSource = NO_TOKEN) -> AsyncGenerator[HttpClient]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    client = HttpClient(Connection(server=f"http://127.0.0.1:{port}", tokens=tokens))
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


class RenewedToken:
    async def token(self, refused: str = "") -> str:
        return "new" if refused else "old"


async def test_a_refused_token_is_renewed_once() -> None:
    server = Server()
    server.good_token = "Bearer new"
    async with served(server, RenewedToken()) as client:
        await client.get(CONFIG_MAPS, "a", "ns")
        assert len(server.asked) == 2
        server.good_token = "Bearer newest"
        with pytest.raises(ApiError) as refusal:
            await client.get(CONFIG_MAPS, "a", "ns")
    assert refusal.value.code == 401
    assert len(server.asked) == 4


async def test_names_are_quoted_and_empty_parameters_left_out() -> None:
    server = Server()
    roles = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", dict, False)
    async with served(server) as client:
        await client.get(roles, "system:a/b?c")
        await client.list(CONFIG_MAPS, "ns", label_selector="app in (a,b)")
        await client.patch(CONFIG_MAPS, "a", {}, "ns", type=PatchType.APPLY)
    assert server.asked == [
        "GET /apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Aa%2Fb%3Fc",
        "GET /api/v1/namespaces/ns/configmaps?labelSelector=app+in+%28a%2Cb%29",
        "PATCH /api/v1/namespaces/ns/configmaps/a"
        "?fieldManager=shoal&fieldValidation=Ignore&force=true",
    ]


async def test_watch_lines_may_be_cut_anywhere() -> None:
    server = Server()
    lines = b"".join(
        b'{"type":"ADDED","object":{"metadata":{"name":"%s","resourceVersion":"1"}}}\n' % name
        for name in (b"a", b"b", b"c")
    )
    server.chunks = [lines[:7], lines[7:80], lines[80:-1], b"\n\n"]
    async with served(server) as client, client.watch(CONFIG_MAPS) as events:
        names = [event.object.metadata.name async for event in events if event.object]
    assert names == ["a", "b", "c"]


async def test_a_watch_that_is_cut_off_is_a_failed_connection() -> None:
    server = Server()
    server.chunks, server.is_cut = [b'{"type":"ADDED","object":{}}\n'], True
    async with served(server) as client, client.watch(CONFIG_MAPS) as events:
        with pytest.raises(ConnectionFailed):
            assert [event async for event in events]


async def test_what_a_reader_raises_inside_a_watch_stays_what_it_is() -> None:
    server = Server()
    server.chunks = [b'{"type":"ADDED","object":{}}\n']
    async with served(server) as client:
        with pytest.raises(TimeoutError, match="mine"):
            async with client.watch(CONFIG_MAPS):
                raise TimeoutError("mine")


async def test_a_log_comes_in_pieces() -> None:
    server = Server()
    server.chunks = [b"one\n", b"two\n"]
    async with served(server) as client, client.logs("p", "ns", LogOptions(follow=True)) as pieces:
        assert b"".join([piece async for piece in pieces]) == b"one\ntwo\n"
    assert server.asked == ["GET /api/v1/namespaces/ns/pods/p/log?follow=true"]
