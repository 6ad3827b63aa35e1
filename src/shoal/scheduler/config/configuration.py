"""The fields of a `KubeSchedulerConfiguration`, version v1, with their defaults.

Source of fields and defaults: Kubernetes v1.36, kube-scheduler/config/v1/types.go and
pkg/scheduler/apis/config/v1/defaults.go.
"""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from shoal.api.duration import Duration, duration
from shoal.api.meta import ApiStruct
from shoal.scheduler.framework.points import Point

GROUP = "kubescheduler.config.k8s.io"
KIND = "KubeSchedulerConfiguration"
DEFAULT_SCHEDULER_NAME = "default-scheduler"

# The reader takes a plain int for one of 32 bits.
Int64 = Annotated[int, msgspec.Meta(le=2**63 - 1)]


class LeaderElectionSection(ApiStruct):
    """Which of several schedulers works."""

    leader_elect: bool = True
    lease_duration: Duration = duration("15s")
    renew_deadline: Duration = duration("10s")
    retry_period: Duration = duration("2s")
    resource_lock: str = "leases"
    resource_name: str = "kube-scheduler"
    resource_namespace: str = "kube-system"


class ClientConnectionSection(ApiStruct):
    """How the API server is spoken to."""

    kubeconfig: str = ""
    accept_content_types: str = ""
    content_type: str = "application/vnd.kubernetes.protobuf"
    qps: float = 50.0
    burst: int = 100


class PluginEntry(ApiStruct):
    """A plugin at an extension point."""

    name: str
    weight: int = 0
    """0 stands for 1."""


class PluginSetSection(ApiStruct):
    """What an extension point adds and leaves out."""

    enabled: tuple[PluginEntry, ...] = ()
    disabled: tuple[PluginEntry, ...] = ()


class PluginsSection(ApiStruct):
    """Plugins by extension point; `multi_point` holds at all of them."""

    pre_enqueue: PluginSetSection = PluginSetSection()
    queue_sort: PluginSetSection = PluginSetSection()
    pre_filter: PluginSetSection = PluginSetSection()
    filter: PluginSetSection = PluginSetSection()
    post_filter: PluginSetSection = PluginSetSection()
    pre_score: PluginSetSection = PluginSetSection()
    score: PluginSetSection = PluginSetSection()
    reserve: PluginSetSection = PluginSetSection()
    permit: PluginSetSection = PluginSetSection()
    pre_bind: PluginSetSection = PluginSetSection()
    bind: PluginSetSection = PluginSetSection()
    post_bind: PluginSetSection = PluginSetSection()
    multi_point: PluginSetSection = PluginSetSection()
    placement_generate: PluginSetSection = PluginSetSection()
    placement_score: PluginSetSection = PluginSetSection()

    def by_point(self) -> Iterator[tuple[Point, PluginSetSection]]:
        """Those of single points."""
        for field in msgspec.structs.fields(self):
            if field.encode_name in set(Point):
                yield Point(field.encode_name), getattr(self, field.name)


class PluginConfigEntry(ApiStruct):
    """The args of a plugin, as they are written."""

    name: str
    args: Any = None


class ProfileSection(ApiStruct):
    """A scheduler under one name."""

    scheduler_name: str | None = None
    percentage_of_nodes_to_score: int | None = None
    plugins: PluginsSection = PluginsSection()
    plugin_config: tuple[PluginConfigEntry, ...] = ()


class ManagedResource(ApiStruct):
    """An extended resource that an extender looks after."""

    name: str
    ignored_by_scheduler: bool = False


class ExtenderTls(ApiStruct):
    """Certificates for an extender; data goes before files."""

    insecure: bool = False
    server_name: str = ""
    cert_file: str = ""
    key_file: str = ""
    ca_file: str = ""
    cert_data: bytes = b""
    key_data: bytes = b""
    ca_data: bytes = b""


class ExtenderSection(ApiStruct):
    """A web server that is asked about pods; an empty verb is not asked for."""

    url_prefix: str
    filter_verb: str = ""
    preempt_verb: str = ""
    prioritize_verb: str = ""
    bind_verb: str = ""
    weight: Int64 = 0
    """Of its scores, 0 to 10, among those of plugins, 0 to 100."""
    enable_https: bool = msgspec.field(default=False, name="enableHTTPS")
    tls_config: ExtenderTls | None = None
    http_timeout: Duration = msgspec.field(default=duration("0s"), name="httpTimeout")
    """0 stands for 5 s."""
    node_cache_capable: bool = False
    """Gets and gives names of nodes, not whole nodes."""
    managed_resources: tuple[ManagedResource, ...] = ()
    """Where there are some, it is asked only about pods that want one of them."""
    ignorable: bool = False
    """Goes without saying where it fails."""


class SchedulerConfiguration(ApiStruct):
    """The whole file."""

    api_version: str
    kind: str
    parallelism: int = 16
    leader_election: LeaderElectionSection = LeaderElectionSection()
    client_connection: ClientConnectionSection = ClientConnectionSection()
    enable_profiling: bool = True
    enable_contention_profiling: bool = True
    percentage_of_nodes_to_score: int = 0
    pod_initial_backoff_seconds: Int64 = 1
    pod_max_backoff_seconds: Int64 = 10
    profiles: tuple[ProfileSection, ...] = ()
    extenders: tuple[ExtenderSection, ...] = ()
    delay_cache_until_active: bool = False


def completed(written: SchedulerConfiguration) -> SchedulerConfiguration:
    """With the defaults that stand in for zeros and for what is not there."""
    return msgspec.structs.replace(
        written,
        leader_election=_filled_in(written.leader_election),
        client_connection=_filled_in(written.client_connection),
        profiles=_named(written.profiles or (ProfileSection(),)),
    )


def _named(profiles: tuple[ProfileSection, ...]) -> tuple[ProfileSection, ...]:
    """Only a profile that is alone may go without a name."""
    if len(profiles) == 1 and profiles[0].scheduler_name is None:
        return (msgspec.structs.replace(profiles[0], scheduler_name=DEFAULT_SCHEDULER_NAME),)
    return profiles


def _filled_in(section: Any) -> Any:
    """Zeros of texts, numbers and durations become the defaults of their fields."""
    zeros = {
        field.name: field.default
        for field in msgspec.structs.fields(section)
        if _is_zero(getattr(section, field.name)) and not isinstance(field.default, bool)
    }
    return msgspec.structs.replace(section, **zeros)


def _is_zero(value: object) -> bool:
    return not value or (isinstance(value, Duration) and value.seconds == 0)
