"""Durable writes and watches: over https from other processes, and through the local client."""

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from shoal.api.core import CONFIG_MAPS
from shoal.client.connection import load_connection
from shoal.client.http import HttpClient
from shoal.client.protocol import Client
from tests.bench.embedded import embedded_client
from tests.plane import percentile, plane

_CLIENTS = 32
_CREATES = 8_000
_WATCHERS = 200
_WRITES = 1_000

BODY = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"text": "x" * 1000}}


def named(name: str) -> dict[str, object]:
    return {**BODY, "metadata": {"name": name}}


async def creates_https() -> dict[str, float]:
    """32 clients in a second process create 1 KB ConfigMaps, each fsynced before its answer."""
    async with plane() as each:
        before_s = each.cpu_s()
        output = await _in_process("creates", str(each.kubeconfig), str(_CREATES))
        used_s = each.cpu_s() - before_s
    return json.loads(output) | {"server_cpu_us_per_create": round(1e6 * used_s / _CREATES)}


async def creates_local() -> dict[str, float]:
    """The same through the local client, on SQLite, in one process."""
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        async with embedded_client(Path(folder)) as client:
            before_s = time.process_time()
            figures = await create_many(client, _CREATES * 2)
            used_s = time.process_time() - before_s
    return figures | {"cpu_us_per_create": round(1e6 * used_s / (_CREATES * 2))}


async def create_many(client: Client, count: int) -> dict[str, float]:
    latencies_s: list[float] = []
    numbers = iter(range(count))

    async def one_client() -> None:
        for number in numbers:
            started_s = time.perf_counter()
            await client.create(CONFIG_MAPS, named(f"bench-{number}"), "default")
            latencies_s.append(time.perf_counter() - started_s)

    started_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(_CLIENTS):
            group.create_task(one_client())
    elapsed_s = time.perf_counter() - started_s
    return {
        "creates_per_s": round(count / elapsed_s),
        "p50_ms": round(1000 * percentile(latencies_s, 0.5), 2),
        "p99_ms": round(1000 * percentile(latencies_s, 0.99), 2),
    }


async def watchers() -> dict[str, float]:
    """200 watches over https; each must see each of 1,000 creates."""
    async with plane() as each:
        watching = asyncio.create_task(
            _in_process("watch", str(each.kubeconfig), str(_WATCHERS), str(_WRITES))
        )
        client = HttpClient(await load_connection(each.kubeconfig))
        await _until_watched(client)
        before_s = each.cpu_s()
        started_s = time.perf_counter()
        numbers = iter(range(_WRITES))

        async def writer() -> None:
            for number in numbers:
                await client.create(CONFIG_MAPS, named(f"seen-{number}"), "default")

        async with asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(writer())
        written_s = time.perf_counter() - started_s
        seen = json.loads(await watching)
        elapsed_s = time.perf_counter() - started_s
        used_s = each.cpu_s() - before_s
        await client.close()
    return {
        "watchers": _WATCHERS,
        "writes": _WRITES,
        "events_seen": seen["events"],
        "events_missing": _WATCHERS * _WRITES - seen["events"],
        "writing_s": round(written_s, 2),
        "all_seen_after_s": round(elapsed_s, 2),
        "events_per_s": round(seen["events"] / elapsed_s),
        "server_cpu_us_per_event": round(1e6 * used_s / seen["events"], 1),
    }


async def _until_watched(client: HttpClient) -> None:
    """The watching process says with an object of its own that all its watches are open."""
    while True:
        page = await client.list(CONFIG_MAPS, "default")
        if any(item.metadata.name == "watching" for item in page.items):
            return
        await asyncio.sleep(0.05)


async def _in_process(*args: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.api", *args, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output


async def _watch_all(kubeconfig: str, count: int, writes: int) -> dict[str, int]:
    client = HttpClient(await load_connection(Path(kubeconfig)))
    page = await client.list(CONFIG_MAPS, "default")
    opened = asyncio.Semaphore(0)

    async def one_watch() -> int:
        seen = 0
        async with client.watch(
            CONFIG_MAPS, "default", resource_version=page.resource_version
        ) as events:
            opened.release()
            async for event in events:
                if event.object is not None and event.object.metadata.name.startswith("seen-"):
                    seen += 1
                    if seen == writes:
                        return seen
        return seen

    tasks = [asyncio.create_task(one_watch()) for _ in range(count)]
    for _ in range(count):
        await opened.acquire()
    await client.create(CONFIG_MAPS, named("watching"), "default")
    seen = sum(await asyncio.gather(*tasks))
    await client.close()
    return {"events": seen}


async def _child(args: list[str]) -> dict[str, float] | dict[str, int]:
    if args[0] == "watch":
        return await _watch_all(args[1], int(args[2]), int(args[3]))
    client = HttpClient(await load_connection(Path(args[1])))
    try:
        return await create_many(client, int(args[2]))
    finally:
        await client.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_child(sys.argv[1:]))))
