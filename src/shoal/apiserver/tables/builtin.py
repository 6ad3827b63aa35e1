"""Which table prints which built-in kind."""

from collections.abc import Mapping
from types import MappingProxyType

from shoal.apiserver.tables import batch, configuration, events, nodes, pods, services, storage
from shoal.apiserver.tables import workloads as sets
from shoal.apiserver.tables.columns import KindTable

_TABLES: Mapping[tuple[str, str], KindTable] = MappingProxyType(
    {
        ("", "ConfigMap"): configuration.CONFIG_MAPS,
        ("", "Endpoints"): services.ENDPOINTS,
        ("", "Event"): events.EVENTS,
        ("", "Namespace"): configuration.NAMESPACES,
        ("", "Node"): nodes.NODES,
        ("", "PersistentVolume"): storage.PERSISTENT_VOLUMES,
        ("", "PersistentVolumeClaim"): storage.PERSISTENT_VOLUME_CLAIMS,
        ("", "Pod"): pods.PODS,
        ("", "ResourceQuota"): configuration.RESOURCE_QUOTAS,
        ("", "Secret"): configuration.SECRETS,
        ("", "Service"): services.SERVICES,
        ("", "ServiceAccount"): configuration.SERVICE_ACCOUNTS,
        ("apps", "ControllerRevision"): sets.CONTROLLER_REVISIONS,
        ("apps", "DaemonSet"): sets.DAEMON_SETS,
        ("apps", "Deployment"): sets.DEPLOYMENTS,
        ("apps", "ReplicaSet"): sets.REPLICA_SETS,
        ("apps", "StatefulSet"): sets.STATEFUL_SETS,
        ("batch", "CronJob"): batch.CRON_JOBS,
        ("batch", "Job"): batch.JOBS,
        ("coordination.k8s.io", "Lease"): configuration.LEASES,
        ("discovery.k8s.io", "EndpointSlice"): services.ENDPOINT_SLICES,
        ("events.k8s.io", "Event"): events.EVENTS,
        ("networking.k8s.io", "NetworkPolicy"): services.NETWORK_POLICIES,
        ("policy", "PodDisruptionBudget"): configuration.POD_DISRUPTION_BUDGETS,
        ("scheduling.k8s.io", "PriorityClass"): configuration.PRIORITY_CLASSES,
        ("storage.k8s.io", "CSINode"): storage.CSI_NODES,
        ("storage.k8s.io", "StorageClass"): storage.STORAGE_CLASSES,
    }
)


def builtin_table(group: str, kind: str) -> KindTable:
    """The kind's own table, or name and time of creation."""
    return _TABLES.get((group, kind), configuration.CREATED_AT)
