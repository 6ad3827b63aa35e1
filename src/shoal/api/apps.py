"""ReplicaSets, Deployments, StatefulSets and DaemonSets, and the history of the latter two.

Source of the fields: Kubernetes v1.36, apps/v1.
"""

from shoal.api.meta import ApiStruct, Condition, LabelSelector, Object
from shoal.api.pod import IntOrString
from shoal.api.resource import JsonObject, Resource

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
"""Annotation of a DaemonSet: how often its template has been written."""


class PodSetSpec(ApiStruct):
    """What all four kinds have."""

    selector: LabelSelector = LabelSelector()
    template: JsonObject = {}
    """Whole and untyped: it is copied into pods."""
    min_ready_seconds: int = 0


class ReplicaSetSpec(PodSetSpec):
    replicas: int = 1


class ReplicasStatus(ApiStruct):
    """What kinds that have a number of pods say of them."""

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0


class ReplicaSetStatus(ReplicasStatus):
    fully_labeled_replicas: int = 0
    conditions: list[Condition] = []


class ReplicaSet(Object):
    spec: ReplicaSetSpec = ReplicaSetSpec()
    status: ReplicaSetStatus = ReplicaSetStatus()


class RollingUpdate(ApiStruct):
    max_unavailable: IntOrString = "25%"
    max_surge: IntOrString = "25%"


class DeploymentStrategy(ApiStruct):
    type: str = "RollingUpdate"
    rolling_update: RollingUpdate | None = None


class DeploymentSpec(PodSetSpec):
    replicas: int = 1
    strategy: DeploymentStrategy = DeploymentStrategy()
    revision_history_limit: int = 10
    paused: bool = False
    progress_deadline_seconds: int = 600


class DeploymentStatus(ReplicasStatus):
    updated_replicas: int = 0
    unavailable_replicas: int = 0
    conditions: list[Condition] = []
    collision_count: int | None = None


class Deployment(Object):
    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()


class StatefulSetRollingUpdate(ApiStruct):
    partition: int = 0
    """Pods with a lower ordinal keep the current revision."""
    max_unavailable: IntOrString = 1


class StatefulSetUpdateStrategy(ApiStruct):
    type: str = "RollingUpdate"
    rolling_update: StatefulSetRollingUpdate | None = None


class ClaimRetentionPolicy(ApiStruct):
    """`Retain` or `Delete`: what becomes of a set's claims when the set goes or shrinks."""

    when_deleted: str = "Retain"
    when_scaled: str = "Retain"


class Ordinals(ApiStruct):
    start: int = 0


class StatefulSetSpec(PodSetSpec):
    replicas: int = 1
    service_name: str = ""
    volume_claim_templates: list[JsonObject] = []
    pod_management_policy: str = "OrderedReady"
    update_strategy: StatefulSetUpdateStrategy = StatefulSetUpdateStrategy()
    revision_history_limit: int = 10
    persistent_volume_claim_retention_policy: ClaimRetentionPolicy = ClaimRetentionPolicy()
    ordinals: Ordinals = Ordinals()


class StatefulSetStatus(ReplicasStatus):
    current_replicas: int = 0
    updated_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    collision_count: int = 0


class StatefulSet(Object):
    spec: StatefulSetSpec = StatefulSetSpec()
    status: StatefulSetStatus = StatefulSetStatus()


class DaemonSetRollingUpdate(ApiStruct):
    max_unavailable: IntOrString = 1
    max_surge: IntOrString = 0


class DaemonSetUpdateStrategy(ApiStruct):
    type: str = "RollingUpdate"
    rolling_update: DaemonSetRollingUpdate | None = None


class DaemonSetSpec(PodSetSpec):
    update_strategy: DaemonSetUpdateStrategy = DaemonSetUpdateStrategy()
    revision_history_limit: int = 10


class DaemonSetStatus(ApiStruct):
    current_number_scheduled: int = 0
    number_misscheduled: int = 0
    desired_number_scheduled: int = 0
    number_ready: int = 0
    observed_generation: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    number_unavailable: int = 0
    collision_count: int = 0


class DaemonSet(Object):
    spec: DaemonSetSpec = DaemonSetSpec()
    status: DaemonSetStatus = DaemonSetStatus()


class ControllerRevision(Object):
    """What the template of a StatefulSet or DaemonSet once was."""

    data: JsonObject = {}
    """A strategic merge patch of the owner, which brings it back to that time."""
    revision: int = 0


REPLICA_SETS: Resource[ReplicaSet] = Resource("apps", "v1", "replicasets", "ReplicaSet", ReplicaSet)
DEPLOYMENTS: Resource[Deployment] = Resource("apps", "v1", "deployments", "Deployment", Deployment)
STATEFUL_SETS: Resource[StatefulSet] = Resource(
    "apps", "v1", "statefulsets", "StatefulSet", StatefulSet
)
DAEMON_SETS: Resource[DaemonSet] = Resource("apps", "v1", "daemonsets", "DaemonSet", DaemonSet)
CONTROLLER_REVISIONS: Resource[ControllerRevision] = Resource(
    "apps", "v1", "controllerrevisions", "ControllerRevision", ControllerRevision
)
