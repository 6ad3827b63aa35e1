"""What Ploto's controller serves for probes and scrapers: `/health` and `/metrics`, each on a port.

Plain HTTP without a token, on loopback only, and only where shoal.yaml names the port. The same
metrics are at `/metrics` of the API server.
"""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from shoal.apiserver.core import METRICS_TYPE, MetricsSource
from shoal.standalone.config import ConfigError, PlotoSection

if TYPE_CHECKING:
    from aiohttp import web

_HOST = "127.0.0.1"

Answer = Callable[[], "web.Response"]


@asynccontextmanager
async def ploto_served(
    section: PlotoSection, metrics: MetricsSource, is_at_work: Callable[[], bool]
) -> AsyncGenerator[None]:
    """Serve what the section asks for; `is_at_work` is what health means. Raises ConfigError where
    a port cannot be had."""
    if section.health_port is None and section.metrics_port is None:
        yield
        return
    # Most control planes serve neither, and should not pay for the import.
    from aiohttp import web

    def health() -> web.Response:
        if is_at_work():
            return web.Response(text="ok")
        return web.Response(status=503, text="the executor pool controllers are not at work")

    def numbers() -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": METRICS_TYPE})

    async with AsyncExitStack() as stack:
        for field, port, path, answer in (
            ("healthPort", section.health_port, "/health", health),
            ("metricsPort", section.metrics_port, "/metrics", numbers),
        ):
            if port is not None:
                runner = _runner(path, answer)
                await runner.setup()
                stack.push_async_callback(runner.cleanup)
                await _listen(runner, port, field)
        yield


def _runner(path: str, answer: Answer) -> "web.AppRunner":
    from aiohttp import web

    async def handle(request: web.Request) -> web.Response:
        return answer()

    app = web.Application()
    app.router.add_get(path, handle)
    return web.AppRunner(app, access_log=None)


async def _listen(runner: "web.AppRunner", port: int, field: str) -> None:
    from aiohttp import web

    try:
        await web.TCPSite(runner, _HOST, port).start()
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise ConfigError(
            f"ploto.{field}: cannot serve on {_HOST}:{port}: {why}; choose another port"
        ) from error
