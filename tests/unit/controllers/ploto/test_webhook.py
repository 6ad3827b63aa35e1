"""The asking end and the default webhook's answering end, over real connections."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from shoal.api.core import ENDPOINTS, SERVICES, Endpoints, Service
from shoal.api.ploto import Webhook, WebhookService
from shoal.api.ploto_scaling import ScaledPool, ScaleQuestion
from shoal.api.resource import Resource
from shoal.api.status import not_found
from shoal.client.http_session import HttpSession
from shoal.controllers.ploto.webhook import (
    HttpAdviser,
    WebhookFailed,
    parse_answer,
    ready_address,
)
from shoal.executor.webhook import make_app

QUESTION = ScaleQuestion(
    pool=ScaledPool(name="pool", namespace="default"),
    period_seconds=15,
    min_executor=2,
    max_executor=9,
    total_executor=4,
    running_executor=4,
    busy_executor=4,
    pending_task=0,
)


class Services:
    """As much of a client as the adviser needs."""

    def __init__(self, port: int = 0) -> None:
        self._port = port

    async def get(self, resource: Resource[Any], name: str, namespace: str = "") -> Any:
        if self._port == 0:
            raise not_found(resource.group_resource, name)
        if resource is SERVICES:
            return a_service()
        assert resource is ENDPOINTS
        return some_endpoints(self._port)


def a_service() -> Service:
    ports = [{"name": "metrics", "port": 90}, {"name": "http", "port": 80, "targetPort": 8000}]
    metadata = {"name": "hook", "namespace": "default"}
    return msgspec.convert({"metadata": metadata, "spec": {"ports": ports}}, Service)


def some_endpoints(port: int, address: str = "127.0.0.1") -> Endpoints:
    ports = [{"name": "metrics", "port": 1}, {"name": "http", "port": port}]
    waiting = {"notReadyAddresses": [{"ip": "127.9.9.9"}], "ports": ports}
    ready = {"addresses": [{"ip": address}], "ports": ports}
    return msgspec.convert({"subsets": [waiting, ready]}, Endpoints)


@asynccontextmanager
async def served(
    answer: Callable[[web.Request], Awaitable[web.Response]],
) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/scale", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/scale"))


@pytest.fixture
async def session() -> AsyncIterator[HttpSession]:
    async with HttpSession() as session:
        yield session


async def test_the_default_webhook_answers_through_a_service(
    session: HttpSession,
) -> None:
    async with TestServer(make_app()) as server:
        adviser = HttpAdviser(Services(server.port or 0), session)  # type: ignore[arg-type]
        webhook = Webhook(service=WebhookService(name="hook", port=80))
        assert await adviser.advise(webhook, QUESTION) == 6
        health = await session.open().get(server.make_url("/health"))
        assert health.status == 200
        bad = await session.open().post(server.make_url("/scale"), data=b"{}")
        assert bad.status == 400


async def test_a_service_that_is_not_there_is_said_to_be(session: HttpSession) -> None:
    adviser = HttpAdviser(Services(), session)  # type: ignore[arg-type]
    with pytest.raises(WebhookFailed, match='services "hook" not found'):
        await adviser.advise(Webhook(service=WebhookService(name="hook")), QUESTION)


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (500, b"", "answered status 500"),
        (200, b"four", "makes no sense"),
        (200, b'{"executor": "4"}', "makes no sense"),
        (200, b'{"executor": 4.5}', "makes no sense"),
        (200, b'{"executor": -1}', "makes no sense: -1 executors"),
        (200, b"{}", "makes no sense"),
        (200, b" " * 70_000, "longer than"),
    ],
)
async def test_nonsense_is_refused(
    session: HttpSession, status: int, body: bytes, why: str
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    async with served(answer) as url:
        with pytest.raises(WebhookFailed, match=why):
            await HttpAdviser(Services(), session).advise(  # type: ignore[arg-type]
                Webhook(url=url), QUESTION
            )


async def test_a_webhook_that_hangs_is_given_up(session: HttpSession) -> None:
    never = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        await never.wait()
        return web.Response()

    async with served(answer) as url:
        adviser = HttpAdviser(Services(), session)  # type: ignore[arg-type]
        with pytest.raises(WebhookFailed, match="no answer within 1 s"):
            await adviser.advise(Webhook(url=url, timeout_seconds=1), QUESTION)
        never.set()


async def test_an_address_that_cannot_be_asked_is_said_to_be(
    session: HttpSession,
) -> None:
    adviser = HttpAdviser(Services(), session)  # type: ignore[arg-type]
    with pytest.raises(WebhookFailed, match="cannot be asked"):
        await adviser.advise(Webhook(url="http://127.0.0.1:1/"), QUESTION)


def test_the_port_of_a_service_leads_to_that_port_of_a_ready_pod() -> None:
    assert ready_address(a_service(), some_endpoints(8000), 80) == "127.0.0.1:8000"
    assert ready_address(a_service(), some_endpoints(8000, "::1"), 80) == "[::1]:8000"
    with pytest.raises(WebhookFailed, match="has no port 81"):
        ready_address(a_service(), some_endpoints(8000), 81)
    with pytest.raises(WebhookFailed, match="has no ready pod"):
        ready_address(a_service(), Endpoints(), 80)


def test_an_answer_is_a_number_of_executors() -> None:
    assert parse_answer(b'{"executor": 0, "more": true}') == 0
