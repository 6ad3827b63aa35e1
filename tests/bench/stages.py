"""What one create costs in the server, stage by stage: each adds one layer to the one before.

Over a store in memory and on one thread, so that what is left to the whole (`creates_https`) is
the disk, the writer's thread, and HTTP itself.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from shoal.api.core import CONFIG_MAPS
from shoal.apiserver.app import AsgiApp
from shoal.apiserver.auth import Authenticator, ServiceAccountTokens
from shoal.apiserver.creating import create
from shoal.apiserver.exchange import Request
from shoal.apiserver.requests import Target, WriteOptions
from shoal.testing.cluster import MemoryCluster, memory_cluster
from tests.bench.api import named

_CREATES = 5_000
_ROUNDS = 3

_PATH = "/api/v1/namespaces/default/configmaps"
_TOKEN = "t" * 43

Call = Callable[[str], Awaitable[Any]]


async def stages() -> dict[str, float]:
    """CPU microseconds of a create, in the best of three rounds."""
    async with memory_cluster() as cluster:
        calls: dict[str, Call] = {
            "verb_us": verb(cluster),
            "local_client_us": lambda name: cluster.client.create(
                CONFIG_MAPS, named(name), "default"
            ),
            "endpoints_us": endpoints(cluster),
            "asgi_app_us": asgi_app(cluster),
        }
        best = dict.fromkeys(calls, float("inf"))
        for number in range(_ROUNDS):
            for stage, call in calls.items():
                best[stage] = min(best[stage], await _cpu_us(call, f"{stage[:4]}-{number}"))
    return {stage: round(cpu_us, 1) for stage, cpu_us in best.items()}


async def _cpu_us(call: Call, prefix: str) -> float:
    started_s = time.thread_time()
    for number in range(_CREATES):
        await call(f"{prefix}-{number}")
    return 1e6 * (time.thread_time() - started_s) / _CREATES


def verb(cluster: MemoryCluster) -> Call:
    """The handler alone: decode, default, validate, encode, store."""
    served = cluster.core.registry.find("", "v1", "configmaps")
    assert served is not None
    target, options = Target(served, "default"), WriteOptions()
    return lambda name: create(cluster.core, target, named(name), options)


def endpoints(cluster: MemoryCluster) -> Call:
    """With the path, the query and the body's JSON."""
    headers = {"accept": "application/json", "content-type": "application/json"}

    def call(name: str) -> Awaitable[Any]:
        body = orjson.dumps(named(name))
        return cluster.endpoints.answer(Request("POST", _PATH, "", headers, body))

    return call


def asgi_app(cluster: MemoryCluster) -> Call:
    """With the headers, the token and the response's messages."""
    tokens = ServiceAccountTokens(b"bench" * 8, cluster.clock)
    app = AsgiApp(cluster.endpoints, Authenticator(_TOKEN, tokens))
    headers = [
        (b"host", b"127.0.0.1:6443"),
        (b"authorization", f"Bearer {_TOKEN}".encode()),
        (b"accept", b"application/json"),
        (b"content-type", b"application/json"),
    ]
    scope = {
        "type": "http", "method": "POST", "path": _PATH, "query_string": b"", "headers": headers,
    }  # fmt: skip

    async def send(message: dict[str, Any]) -> None:
        pass

    async def call(name: str) -> None:
        body = orjson.dumps(named(name))

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        await app(scope, receive, send)

    return call
