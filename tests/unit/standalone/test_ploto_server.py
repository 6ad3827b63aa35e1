"""Ploto's ports for health and metrics, where they are asked for."""

import socket

import aiohttp
import pytest

from shoal.apiserver.core import METRICS_TYPE, NoMetrics
from shoal.standalone.config import ConfigError, PlotoSection
from shoal.standalone.ploto_server import ploto_served
from tests.plane import free_port


class Fixed:
    def render(self) -> bytes:
        return b"up 1\n"


async def test_health_and_metrics_are_served_each_on_its_port() -> None:
    section = PlotoSection(health_port=free_port(), metrics_port=free_port())
    health = f"http://127.0.0.1:{section.health_port}"
    metrics = f"http://127.0.0.1:{section.metrics_port}"
    at_work: list[bool] = []
    async with (
        ploto_served(section, Fixed(), lambda: bool(at_work)),
        aiohttp.ClientSession() as session,
    ):
        async with session.get(f"{health}/health") as response:
            assert response.status == 503
        at_work.append(True)
        async with session.get(f"{health}/health") as response:
            assert (response.status, await response.text()) == (200, "ok")
        async with session.get(f"{metrics}/metrics") as response:
            assert response.headers["Content-Type"] == METRICS_TYPE
            assert await response.read() == b"up 1\n"
        async with session.get(f"{health}/metrics") as response:
            assert response.status == 404


async def test_nothing_is_served_unless_a_port_is_named() -> None:
    async with ploto_served(PlotoSection(), NoMetrics(), lambda: True):
        pass


async def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        section = PlotoSection(metrics_port=port)
        with pytest.raises(ConfigError) as refusal:
            async with ploto_served(section, NoMetrics(), lambda: True):
                pass
    assert str(refusal.value) == (
        f"ploto.metricsPort: cannot serve on 127.0.0.1:{port}: Address already in use; "
        "choose another port"
    )
