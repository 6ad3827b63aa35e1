"""What the workers of all pods share: collaborators, and facts of the node."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shoal.agent.addresses import HOST_IP, PodAddresses
from shoal.agent.checks import Checks
from shoal.agent.environment import ApiEndpoint
from shoal.agent.images import ImageMapping
from shoal.agent.lifecycle.messages import RecordEvent
from shoal.agent.reference_reader import ReferenceReader
from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.protocol import Runtime
from shoal.agent.service_names import ServiceNames
from shoal.api.pod import Pod, ResourceMap
from shoal.base.clock import Clock
from shoal.client.protocol import Client

# More starts at once than this only make each other slower.
MAX_STARTS = 8

EventSink = Callable[[Pod, RecordEvent], None]
"""Tells people about a pod; never waits, never fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """One virtual node."""

    name: str
    resources: ResourceMap
    """What it offers, by resource name: cpu, memory, and whatever else is counted."""
    labels: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class PodNetworkFacts:
    """How the pods of the node are connected."""

    is_isolated: bool = False
    """Each has a network namespace of its own."""
    sentence: str = "pods share the network of the machine"
    """For people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeContext:
    """What every pod worker of the node uses; nothing of it belongs to one pod."""

    client: Client
    runtime: Runtime
    clock: Clock
    references: ReferenceReader
    names: ServiceNames
    checks: Checks
    record: EventSink
    pods_dir: Path
    addresses: PodAddresses
    images: Sequence[ImageMapping]
    api: ApiEndpoint
    ca_pem: bytes
    starts: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_STARTS))
    """Bounds how many pods are set up and containers started at the same time."""
    host_ip: str = HOST_IP
    """Where pods reach the machine."""
    network: PodNetworkFacts = PodNetworkFacts()

    def paths(self, pod_uid: str) -> PodPaths:
        return PodPaths(self.pods_dir, pod_uid)
