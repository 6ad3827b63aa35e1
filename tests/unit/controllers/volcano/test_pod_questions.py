"""Asking pods over real sockets of this machine."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from shoal.controllers.volcano.flow_probes import ProbeQuestion
from shoal.controllers.volcano.pod_questions import ask_pod
from tests.waiting import eventually

HOST = "127.0.0.1"


@asynccontextmanager
async def pod(answer: str) -> AsyncGenerator[tuple[int, list[str]]]:
    """A server that says the same to everybody: its port, and what it was sent."""
    heard: list[str] = []
    open_writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_writers.add(writer)
        heard.append((await reader.read(4096)).decode())
        writer.write(answer.encode())
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        open_writers.discard(writer)

    server = await asyncio.start_server(serve, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heard
        await eventually(lambda: not open_writers, "all connections closed")


def http(status: str) -> str:
    return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "is_good"),
    [
        (http("200 OK"), True),
        (http("302 Found\r\nLocation: /elsewhere"), True),
        (http("400 Bad Request"), False),
        (http("503 Service Unavailable"), False),
        ("no http", False),
        ("", False),
    ],
)
async def test_a_good_answer_is_a_status_from_200_to_399(answer: str, is_good: bool):
    async with pod(answer) as (port, heard):
        question = ProbeQuestion(HOST, port, "/ready?now=1", ("X-Probe", "flow"))
        assert await ask_pod(question) is is_good
    # aiohttp asks again where the server hangs up.
    request = heard[0]
    assert request.startswith("GET /ready?now=1 HTTP/1.1\r\n")
    assert "X-Probe: flow\r\n" in request


async def test_a_port_that_takes_connections_is_a_good_answer():
    async with pod("") as (port, heard):
        assert await ask_pod(ProbeQuestion(HOST, port))
        await eventually(lambda: heard, "the connection seen")


@pytest.mark.parametrize("path", [None, "/"])
async def test_a_closed_port_is_no_answer(path: str | None):
    async with pod("") as (port, _):
        pass
    assert not await ask_pod(ProbeQuestion(HOST, port, path))
