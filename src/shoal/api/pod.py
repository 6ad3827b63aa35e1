"""Pods, as far as Shoal and the plugins of its scheduler read them.

Source of the fields: Kubernetes v1.36, core/v1.
"""

from datetime import datetime

import msgspec

from shoal.api.downward import ObjectFieldSelector, ResourceFieldSelector
from shoal.api.meta import (
    ApiStruct,
    Condition,
    LabelSelector,
    Object,
    is_condition_true,
)
from shoal.api.pod_volumes import Volume
from shoal.api.quantity import RawQuantity
from shoal.api.resource import JsonObject, Resource

ResourceMap = dict[str, RawQuantity]
IntOrString = int | str


class KeySelector(ApiStruct):
    """A key of a ConfigMap or Secret."""

    key: str
    name: str = ""
    optional: bool = False


class EnvVarSource(ApiStruct):
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    config_map_key_ref: KeySelector | None = None
    secret_key_ref: KeySelector | None = None


class EnvVar(ApiStruct):
    name: str
    value: str = ""
    value_from: EnvVarSource | None = None


class EnvSource(ApiStruct):
    name: str = ""
    optional: bool = False


class EnvFromSource(ApiStruct):
    prefix: str = ""
    config_map_ref: EnvSource | None = None
    secret_ref: EnvSource | None = None


class ContainerPort(ApiStruct):
    container_port: int
    name: str = ""
    host_port: int = 0
    protocol: str = "TCP"
    host_ip: str = msgspec.field(name="hostIP", default="")


class ResourceRequirements(ApiStruct):
    requests: ResourceMap = {}
    limits: ResourceMap = {}


class VolumeMount(ApiStruct):
    name: str
    mount_path: str
    read_only: bool = False
    sub_path: str = ""
    sub_path_expr: str = ""


class ExecAction(ApiStruct):
    command: list[str] = []


class HttpHeader(ApiStruct):
    name: str
    value: str = ""


class HttpGetAction(ApiStruct):
    port: IntOrString
    path: str = "/"
    host: str = ""
    scheme: str = "HTTP"
    http_headers: list[HttpHeader] = []


class TcpSocketAction(ApiStruct):
    port: IntOrString
    host: str = ""


class GrpcAction(ApiStruct):
    port: int
    service: str = ""


class SleepAction(ApiStruct):
    seconds: int


class Probe(ApiStruct):
    exec: ExecAction | None = None
    http_get: HttpGetAction | None = None
    tcp_socket: TcpSocketAction | None = None
    grpc: GrpcAction | None = None
    initial_delay_seconds: int = 0
    timeout_seconds: int = 1
    period_seconds: int = 10
    success_threshold: int = 1
    failure_threshold: int = 3
    termination_grace_period_seconds: int | None = None


class LifecycleHandler(ApiStruct):
    exec: ExecAction | None = None
    http_get: HttpGetAction | None = None
    tcp_socket: TcpSocketAction | None = None
    sleep: SleepAction | None = None


class Lifecycle(ApiStruct):
    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None


class CapabilityChanges(ApiStruct):
    add: list[str] = []
    drop: list[str] = []


class SecurityProfile(ApiStruct):
    """Of seccomp or AppArmor."""

    type: str = ""


class SecurityContext(ApiStruct):
    """Of a container or, with fewer fields, of a pod."""

    run_as_user: int | None = None
    run_as_group: int | None = None
    run_as_non_root: bool | None = None
    read_only_root_filesystem: bool | None = None
    privileged: bool | None = None
    fs_group: int | None = None
    capabilities: CapabilityChanges | None = None
    allow_privilege_escalation: bool | None = None
    proc_mount: str = "Default"
    seccomp_profile: SecurityProfile | None = None
    app_armor_profile: SecurityProfile | None = None
    se_linux_options: JsonObject | None = msgspec.field(name="seLinuxOptions", default=None)
    supplemental_groups: list[int] = []
    supplemental_groups_policy: str = "Merge"
    sysctls: list[JsonObject] = []


class Container(ApiStruct):
    """A container of any role: main, init or sidecar."""

    name: str
    image: str = ""
    command: list[str] = []
    args: list[str] = []
    working_dir: str = ""
    ports: list[ContainerPort] = []
    env_from: list[EnvFromSource] = []
    env: list[EnvVar] = []
    resources: ResourceRequirements = ResourceRequirements()
    restart_policy: str | None = None
    """Only on init containers: `Always` makes a sidecar."""
    volume_mounts: list[VolumeMount] = []
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle | None = None
    termination_message_path: str = "/dev/termination-log"
    termination_message_policy: str = "File"
    image_pull_policy: str = ""
    security_context: SecurityContext | None = None
    stdin: bool = False
    tty: bool = False

    @property
    def is_sidecar(self) -> bool:
        return self.restart_policy == "Always"


class Toleration(ApiStruct):
    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None


class NodeSelectorRequirement(ApiStruct):
    key: str
    operator: str
    values: list[str] = []


class NodeSelectorTerm(ApiStruct):
    match_expressions: list[NodeSelectorRequirement] = []
    match_fields: list[NodeSelectorRequirement] = []


class NodeSelector(ApiStruct):
    node_selector_terms: list[NodeSelectorTerm] = []


class PreferredSchedulingTerm(ApiStruct):
    weight: int
    preference: NodeSelectorTerm


class NodeAffinity(ApiStruct):
    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: list[PreferredSchedulingTerm] = []


class PodAffinityTerm(ApiStruct):
    topology_key: str
    label_selector: LabelSelector | None = None
    namespaces: list[str] = []
    namespace_selector: LabelSelector | None = None
    match_label_keys: list[str] = []
    mismatch_label_keys: list[str] = []


class WeightedPodAffinityTerm(ApiStruct):
    weight: int
    pod_affinity_term: PodAffinityTerm


class PodAffinity(ApiStruct):
    required_during_scheduling_ignored_during_execution: list[PodAffinityTerm] = []
    preferred_during_scheduling_ignored_during_execution: list[WeightedPodAffinityTerm] = []


class Affinity(ApiStruct):
    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class TopologySpreadConstraint(ApiStruct):
    max_skew: int
    topology_key: str
    when_unsatisfiable: str
    label_selector: LabelSelector | None = None
    min_domains: int | None = None
    node_affinity_policy: str | None = None
    node_taints_policy: str | None = None
    match_label_keys: list[str] = []


class SchedulingGate(ApiStruct):
    name: str


class HostAlias(ApiStruct):
    ip: str
    hostnames: list[str] = []


class PodSpec(ApiStruct):
    containers: list[Container] = []
    init_containers: list[Container] = []
    volumes: list[Volume] = []
    node_name: str = ""
    node_selector: dict[str, str] = {}
    affinity: Affinity | None = None
    tolerations: list[Toleration] = []
    topology_spread_constraints: list[TopologySpreadConstraint] = []
    scheduler_name: str = "default-scheduler"
    scheduling_gates: list[SchedulingGate] = []
    priority: int | None = None
    priority_class_name: str = ""
    preemption_policy: str = ""
    restart_policy: str = "Always"
    termination_grace_period_seconds: int = 30
    active_deadline_seconds: int | None = None
    hostname: str = ""
    subdomain: str = ""
    host_aliases: list[HostAlias] = []
    host_network: bool = False
    share_process_namespace: bool = False
    service_account_name: str = ""
    automount_service_account_token: bool | None = None
    enable_service_links: bool = True
    overhead: ResourceMap = {}
    resources: ResourceRequirements | None = None
    security_context: SecurityContext | None = None
    runtime_class_name: str | None = None


class ContainerStateWaiting(ApiStruct):
    reason: str = ""
    message: str = ""


class ContainerStateRunning(ApiStruct):
    started_at: datetime | None = None


class ContainerStateTerminated(ApiStruct):
    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    container_id: str = msgspec.field(name="containerID", default="")


class ContainerState(ApiStruct):
    waiting: ContainerStateWaiting | None = None
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None


class ContainerStatus(ApiStruct):
    name: str
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    ready: bool = False
    restart_count: int = 0
    image: str = ""
    image_id: str = msgspec.field(name="imageID", default="")
    container_id: str = msgspec.field(name="containerID", default="")
    started: bool | None = None
    resources: ResourceRequirements | None = None
    """What it runs with, which lags behind a resize in place."""
    allocated_resources: ResourceMap = {}
    """What its node has set aside for it."""


class PodStatus(ApiStruct):
    phase: str = ""
    conditions: list[Condition] = []
    message: str = ""
    reason: str = ""
    nominated_node_name: str = ""
    host_ip: str = msgspec.field(name="hostIP", default="")
    pod_ip: str = msgspec.field(name="podIP", default="")
    start_time: datetime | None = None
    init_container_statuses: list[ContainerStatus] = []
    container_statuses: list[ContainerStatus] = []
    qos_class: str = ""
    resources: ResourceRequirements | None = None
    """Of the whole pod, as those of a container."""
    allocated_resources: ResourceMap = {}


class Pod(Object):
    """Its spec, which hardly changes, and its status, which the node writes."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def is_finished(self) -> bool:
        return self.status.phase in {"Succeeded", "Failed"}

    @property
    def is_deleting(self) -> bool:
        return self.metadata.deletion_timestamp is not None

    @property
    def is_ready(self) -> bool:
        return is_condition_true(self.status.conditions, "Ready")


PODS: Resource[Pod] = Resource("", "v1", "pods", "Pod", Pod)
