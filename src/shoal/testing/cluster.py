"""A cluster in memory: the real API server's handlers over a store that forgets.

No scheduler, no agent: whoever needs those starts them on `cluster.client`. `memory_cluster`
opens no sockets; `https_cluster` serves the same on a free port, with a kubeconfig.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from shoal.admission.built_in import VolcanoAdmission
from shoal.api.resource import JsonObject
from shoal.apiserver.assembly import assemble
from shoal.apiserver.auth import Authenticator, ServiceAccountTokens
from shoal.apiserver.bootstrap import bootstrap
from shoal.apiserver.certificates import ensure_certificates
from shoal.apiserver.core import Core, NoMetrics, PodLogs
from shoal.apiserver.custom_cleanup import CustomCleanup
from shoal.apiserver.endpoints import ApiEndpoints
from shoal.apiserver.kubeconfig import write_kubeconfig
from shoal.apiserver.local import LocalClient
from shoal.apiserver.schema.pod_templates import pod_template_causes
from shoal.apiserver.server import ApiServer
from shoal.apiserver.stored_objects import StoredObjects
from shoal.apiserver.subresources.logs import NoPodLogs
from shoal.base.clock import Clock, SystemClock
from shoal.client.protocol import Client
from shoal.store.memory import MemoryStore
from shoal.store.protocol import Store

_TOKEN_KEY = b"test" * 8


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
    has_admission: bool = True,
) -> AsyncGenerator[MemoryCluster]:
    """A bootstrapped cluster. Pass a VirtualClock to hold time still. Without admission objects
    come in as where its webhooks are down."""
    clock = clock or SystemClock()
    store = store or MemoryStore()
    admission = VolcanoAdmission(StoredObjects(store), pod_template_causes)
    core = assemble(
        store,
        clock=clock,
        rng=random.Random(seed),
        pod_logs=pod_logs or NoPodLogs(),
        tokens=ServiceAccountTokens(_TOKEN_KEY, clock),
        admission=admission if has_admission else None,
    )
    endpoints = ApiEndpoints(core, NoMetrics())
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


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpsCluster:
    cluster: MemoryCluster
    server: ApiServer
    url: str
    token: str
    """The administrator's."""
    authority: Path
    """PEM file of who signed the server's certificate."""
    kubeconfig: Path


@asynccontextmanager
async def https_cluster(
    directory: Path,
    *,
    clock: Clock | None = None,
    store: Store | None = None,
    crds: Iterable[JsonObject] = (),
    pod_logs: PodLogs | None = None,
) -> AsyncGenerator[HttpsCluster]:
    """`directory` gets certificates and the kubeconfig; use an empty one."""
    async with memory_cluster(clock=clock, store=store, crds=crds, pod_logs=pod_logs) as cluster:
        token = "test-admin-token"
        files = ensure_certificates(directory / "pki", SystemClock().now())
        authenticator = Authenticator(token, ServiceAccountTokens(_TOKEN_KEY, cluster.clock))
        server = ApiServer(cluster.core, cluster.endpoints, authenticator, files)
        await server.start()
        kubeconfig = directory / "kubeconfig"
        write_kubeconfig(kubeconfig, server.url, files.authority.read_bytes(), token)
        try:
            yield HttpsCluster(
                cluster=cluster,
                server=server,
                url=server.url,
                token=token,
                authority=files.authority,
                kubeconfig=kubeconfig,
            )
        finally:
            await server.stop()
