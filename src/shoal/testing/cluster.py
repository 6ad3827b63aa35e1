"""A cluster in memory: the real API server's handlers over a store that forgets.

No sockets, no scheduler, no agent: whoever needs those starts them on `cluster.client`.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shoal.api.resource import JsonObject
from shoal.apiserver.assembly import assemble
from shoal.apiserver.auth import ServiceAccountTokens
from shoal.apiserver.bootstrap import bootstrap
from shoal.apiserver.core import Core, PodLogs
from shoal.apiserver.custom_cleanup import CustomCleanup
from shoal.apiserver.endpoints import ApiEndpoints
from shoal.apiserver.local import LocalClient
from shoal.apiserver.subresources.logs import NoPodLogs
from shoal.base.clock import Clock, SystemClock
from shoal.client.protocol import Client
from shoal.store.memory import MemoryStore
from shoal.store.protocol import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryCluster:
    client: Client
    core: Core
    endpoints: ApiEndpoints
    clock: Clock


@asynccontextmanager
async def memory_cluster(
    *,
    clock: Clock | None = None,
    store: Store | None = None,
    crds: Iterable[JsonObject] = (),
    pod_logs: PodLogs | None = None,
    seed: int = 0,
) -> AsyncGenerator[MemoryCluster]:
    """A bootstrapped cluster. Pass a VirtualClock to hold time still."""
    clock = clock or SystemClock()
    core = assemble(
        store or MemoryStore(),
        clock=clock,
        rng=random.Random(seed),
        pod_logs=pod_logs or NoPodLogs(),
        tokens=ServiceAccountTokens(b"test" * 8, clock),
    )
    endpoints = ApiEndpoints(core)
    client = LocalClient(core, endpoints)
    cleanup = asyncio.create_task(CustomCleanup(core).run())
    try:
        await bootstrap(client, crds)
        yield MemoryCluster(client=client, core=core, endpoints=endpoints, clock=clock)
    finally:
        core.streams.close()
        cleanup.cancel()
        await asyncio.gather(cleanup, return_exceptions=True)
        await core.store.close()
