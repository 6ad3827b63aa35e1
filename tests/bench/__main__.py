"""`make bench`: measure what the README claims, and print it as JSON.

Each scenario starts its own control plane in a temporary folder and returns figures with their
units in their names. Progress goes to stderr, the result to stdout:

    python -m tests.bench [SCENARIO]...
"""

import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.bench import (
    api,
    footprint,
    gangs,
    jobs,
    pools,
    scheduling,
    scheduling_end_to_end,
    stages,
    work,
)

Figures = dict[str, Any]

SCENARIOS: dict[str, Callable[[], Awaitable[Figures]]] = {
    "startup": footprint.startup,
    "idle": footprint.idle,
    "creates_https": api.creates_https,
    "creates_local": api.creates_local,
    "create_stages": stages.stages,
    "watchers": api.watchers,
    "scheduling": scheduling.throughput,
    "scheduling_end_to_end": scheduling_end_to_end.end_to_end,
    "gangs": gangs.in_process,
    "gangs_through_api": gangs.through_api,
    "gangs_of_jobs": gangs.of_jobs,
    "jobs": jobs.taken_in,
    "work_queues": work.queues,
    "pool_throughput": pools.throughput,
    "pool_latency": pools.latency,
}


async def main(names: list[str]) -> Figures:
    results: Figures = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
    }
    for name in names or SCENARIOS:
        started_s = time.monotonic()
        print(f"{name} ...", file=sys.stderr, flush=True)
        results[name] = await SCENARIOS[name]()
        print(
            f"{name}: {json.dumps(results[name])} ({time.monotonic() - started_s:.0f} s)",
            file=sys.stderr,
            flush=True,
        )
    return results


if __name__ == "__main__":
    unknown = set(sys.argv[1:]) - set(SCENARIOS)
    if unknown:
        sys.exit(f"error: no such scenario: {', '.join(unknown)}; known: {', '.join(SCENARIOS)}")
    print(json.dumps(asyncio.run(main(sys.argv[1:])), indent=2))
