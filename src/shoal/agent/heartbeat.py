"""Register virtual nodes and keep them looking alive: their Leases every 10 s, their whole
status every 5 minutes."""

from collections.abc import Sequence
from datetime import datetime

from shoal.agent.node_context import NodeConfig, PodNetworkFacts
from shoal.agent.node_status import (
    LEASE_NAMESPACE,
    MachineFacts,
    lease_body,
    lease_spec,
    node_labels,
    node_status,
)
from shoal.agent.runtime.protocol import Capabilities
from shoal.api.core import LEASES
from shoal.api.node import NODES, Node
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.protocol import Client, PatchType

RENEW_S = 10.0
STATUS_S = 300.0


class Heartbeat:
    def __init__(
        self,
        client: Client,
        clock: Clock,
        nodes: Sequence[NodeConfig],
        capabilities: Capabilities,
        machine: MachineFacts,
        host_ip: str,
        network: PodNetworkFacts,
    ) -> None:
        self._client = client
        self._clock = clock
        self._nodes = nodes
        self._capabilities = capabilities
        self._machine = machine
        self._host_ip = host_ip
        self._network = network

    async def run(self) -> None:
        """Returns only when cancelled; raises ApiError and ConnectionFailed."""
        while True:
            registered = [await self._register(node) for node in self._nodes]
            told_at_s = self._clock.monotonic()
            while self._clock.monotonic() - told_at_s < STATUS_S:
                for node in registered:
                    await self._renew(node)
                await self._clock.sleep(RENEW_S)

    async def _register(self, config: NodeConfig) -> Node:
        """Make the Node, or tell again what it is."""
        now = self._clock.now()
        labels = node_labels(config, self._capabilities, self._machine)
        try:
            node = await self._client.get(NODES, config.name)
        except ApiError as error:
            if not error.is_not_found:
                raise
            # With its status, so that nobody sees a node that offers nothing yet.
            status = self._status(config, None, now)
            body = {**_node_body(config, labels), "status": status}
            return await self._client.create(NODES, body)
        if any(node.metadata.labels.get(name) != text for name, text in labels.items()):
            patch = {"metadata": {"labels": labels}}
            node = await self._client.patch(NODES, config.name, patch)
        status = self._status(config, node, now)
        return await self._client.patch(
            NODES,
            config.name,
            {"status": status},
            type=PatchType.STRATEGIC,
            subresource="status",
        )

    def _status(self, config: NodeConfig, before: Node | None, now: datetime) -> JsonObject:
        return node_status(
            config,
            self._machine,
            self._capabilities,
            self._host_ip,
            self._network,
            before,
            now,
        )

    async def _renew(self, node: Node) -> None:
        now = self._clock.now()
        patch = {"spec": lease_spec(node.metadata.name, now)}
        try:
            await self._client.patch(LEASES, node.metadata.name, patch, LEASE_NAMESPACE)
        except ApiError as error:
            if not error.is_not_found:
                raise
            await self._client.create(LEASES, lease_body(node, now), LEASE_NAMESPACE)


def _node_body(config: NodeConfig, labels: JsonObject) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": config.name, "labels": labels},
    }
