"""Nodes, as far as Shoal reads them. Source of the fields: Kubernetes v1.36, core/v1."""

from datetime import datetime

from shoal.api.meta import ApiStruct, Condition, Object
from shoal.api.pod import ResourceMap
from shoal.api.resource import Resource


class Taint(ApiStruct):
    key: str
    effect: str
    value: str = ""
    time_added: datetime | None = None


class NodeSpec(ApiStruct):
    unschedulable: bool = False
    taints: list[Taint] = []
    provider_id: str = ""


class NodeAddress(ApiStruct):
    type: str
    address: str


class ContainerImage(ApiStruct):
    names: list[str] = []
    size_bytes: int = 0


class NodeStatus(ApiStruct):
    capacity: ResourceMap = {}
    allocatable: ResourceMap = {}
    conditions: list[Condition] = []
    addresses: list[NodeAddress] = []
    images: list[ContainerImage] = []


class Node(Object):
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


NODES: Resource[Node] = Resource("", "v1", "nodes", "Node", Node, namespaced=False)
