"""`builtin_schema`: the `Schema` of Kubernetes' own kinds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.custom.definition import default_crd, validate_crd
from shoal.apiserver.schema.decoding import Struct, struct
from shoal.apiserver.schema.defaults import (
    core,
    cron_jobs,
    jobs,
    pods,
    services,
    volumes,
    workloads,
)
from shoal.apiserver.schema.definitions import DefinitionFacts, definition_name
from shoal.apiserver.schema.scalars import UnreadableError
from shoal.apiserver.schema.tidiness import Tidiness
from shoal.apiserver.schema.validation import claims as claim_rules
from shoal.apiserver.schema.validation import core as core_rules
from shoal.apiserver.schema.validation import cron_jobs as cron_job_rules
from shoal.apiserver.schema.validation import jobs as job_rules
from shoal.apiserver.schema.validation import limits as limit_rules
from shoal.apiserver.schema.validation import pods as pod_rules
from shoal.apiserver.schema.validation import services as service_rules
from shoal.apiserver.schema.validation import sets as set_rules
from shoal.apiserver.schema.validation import storage as storage_rules
from shoal.apiserver.schema.validation import workloads as workload_rules
from shoal.apiserver.schema.validation.disruption_budgets import validate_disruption_budget
from shoal.apiserver.schema.validation.metadata import validate_metadata

Default = Callable[[JsonObject], None]
Validate = Callable[[JsonObject, JsonObject | None], list[Cause]]


@dataclass(frozen=True, slots=True)
class BuiltinSchema:
    """One kind: its definition, its defaults and its rules."""

    kind: str
    version: str
    merge_facts: DefinitionFacts
    _struct: Struct
    _tidiness: Tidiness
    _default: Default
    _validate: Validate

    def decode_error(self, obj: JsonObject) -> str | None:
        if self._tidiness.holds(obj):
            return None
        try:
            self._struct.check(obj)
        except UnreadableError as error:
            return (
                f'{self.kind} in version "{self.version}" cannot be handled as a {self.kind}: '
                f"{error}"
            )
        return None

    def prune(self, obj: JsonObject) -> list[str]:
        if self._tidiness.holds(obj):
            return []
        dropped: list[str] = []
        self._struct.tidy(obj, dropped)
        return dropped

    def default(self, obj: JsonObject) -> None:
        self._default(obj)

    def validate(self, obj: JsonObject, old: JsonObject | None) -> list[Cause]:
        return self._validate(obj, old)


@cache
def builtin_schema(group: str, version: str, kind: str) -> BuiltinSchema:
    """The schema of a built-in kind. Raises LookupError where the tables have none."""
    name = definition_name(group, version, kind)
    if name is None:
        raise LookupError(f"no definition of {kind} in {group}/{version}")
    facts = DefinitionFacts({"$ref": name})
    default = _DEFAULTS.get((group, kind), core.default_nothing)
    validate = _RULES.get((group, kind), validate_metadata)
    return BuiltinSchema(kind, version, facts, struct(name), Tidiness(name), default, validate)


_DEFAULTS: Mapping[tuple[str, str], Default] = {
    ("", "Endpoints"): services.default_endpoints,
    ("", "LimitRange"): core.default_limit_range,
    ("", "Namespace"): core.default_namespace,
    ("", "Node"): core.default_node,
    ("", "PersistentVolume"): volumes.default_persistent_volume,
    ("", "PersistentVolumeClaim"): volumes.default_claim,
    ("", "Pod"): pods.default_pod,
    ("", "Secret"): core.default_secret,
    ("", "Service"): services.default_service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): default_crd,
    ("apps", "DaemonSet"): workloads.default_daemon_set,
    ("apps", "Deployment"): workloads.default_deployment,
    ("apps", "ReplicaSet"): workloads.default_replica_set,
    ("apps", "StatefulSet"): workloads.default_stateful_set,
    ("batch", "CronJob"): cron_jobs.default_cron_job,
    ("batch", "Job"): jobs.default_job,
    ("discovery.k8s.io", "EndpointSlice"): services.default_endpoint_slice,
    ("networking.k8s.io", "NetworkPolicy"): services.default_network_policy,
    ("scheduling.k8s.io", "PriorityClass"): core.default_priority_class,
    ("storage.k8s.io", "StorageClass"): volumes.default_storage_class,
}

_RULES: Mapping[tuple[str, str], Validate] = {
    ("", "ConfigMap"): core_rules.validate_config_map,
    ("", "Endpoints"): service_rules.validate_endpoints,
    ("", "Event"): core_rules.validate_event,
    ("", "LimitRange"): limit_rules.validate_limit_range,
    ("", "Namespace"): core_rules.validate_namespace,
    ("", "Node"): core_rules.validate_node,
    ("", "PersistentVolume"): storage_rules.validate_volume,
    ("", "PersistentVolumeClaim"): claim_rules.validate_claim,
    ("", "Pod"): pod_rules.validate_pod,
    ("", "ResourceQuota"): limit_rules.validate_resource_quota,
    ("", "Secret"): core_rules.validate_secret,
    ("", "Service"): service_rules.validate_service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): validate_crd,
    ("apps", "ControllerRevision"): set_rules.validate_controller_revision,
    ("apps", "DaemonSet"): set_rules.validate_daemon_set,
    ("apps", "Deployment"): workload_rules.validate_deployment,
    ("apps", "ReplicaSet"): workload_rules.validate_replica_set,
    ("apps", "StatefulSet"): set_rules.validate_stateful_set,
    ("batch", "CronJob"): cron_job_rules.validate_cron_job,
    ("batch", "Job"): job_rules.validate_job,
    ("coordination.k8s.io", "Lease"): core_rules.validate_lease,
    ("discovery.k8s.io", "EndpointSlice"): service_rules.validate_endpoint_slice,
    ("policy", "PodDisruptionBudget"): validate_disruption_budget,
    ("scheduling.k8s.io", "PriorityClass"): core_rules.validate_priority_class,
    ("storage.k8s.io", "StorageClass"): storage_rules.validate_storage_class,
}
