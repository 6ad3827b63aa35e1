"""The other core kinds that Shoal reads. Source of the fields: Kubernetes v1.36, core/v1,
coordination/v1, scheduling/v1."""

from datetime import datetime
from enum import StrEnum

import msgspec

from shoal.api.meta import ApiStruct, Condition, Object, ObjectReference
from shoal.api.pod import IntOrString, ResourceMap
from shoal.api.resource import Resource


class NamespaceSpec(ApiStruct):
    finalizers: list[str] = []


class NamespaceStatus(ApiStruct):
    phase: str = ""
    conditions: list[Condition] = []


class Namespace(Object):
    spec: NamespaceSpec = NamespaceSpec()
    status: NamespaceStatus = NamespaceStatus()


class ConfigMap(Object):
    data: dict[str, str] = {}
    binary_data: dict[str, str] = {}


class Secret(Object):
    """`data` is base64 text, as on the wire."""

    data: dict[str, str] = {}
    type: str = ""


class ServiceAccount(Object):
    automount_service_account_token: bool | None = None


class ServicePort(ApiStruct):
    port: int
    name: str = ""
    protocol: str = "TCP"
    target_port: IntOrString | None = None
    node_port: int = 0


class ServiceSpec(ApiStruct):
    selector: dict[str, str] = {}
    ports: list[ServicePort] = []
    cluster_ip: str = msgspec.field(name="clusterIP", default="")
    type: str = "ClusterIP"
    publish_not_ready_addresses: bool = False
    session_affinity: str = "None"
    session_affinity_config: dict[str, dict[str, int]] = {}
    external_name: str = ""
    allocate_load_balancer_node_ports: bool = True


class Service(Object):
    spec: ServiceSpec = ServiceSpec()


class ReplicationControllerSpec(ApiStruct):
    selector: dict[str, str] = {}


class ReplicationController(Object):
    spec: ReplicationControllerSpec = ReplicationControllerSpec()


class EndpointAddress(ApiStruct):
    ip: str
    hostname: str = ""
    node_name: str | None = None
    target_ref: ObjectReference | None = None


class EndpointPort(ApiStruct):
    port: int
    name: str = ""
    protocol: str = "TCP"


class EndpointSubset(ApiStruct):
    addresses: list[EndpointAddress] = []
    not_ready_addresses: list[EndpointAddress] = []
    ports: list[EndpointPort] = []


class Endpoints(Object):
    subsets: list[EndpointSubset] = []


class EventType(StrEnum):
    """Whether an Event tells of something that needs attention."""

    NORMAL = "Normal"
    WARNING = "Warning"


class EventSource(ApiStruct):
    component: str = ""
    host: str = ""


class Event(Object):
    involved_object: ObjectReference = ObjectReference()
    reason: str = ""
    message: str = ""
    type: str = ""
    count: int = 0
    source: EventSource = EventSource()
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None


class LeaseSpec(ApiStruct):
    holder_identity: str = ""
    lease_duration_seconds: int = 0
    lease_transitions: int = 0
    acquire_time: datetime | None = None
    renew_time: datetime | None = None


class Lease(Object):
    spec: LeaseSpec = LeaseSpec()


class PriorityClass(Object):
    value: int = 0
    global_default: bool = False
    preemption_policy: str = "PreemptLowerPriority"


class ScopeRequirement(ApiStruct):
    scope_name: str
    operator: str
    values: list[str] = []


class ScopeSelector(ApiStruct):
    match_expressions: list[ScopeRequirement] = []


class ResourceQuotaSpec(ApiStruct):
    hard: ResourceMap = {}
    scopes: list[str] = []
    scope_selector: ScopeSelector | None = None


class ResourceQuotaStatus(ApiStruct):
    hard: ResourceMap = {}
    used: ResourceMap = {}


class ResourceQuota(Object):
    """How much the objects of its namespace may take together."""

    spec: ResourceQuotaSpec = ResourceQuotaSpec()
    status: ResourceQuotaStatus = ResourceQuotaStatus()


class LimitRangeItem(ApiStruct):
    type: str
    max: ResourceMap = {}
    min: ResourceMap = {}
    default: ResourceMap = {}
    default_request: ResourceMap = {}
    max_limit_request_ratio: ResourceMap = {}


class LimitRangeSpec(ApiStruct):
    limits: list[LimitRangeItem] = []


class LimitRange(Object):
    """How much each container, pod or claim of its namespace may take."""

    spec: LimitRangeSpec = LimitRangeSpec()


NAMESPACES: Resource[Namespace] = Resource(
    "", "v1", "namespaces", "Namespace", Namespace, namespaced=False
)
CONFIG_MAPS: Resource[ConfigMap] = Resource("", "v1", "configmaps", "ConfigMap", ConfigMap)
SECRETS: Resource[Secret] = Resource("", "v1", "secrets", "Secret", Secret)
SERVICE_ACCOUNTS: Resource[ServiceAccount] = Resource(
    "", "v1", "serviceaccounts", "ServiceAccount", ServiceAccount
)
RESOURCE_QUOTAS: Resource[ResourceQuota] = Resource(
    "", "v1", "resourcequotas", "ResourceQuota", ResourceQuota
)
LIMIT_RANGES: Resource[LimitRange] = Resource("", "v1", "limitranges", "LimitRange", LimitRange)
SERVICES: Resource[Service] = Resource("", "v1", "services", "Service", Service)
REPLICATION_CONTROLLERS: Resource[ReplicationController] = Resource(
    "", "v1", "replicationcontrollers", "ReplicationController", ReplicationController
)
ENDPOINTS: Resource[Endpoints] = Resource("", "v1", "endpoints", "Endpoints", Endpoints)
EVENTS: Resource[Event] = Resource("", "v1", "events", "Event", Event)
LEASES: Resource[Lease] = Resource("coordination.k8s.io", "v1", "leases", "Lease", Lease)
PRIORITY_CLASSES: Resource[PriorityClass] = Resource(
    "scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", PriorityClass, namespaced=False
)
