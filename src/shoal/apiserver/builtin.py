"""The built-in kinds: what the server serves before any definition is written.

Source of names, subresources and field labels: Kubernetes v1.36, pkg/registry and
pkg/apis/*/v1/conversion.go.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shoal.api.resource import JsonObject, Resource
from shoal.apiserver.event_views import EventsView
from shoal.apiserver.schema.builtin import builtin_schema
from shoal.apiserver.served import Conversion, ScalePaths, Served
from shoal.apiserver.tables.builtin import builtin_table

_STATUS = frozenset({"status"})
_REPLICAS = ScalePaths(
    spec_replicas=".spec.replicas",
    status_replicas=".status.replicas",
    label_selector=".spec.selector",
)
_EVENT_ABOUT = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    kind: str
    plural: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()
    scale: ScalePaths | None = None
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    conversion: Conversion | None = None
    stored_as: str = ""


def builtin_kinds() -> list[Served]:
    """In the order that discovery lists them."""
    return [_served(kind) for kind in _KINDS]


def _served(kind: _Kind) -> Served:
    resource: Resource[JsonObject] = Resource(
        kind.group, kind.version, kind.plural, kind.kind, JsonObject, kind.namespaced
    )
    return Served(
        resource=resource,
        singular=kind.kind.lower(),
        schema=builtin_schema(kind.group, kind.version, kind.kind),
        table=builtin_table(kind.group, kind.kind),
        short_names=kind.short_names,
        categories=kind.categories,
        list_kind=f"{kind.kind}List",
        subresources=kind.subresources,
        scale=kind.scale,
        selectable_fields=kind.fields,
        conversion=kind.conversion,
        stored_as=kind.stored_as,
    )


_KINDS = (
    _Kind(kind="ConfigMap", plural="configmaps", short_names=("cm",)),
    _Kind(kind="Endpoints", plural="endpoints", short_names=("ep",)),
    _Kind(
        kind="Event",
        plural="events",
        short_names=("ev",),
        fields={f"involvedObject.{name}": "" for name in _EVENT_ABOUT}
        | {"reason": "", "reportingComponent": "", "source": "", "type": ""},
    ),
    _Kind(kind="LimitRange", plural="limitranges", short_names=("limits",)),
    _Kind(
        kind="Namespace",
        plural="namespaces",
        namespaced=False,
        short_names=("ns",),
        subresources=frozenset({"status", "finalize"}),
        fields={"status.phase": ""},
    ),
    _Kind(
        kind="Node",
        plural="nodes",
        namespaced=False,
        short_names=("no",),
        subresources=_STATUS,
        fields={"spec.unschedulable": "false"},
    ),
    _Kind(
        kind="PersistentVolume",
        plural="persistentvolumes",
        namespaced=False,
        short_names=("pv",),
        subresources=_STATUS,
    ),
    _Kind(
        kind="PersistentVolumeClaim",
        plural="persistentvolumeclaims",
        short_names=("pvc",),
        subresources=_STATUS,
    ),
    _Kind(
        kind="Pod",
        plural="pods",
        short_names=("po",),
        categories=("all",),
        subresources=frozenset({"status", "log", "binding", "eviction"}),
        fields={
            "spec.nodeName": "",
            "spec.restartPolicy": "",
            "spec.schedulerName": "",
            "spec.serviceAccountName": "",
            "spec.hostNetwork": "false",
            "status.phase": "",
            "status.podIP": "",
            "status.podIPs": "",
            "status.nominatedNodeName": "",
        },
    ),
    _Kind(
        kind="ResourceQuota",
        plural="resourcequotas",
        short_names=("quota",),
        subresources=_STATUS,
    ),
    _Kind(kind="Secret", plural="secrets", fields={"type": ""}),
    _Kind(
        kind="ServiceAccount",
        plural="serviceaccounts",
        short_names=("sa",),
        subresources=frozenset({"token"}),
    ),
    _Kind(
        kind="Service",
        plural="services",
        short_names=("svc",),
        categories=("all",),
        subresources=_STATUS,
        fields={"spec.clusterIP": "", "spec.type": ""},
    ),
    _Kind(kind="ControllerRevision", plural="controllerrevisions", group="apps"),
    _Kind(
        kind="DaemonSet",
        plural="daemonsets",
        group="apps",
        short_names=("ds",),
        categories=("all",),
        subresources=_STATUS,
    ),
    _Kind(
        kind="Deployment",
        plural="deployments",
        group="apps",
        short_names=("deploy",),
        categories=("all",),
        subresources=frozenset({"status", "scale"}),
        scale=_REPLICAS,
    ),
    _Kind(
        kind="ReplicaSet",
        plural="replicasets",
        group="apps",
        short_names=("rs",),
        categories=("all",),
        subresources=frozenset({"status", "scale"}),
        scale=_REPLICAS,
        fields={"status.replicas": "0"},
    ),
    _Kind(
        kind="StatefulSet",
        plural="statefulsets",
        group="apps",
        short_names=("sts",),
        categories=("all",),
        subresources=frozenset({"status", "scale"}),
        scale=_REPLICAS,
    ),
    _Kind(
        kind="Job",
        plural="jobs",
        group="batch",
        categories=("all",),
        subresources=_STATUS,
        fields={"status.successful": "0"},
    ),
    _Kind(
        kind="CronJob",
        plural="cronjobs",
        group="batch",
        short_names=("cj",),
        categories=("all",),
        subresources=_STATUS,
    ),
    _Kind(
        kind="Event",
        plural="events",
        group="events.k8s.io",
        short_names=("ev",),
        fields={f"regarding.{name}": "" for name in _EVENT_ABOUT}
        | {"reason": "", "reportingController": "", "type": ""},
        conversion=EventsView(),
        stored_as="events",
    ),
    _Kind(kind="EndpointSlice", plural="endpointslices", group="discovery.k8s.io"),
    _Kind(kind="Lease", plural="leases", group="coordination.k8s.io"),
    _Kind(
        kind="NetworkPolicy",
        plural="networkpolicies",
        group="networking.k8s.io",
        short_names=("netpol",),
    ),
    _Kind(
        kind="PodDisruptionBudget",
        plural="poddisruptionbudgets",
        group="policy",
        short_names=("pdb",),
        subresources=_STATUS,
    ),
    _Kind(
        kind="PriorityClass",
        plural="priorityclasses",
        group="scheduling.k8s.io",
        namespaced=False,
        short_names=("pc",),
    ),
    _Kind(
        kind="StorageClass",
        plural="storageclasses",
        group="storage.k8s.io",
        namespaced=False,
        short_names=("sc",),
    ),
    _Kind(kind="CSINode", plural="csinodes", group="storage.k8s.io", namespaced=False),
    _Kind(
        kind="CustomResourceDefinition",
        plural="customresourcedefinitions",
        group="apiextensions.k8s.io",
        namespaced=False,
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        subresources=_STATUS,
    ),
)
