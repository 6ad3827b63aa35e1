"""A whole cluster in one process: every part is made here, and handed what it needs.

    SqliteStore <- apiserver core <- LocalClient <- scheduler, controllers, agent
                                  <- ApiServer (https)

Start order: runtime and network of pods, store, must-exist objects, server, then the parts, which
wait for their informers by themselves. Stop order: parts, server (ends open
watches), store (waits for queued writes).
Containers go on; the next start finds them again.
"""

import asyncio
import random
import secrets
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from shoal.admission.built_in import VolcanoAdmission
from shoal.agent.addresses import PodAddresses
from shoal.agent.agent import Agent
from shoal.agent.checks import Checks
from shoal.agent.environment import ApiEndpoint
from shoal.agent.former_nodes import remove_former_nodes
from shoal.agent.machine import read_machine, read_resources
from shoal.agent.network.layout import AddressPlan
from shoal.agent.node_context import NodeConfig, NodeContext, PodNetworkFacts
from shoal.agent.pod_events import PodEvents
from shoal.agent.pod_logs import AgentPodLogs
from shoal.agent.reference_reader import ReferenceReader
from shoal.agent.runtime.probing import RuntimeChooser
from shoal.agent.runtime.protocol import ContainerKey
from shoal.api.crds import all_crds
from shoal.api.pod import PODS
from shoal.apiserver.assembly import assemble
from shoal.apiserver.auth import Authenticator, ServiceAccountTokens
from shoal.apiserver.bootstrap import bootstrap, publish_server
from shoal.apiserver.certificates import ensure_certificates
from shoal.apiserver.core import Core, MetricsSource
from shoal.apiserver.custom_cleanup import CustomCleanup
from shoal.apiserver.endpoints import ApiEndpoints
from shoal.apiserver.kubeconfig import write_kubeconfig
from shoal.apiserver.local import LocalClient
from shoal.apiserver.private_files import read_or_write_private
from shoal.apiserver.schema.pod_templates import pod_template_causes
from shoal.apiserver.server import ApiServer
from shoal.apiserver.service_addresses import ServiceAddresses
from shoal.apiserver.stored_objects import StoredObjects
from shoal.base.clock import Clock
from shoal.client.http_session import HttpSession
from shoal.client.protocol import Client
from shoal.controllers.ploto.webhook import HttpAdviser
from shoal.standalone.config import Settings
from shoal.standalone.images import own_images
from shoal.standalone.metrics import Metrics, Parts
from shoal.standalone.ploto_server import ploto_served
from shoal.standalone.pod_network import pod_network
from shoal.standalone.published_configuration import publish
from shoal.standalone.services import Services
from shoal.store.sqlite import SqliteStore

HOST = "127.0.0.1"
_API_SERVICE_PORT = 443
"""Of the Service `kubernetes`; only root may listen there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """A running one."""

    client: Client
    url: str
    kubeconfig: Path
    runtime: str
    """Which runtime and limits were found, in one sentence."""
    count_running_pods: Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    core: Core
    client: LocalClient
    url: str
    port: int
    authority_pem: bytes


@asynccontextmanager
async def control_plane(settings: Settings, clock: Clock) -> AsyncGenerator[ControlPlane]:
    """A control plane that answers and whose parts run. Raises OSError where the port is taken,
    ConfigError where one of shoal.yaml is, StoreUnusable where the data cannot be used,
    RuntimeUnavailableError where this machine does not allow the runtime that was asked for."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    running: dict[str, Agent] = {}

    def is_running(key: ContainerKey) -> bool:
        # The agent comes up after the server that asks for its logs.
        return any(agent.is_running(key) for agent in running.values())

    metrics = Metrics()
    pods_dir = settings.data_dir / "pods"
    async with AsyncExitStack() as stack:
        pod_logs = AgentPodLogs(pods_dir, clock, is_running)
        choosing = RuntimeChooser(clock).choose(settings.runtime, pods_dir)
        choice = await choosing
        network = await stack.enter_async_context(
            pod_network(settings.data_dir, settings.network, choice.network_refusal)
        )
        stack.push_async_callback(choice.runtime.close)
        if network.namespaces is not None:
            choice.runtime.connect(network.namespaces)
        plan = network.plan
        server = await stack.enter_async_context(_served(settings, plan, pod_logs, metrics, clock))
        session = await stack.enter_async_context(HttpSession())
        services = Services(server.client, clock)
        needs_kubeconfig = not choice.runtime.capabilities.isolates_mounts
        own = own_images(settings.kubeconfig if needs_kubeconfig else None)
        context = NodeContext(
            client=server.client,
            runtime=choice.runtime,
            clock=clock,
            references=ReferenceReader(server.client),
            names=services.service_names(plan.host),
            checks=Checks(choice.runtime, session, clock),
            record=PodEvents(services.recorder_of("kubelet")).record,
            pods_dir=pods_dir,
            addresses=PodAddresses(str(settings.data_dir), plan),
            images=[*settings.images, *own],
            api=ApiEndpoint(host=plan.host, port=server.port),
            ca_pem=server.authority_pem,
            host_ip=plan.host,
            network=PodNetworkFacts(
                is_isolated=network.namespaces is not None, sentence=network.sentence
            ),
        )
        pods = services.informers.informer(PODS)
        own_nodes = nodes(settings)
        await remove_former_nodes(server.client, [node.name for node in own_nodes])
        agent = running["agent"] = Agent(context, own_nodes, read_machine(), pods)
        volcano = settings.volcano_conf
        scheduler = services.add_scheduler(
            settings.scheduler, settings.scheduling, session, volcano
        )
        await publish(
            server.client,
            settings.scheduling.text if settings.scheduling else None,
            volcano.text if volcano else None,
        )
        services.add_service_proxy(plan.host)
        kube = services.add_kube_controllers(settings.data_dir.absolute() / "volumes")
        volcano = services.add_volcano_controllers(settings.volcano)
        pools = services.add_executor_pools(HttpAdviser(server.client, session), settings.ploto)
        workers = services.add_workers(session, settings.data_dir)
        services.add("cleanup of custom kinds", CustomCleanup(server.core).run)
        families = (kube, volcano, pools, workers)
        controllers = [each for family in families for each in family.controllers]
        metrics.show(Parts(server.core, scheduler, controllers, pools.roster))
        await stack.enter_async_context(ploto_served(settings.ploto, metrics, pools.is_at_work))
        await stack.enter_async_context(services.running())
        await stack.enter_async_context(_running(agent))
        yield ControlPlane(
            client=server.client,
            url=server.url,
            kubeconfig=settings.kubeconfig,
            runtime=f"{choice.sentence}; {network.sentence}",
            count_running_pods=agent.count_running_pods,
        )


@asynccontextmanager
async def _served(
    settings: Settings,
    plan: AddressPlan,
    pod_logs: AgentPodLogs,
    metrics: MetricsSource,
    clock: Clock,
) -> AsyncGenerator[_Server]:
    """Store and API server, with the objects that must exist, and the kubeconfig written."""
    secrets_dir = settings.data_dir / "pki"
    secrets_dir.mkdir(exist_ok=True, mode=0o700)
    addresses = ServiceAddresses(plan.services)
    own = [plan.host, addresses.of_server]
    files = ensure_certificates(secrets_dir, clock.now(), own)
    admin_token = read_or_write_private(secrets_dir / "admin-token", _make_token).decode()
    signing_key = read_or_write_private(secrets_dir / "signing-key", lambda: secrets.token_bytes())
    tokens = ServiceAccountTokens(signing_key, clock)
    store = await SqliteStore.open(settings.data_dir / "store.db", clock=clock)
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
            yield _Server(
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


@asynccontextmanager
async def _running(agent: Agent) -> AsyncGenerator[None]:
    """An agent cannot be run twice over the same containers: where it fails, all ends."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(agent.run())
        yield
        task.cancel()


def _make_token() -> bytes:
    return secrets.token_urlsafe(32).encode()


def nodes(settings: Settings) -> list[NodeConfig]:
    """One node bears the machine's name; several are numbered."""
    resources = {**read_resources(settings.data_dir), **settings.node_resources}
    name = socket.gethostname().split(".")[0].lower() or "shoal"
    if settings.nodes == 1:
        return [NodeConfig(name=name, resources=resources)]
    return [NodeConfig(name=f"{name}-{i}", resources=resources) for i in range(settings.nodes)]
