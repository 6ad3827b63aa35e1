"""ReplicaSets, Deployments and StatefulSets. Source of the fields: Kubernetes v1.36, apps/v1."""

from shoal.api.meta import ApiStruct, Condition, LabelSelector, Object
from shoal.api.pod import IntOrString
from shoal.api.resource import JsonObject, Resource


class ReplicaSetSpec(ApiStruct):
    replicas: int = 1
    min_ready_seconds: int = 0
    selector: LabelSelector = LabelSelector()
    template: JsonObject = {}
    """Whole and untyped: it is copied into pods."""


class ReplicaSetStatus(ApiStruct):
    replicas: int = 0
    fully_labeled_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    observed_generation: int = 0
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


class DeploymentSpec(ApiStruct):
    replicas: int = 1
    selector: LabelSelector = LabelSelector()
    template: JsonObject = {}
    strategy: DeploymentStrategy = DeploymentStrategy()
    min_ready_seconds: int = 0
    revision_history_limit: int = 10
    paused: bool = False
    progress_deadline_seconds: int = 600


class DeploymentStatus(ApiStruct):
    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0
    conditions: list[Condition] = []
    collision_count: int | None = None


class Deployment(Object):
    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()


class StatefulSetSpec(ApiStruct):
    replicas: int = 1
    selector: LabelSelector = LabelSelector()


class StatefulSet(Object):
    spec: StatefulSetSpec = StatefulSetSpec()


REPLICA_SETS: Resource[ReplicaSet] = Resource("apps", "v1", "replicasets", "ReplicaSet", ReplicaSet)
DEPLOYMENTS: Resource[Deployment] = Resource("apps", "v1", "deployments", "Deployment", Deployment)
STATEFUL_SETS: Resource[StatefulSet] = Resource(
    "apps", "v1", "statefulsets", "StatefulSet", StatefulSet
)
