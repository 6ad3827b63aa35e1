"""A whole cluster in one process: every part is made here, and handed what it needs.

    SqliteStore <- apiserver core <- LocalClient <- scheduler, controllers, agent
                                  <- ApiServer (https)

Start order: runtime and network of pods, store, must-exist objects, server, then the parts, which
wait for their informers by themselves. Stop order: parts, server (ends open
watches), store (waits for queued writes).
Containers go on, and the proxy of Services with them; the next start finds them again.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from shoal.agent.addresses import PodAddresses
from shoal.agent.agent import Agent
from shoal.agent.checks import Checks
from shoal.agent.environment import ApiEndpoint
from shoal.agent.former_nodes import remove_former_nodes
from shoal.agent.machine import read_machine, read_resources
from shoal.agent.node_context import NodeConfig, NodeContext
from shoal.agent.pod_events import PodEvents
from shoal.agent.pod_logs import AgentPodLogs
from shoal.agent.reference_reader import ReferenceReader
from shoal.agent.runtime.probing import Choice, RuntimeChooser
from shoal.agent.runtime.protocol import ContainerKey
from shoal.api.pod import PODS
from shoal.apiserver.custom_cleanup import CustomCleanup
from shoal.base.clock import Clock
from shoal.client.http_session import HttpSession
from shoal.client.protocol import Client
from shoal.controllers.ploto.webhook import HttpAdviser
from shoal.standalone.api import ServedApi, served_api
from shoal.standalone.config import Settings
from shoal.standalone.hidden_files import host_view
from shoal.standalone.images import own_images
from shoal.standalone.leftovers import proxy_for_pods
from shoal.standalone.metrics import Metrics, Parts
from shoal.standalone.ploto_server import ploto_served
from shoal.standalone.pod_network import PodNetwork, pod_network
from shoal.standalone.published_configuration import publish
from shoal.standalone.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlane:
    """A running one."""

    client: Client
    url: str
    kubeconfig: Path
    runtime: str
    """Which runtime and limits were found, in one sentence."""
    count_running_pods: Callable[[], int]


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
    pod_logs = AgentPodLogs(settings.data_dir / "pods", clock, is_running)
    async with AsyncExitStack() as stack:
        machine = await _machine(stack, settings, clock)
        api = await stack.enter_async_context(
            served_api(settings, machine.network.plan, pod_logs, metrics, clock)
        )
        session = await stack.enter_async_context(HttpSession())
        services = Services(api.client, clock)
        own_nodes = nodes(settings)
        await remove_former_nodes(api.client, [node.name for node in own_nodes])
        context = _node_context(
            settings, machine, api, services, Checks(machine.choice.runtime, session, clock), clock
        )
        pods = services.informers.informer(PODS)
        agent = running["agent"] = Agent(context, own_nodes, read_machine(), pods)
        proxy = await stack.enter_async_context(proxy_for_pods(settings.data_dir))
        # Before the proxy's end is decided: which launches are under way is then known.
        stack.push_async_callback(machine.choice.runtime.close)
        services.add_service_proxy(proxy, machine.network.plan.host)
        await _add_parts(
            stack, settings, machine.network.plan.host, api, session, services, metrics
        )
        await stack.enter_async_context(services.running())
        await stack.enter_async_context(_running(agent))
        yield ControlPlane(
            client=api.client,
            url=api.url,
            kubeconfig=settings.kubeconfig,
            runtime=f"{machine.choice.sentence}; {machine.network.sentence}",
            count_running_pods=agent.count_running_pods,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Machine:
    """What this machine allows to pods."""

    choice: Choice
    network: PodNetwork


async def _machine(stack: AsyncExitStack, settings: Settings, clock: Clock) -> _Machine:
    choice = await RuntimeChooser(clock).choose(
        settings.runtime, settings.data_dir / "pods", host_view(settings)
    )
    network = await stack.enter_async_context(
        pod_network(settings.data_dir, settings.network, choice.network_refusal)
    )
    stack.push_async_callback(choice.runtime.close)
    if network.namespaces is not None:
        choice.runtime.connect(network.namespaces)
    return _Machine(choice=choice, network=network)


def _node_context(
    settings: Settings,
    machine: _Machine,
    api: ServedApi,
    services: Services,
    checks: Checks,
    clock: Clock,
) -> NodeContext:
    runtime, plan = machine.choice.runtime, machine.network.plan
    needs_kubeconfig = not runtime.capabilities.isolates_mounts
    own = own_images(settings.kubeconfig if needs_kubeconfig else None)
    return NodeContext(
        client=api.client,
        runtime=runtime,
        clock=clock,
        references=ReferenceReader(api.client),
        names=services.service_names(plan.host),
        checks=checks,
        record=PodEvents(services.recorder_of("kubelet")).record,
        pods_dir=settings.data_dir / "pods",
        addresses=PodAddresses(str(settings.data_dir), plan),
        images=[*settings.images, *own],
        api=ApiEndpoint(host=plan.host, port=api.port),
        ca_pem=api.authority_pem,
        host_ip=plan.host,
        network=machine.network.facts,
    )


async def _add_parts(
    stack: AsyncExitStack,
    settings: Settings,
    host_ip: str,
    api: ServedApi,
    session: HttpSession,
    services: Services,
    metrics: Metrics,
) -> None:
    """Scheduler and controllers, and what shows them to whoever measures. `host_ip` is
    where pods reach this machine."""
    conf = settings.volcano_conf
    scheduler = services.add_scheduler(settings.scheduler, settings.scheduling, session, conf)
    await publish(
        api.client,
        settings.scheduling.text if settings.scheduling else None,
        conf.text if conf else None,
    )
    pools = services.add_executor_pools(HttpAdviser(api.client, session), settings.ploto)
    families = (
        services.add_kube_controllers(settings.data_dir.absolute() / "volumes"),
        services.add_volcano_controllers(settings.volcano),
        pools,
        services.add_workers(session, settings.data_dir, host_ip),
    )
    services.add("cleanup of custom kinds", CustomCleanup(api.core).run)
    controllers = [each for family in families for each in family.controllers]
    metrics.show(Parts(api.core, scheduler, controllers, pools.roster))
    await stack.enter_async_context(ploto_served(settings.ploto, metrics, pools.is_at_work))


@asynccontextmanager
async def _running(agent: Agent) -> AsyncGenerator[None]:
    """An agent cannot be run twice over the same containers: where it fails, all ends."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(agent.run())
        yield
        task.cancel()


def nodes(settings: Settings) -> list[NodeConfig]:
    """One node bears the machine's name; several are numbered."""
    resources = {**read_resources(settings.data_dir), **settings.node_resources}
    name = socket.gethostname().split(".")[0].lower() or "shoal"
    if settings.nodes == 1:
        return [NodeConfig(name=name, resources=resources)]
    return [NodeConfig(name=f"{name}-{i}", resources=resources) for i in range(settings.nodes)]
