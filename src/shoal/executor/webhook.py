"""The default webhook: `python -m shoal.executor.webhook`.

    GET /health    200
    POST /scale    a ScaleQuestion, answered by a ScaleAnswer with the default size

A starting point for webhooks of one's own: the contract is in docs/reference/executor.md.
"""

import argparse
import sys

import msgspec
from aiohttp import web

from shoal.api.ploto_scaling import ScaleAnswer, ScaleQuestion, default_size

DEFAULT_PORT = 8000


def make_app() -> web.Application:
    app = web.Application()
    app.router.add_get("/health", _health)
    app.router.add_post("/scale", _scale)
    return app


async def _health(request: web.Request) -> web.Response:
    return web.Response(text="ok")


async def _scale(request: web.Request) -> web.Response:
    try:
        question = msgspec.json.decode(await request.read(), type=ScaleQuestion)
    except msgspec.MsgspecError as error:
        raise web.HTTPBadRequest(text=f"not a scale question: {error}") from error
    answer = ScaleAnswer(executor=default_size(question))
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json")


def main(arguments: list[str]) -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="scale-webhook", description=__doc__)
    parser.add_argument("--host", default="", help="address to listen on; all where empty")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    options = parser.parse_args(arguments)
    web.run_app(make_app(), host=options.host or None, port=options.port)


if __name__ == "__main__":
    main(sys.argv[1:])
