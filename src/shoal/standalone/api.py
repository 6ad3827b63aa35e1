"""Store and API server of `shoal up`: what all other parts talk to.

The objects that must exist are there before anybody may ask, and the kubeconfig is written when
the address is known.
"""

import random
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shoal.admission.built_in import VolcanoAdmission
from shoal.agent.network.layout import AddressPlan
from shoal.api.crds import all_crds
from shoal.apiserver.assembly import assemble
from shoal.apiserver.auth import Authenticator, ServiceAccountTokens
from shoal.apiserver.bootstrap import bootstrap, publish_server
from shoal.apiserver.certificates import ensure_certificates
from shoal.apiserver.core import Core, MetricsSource, PodLogs
from shoal.apiserver.endpoints import ApiEndpoints
from shoal.apiserver.kubeconfig import write_kubeconfig
from shoal.apiserver.local import LocalClient
from shoal.apiserver.private_files import read_or_write_private
from shoal.apiserver.schema.pod_templates import pod_template_causes
from shoal.apiserver.server import ApiServer
from shoal.apiserver.service_addresses import ServiceAddresses
from shoal.apiserver.stored_objects import StoredObjects
from shoal.base.clock import Clock
from shoal.standalone.config import STORE_FILE, Settings
from shoal.store.sqlite import SqliteStore

HOST = "127.0.0.1"
_API_SERVICE_PORT = 443
"""Of the Service `kubernetes`; only root may listen there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedApi:
    """A running API server."""

    core: Core
    client: LocalClient
    url: str
    port: int
    authority_pem: bytes


@asynccontextmanager
async def served_api(
    settings: Settings,
    plan: AddressPlan,
    pod_logs: PodLogs,
    metrics: MetricsSource,
    clock: Clock,
) -> AsyncGenerator[ServedApi]:
    """Store and API server, with the objects that must exist, and the kubeconfig written."""
    secrets_dir = settings.data_dir / "pki"
    secrets_dir.mkdir(exist_ok=True, mode=0o700)
    addresses = ServiceAddresses(plan.services)
    own = [plan.host, addresses.of_server]
    files = ensure_certificates(secrets_dir, clock.now(), own)
    admin_token = read_or_write_private(secrets_dir / "admin-token", _make_token).decode()
    signing_key = read_or_write_private(secrets_dir / "signing-key", lambda: secrets.token_bytes())
    tokens = ServiceAccountTokens(signing_key, clock)
    store = await SqliteStore.open(settings.data_dir / STORE_FILE, clock=clock)
    try:
        await addresses.move_services(store)
        core = assemble(
            store,
            clock=clock,
            rng=random.SystemRandom(),
            pod_logs=pod_logs,
            tokens=tokens,
            admission=VolcanoAdmission(StoredObjects(store), pod_template_causes),
            service_addresses=addresses,
        )
        endpoints = ApiEndpoints(core, metrics)
        client = LocalClient(core, endpoints)
        await bootstrap(client, all_crds())
        authenticator = Authenticator(admin_token, tokens)
        more = [(addresses.of_server, _API_SERVICE_PORT)]
        if plan.host != HOST:
            more.append((plan.host, 0))
        server = ApiServer(
            core, endpoints, authenticator, files, host=HOST, port=settings.port, more=more
        )
        await server.start()
        port = int(server.url.rpartition(":")[2])
        try:
            await publish_server(client, plan.host, port, addresses.of_server)
            authority_pem = files.authority.read_bytes()
            settings.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
            write_kubeconfig(settings.kubeconfig, server.url, authority_pem, admin_token)
            yield ServedApi(
                core=core,
                client=client,
                url=server.url,
                port=port,
                authority_pem=authority_pem,
            )
        finally:
            await server.stop()
    finally:
        await store.close()


def _make_token() -> bytes:
    return secrets.token_urlsafe(32).encode()
