"""The embedded server in this process, on SQLite, without HTTP."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from shoal.admission.built_in import VolcanoAdmission
from shoal.apiserver.assembly import assemble
from shoal.apiserver.auth import ServiceAccountTokens
from shoal.apiserver.bootstrap import bootstrap
from shoal.apiserver.core import NoMetrics
from shoal.apiserver.endpoints import ApiEndpoints
from shoal.apiserver.local import LocalClient
from shoal.apiserver.schema.pod_templates import pod_template_causes
from shoal.apiserver.stored_objects import StoredObjects
from shoal.apiserver.subresources.logs import NoPodLogs
from shoal.base.clock import SystemClock
from shoal.store.sqlite import SqliteStore


@asynccontextmanager
async def embedded_client(folder: Path) -> AsyncIterator[LocalClient]:
    """A local client over a durable store in `folder`."""
    clock = SystemClock()
    store = await SqliteStore.open(folder / "store.db", clock=clock)
    core = assemble(
        store,
        clock=clock,
        rng=random.Random(),
        pod_logs=NoPodLogs(),
        tokens=ServiceAccountTokens(b"bench" * 8, clock),
        admission=VolcanoAdmission(StoredObjects(store), pod_template_causes),
    )
    client = LocalClient(core, ApiEndpoints(core, NoMetrics()))
    try:
        await bootstrap(client)
        yield client
    finally:
        core.streams.close()
        await store.close()
