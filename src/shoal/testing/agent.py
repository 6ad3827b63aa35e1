"""A node agent on a fake machine: pods that are bound to it run without processes.

`fake_machine_agent` starts one on a cluster; leave the block and enter a new one on the same
machine to see what a restart of the agent does.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from shoal.agent.addresses import PodAddresses
from shoal.agent.agent import Agent
from shoal.agent.checks import Checks
from shoal.agent.environment import ApiEndpoint
from shoal.agent.images import ImageMapping
from shoal.agent.node_context import NodeConfig, NodeContext
from shoal.agent.node_status import MachineFacts
from shoal.agent.pod_events import PodEvents
from shoal.agent.reference_reader import ReferenceReader
from shoal.agent.service_names import ServiceNames
from shoal.api.core import ENDPOINTS, SERVICES
from shoal.api.pod import PODS
from shoal.client.events import EventRecorder
from shoal.client.http_session import HttpSession
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.testing.runtime import FakeMachine, FakeRuntime

NODE = NodeConfig(name="node-0", resources={"cpu": "4", "memory": "8Gi", "pods": "110"})
MACHINE = MachineFacts(
    machine_id="m", boot_id="b", kernel_version="6", os_image="Test", architecture="amd64"
)


@asynccontextmanager
async def fake_machine_agent(
    client: Client,
    machine: FakeMachine,
    pods_dir: Path,
    *,
    nodes: Sequence[NodeConfig] = (NODE,),
    images: Sequence[ImageMapping] = (),
) -> AsyncGenerator[Agent]:
    """A running agent for `nodes`."""
    clock = machine.clock
    runtime = FakeRuntime(machine)
    recorder = EventRecorder(client, "kubelet", clock)
    informers = InformerSet(client, clock, random.Random(0))
    names = ServiceNames(informers.informer(SERVICES), informers.informer(ENDPOINTS))
    async with HttpSession() as session:
        context = NodeContext(
            client=client,
            runtime=runtime,
            clock=clock,
            references=ReferenceReader(client),
            names=names,
            checks=Checks(runtime, session, clock),
            record=PodEvents(recorder).record,
            pods_dir=pods_dir,
            addresses=PodAddresses(),
            images=images,
            api=ApiEndpoint(host="127.0.0.1", port=6443),
            ca_pem=b"CA",
        )
        agent = Agent(context, nodes, MACHINE, informers.informer(PODS))
        tasks = [
            asyncio.ensure_future(run)
            for run in (recorder.run(), informers.run(), names.run(clock), agent.run())
        ]
        try:
            yield agent
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await runtime.close()
