"""`Queue`: a line in which a tenant's work waits, with a share of the cluster."""

from enum import StrEnum
from typing import Annotated

import msgspec

from shoal.api.custom_kind import AGE, CustomKind, PrinterColumn, described
from shoal.api.meta import ApiStruct, Object
from shoal.api.resource import JsonObject, Resource
from shoal.api.volcano.resource_list import ResourceList, resources

GROUP = "scheduling.volcano.sh"
VERSION = "v1beta1"
ROOT = "root"
"""The queue that all others are below."""
DEFAULT = "default"
"""The queue of work that names none."""
OPTIONAL_NAME = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$"
"""Pattern of a field that names an object, or nothing."""


class QueueState(StrEnum):
    """Drawn in docs/states/queue.md."""

    OPEN = "Open"
    CLOSED = "Closed"
    CLOSING = "Closing"
    UNKNOWN = "Unknown"


class DequeueStrategy(StrEnum):
    FIFO = "fifo"
    """The head of the queue keeps those behind it waiting."""
    TRAVERSE = "traverse"
    """Those behind a head that does not fit may go first."""


class Guarantee(ApiStruct):
    resource: Annotated[ResourceList, resources("What no other queue may use.")] = {}


class NodeGroupTerms(ApiStruct):
    required_during_scheduling_ignored_during_execution: Annotated[
        list[str], described("Node groups that must, or must not, be used.")
    ] = []
    preferred_during_scheduling_ignored_during_execution: Annotated[
        list[str], described("Node groups that are preferred, or avoided.")
    ] = []


class QueueAffinity(ApiStruct):
    node_group_affinity: Annotated[
        NodeGroupTerms | None, described("Groups of nodes for this queue.")
    ] = None
    node_group_anti_affinity: Annotated[
        NodeGroupTerms | None, described("Groups of nodes not for this queue.")
    ] = None


class ExtendCluster(ApiStruct):
    name: Annotated[str, described("Of the cluster.")] = ""
    weight: Annotated[int, described("Of the cluster.")] = 0
    capacity: Annotated[ResourceList, resources("Of the cluster.")] = {}


class QueueSpec(ApiStruct):
    weight: Annotated[
        int, described("Share of what no queue deserves by name.", minimum=1, maximum=65535)
    ] = 1
    capability: Annotated[ResourceList, resources("Never more; unlimited where absent.")] = {}
    deserved: Annotated[
        ResourceList, resources("Above it the queue can be reclaimed from, below it reclaims.")
    ] = {}
    guarantee: Annotated[Guarantee, described("What is kept for this queue.")] = Guarantee()
    reclaimable: Annotated[
        bool | None, described("Whether its pods may be evicted for other queues.")
    ] = None
    priority: Annotated[int, described("Higher goes first, and gives last.", minimum=0)] = 0
    parent: Annotated[
        str,
        described(
            "The queue above; root where empty.",
            maxLength=253,
            pattern=OPTIONAL_NAME,
        ),
    ] = ""
    dequeue_strategy: Annotated[
        str,
        described(
            "Whether a head that does not fit keeps the rest waiting.",
            enum=[each.value for each in DequeueStrategy],
        ),
    ] = DequeueStrategy.TRAVERSE.value
    affinity: Annotated[
        QueueAffinity | None, described("Which groups of nodes the queue uses.")
    ] = None
    type: Annotated[str, described("For users; nothing reads it.", maxLength=253)] = ""
    extend_clusters: Annotated[
        list[ExtendCluster], described("Of other systems; nothing reads it.")
    ] = []


class QueueReservation(ApiStruct):
    nodes: Annotated[list[str], described("Nodes that are kept free.")] = []
    resource: Annotated[ResourceList, resources("What is kept free.")] = {}


class QueueStatus(ApiStruct):
    state: Annotated[
        str, described("What may be done with it.", enum=[each.value for each in QueueState])
    ] = ""
    allocated: Annotated[ResourceList, resources("What its pods, and those below, hold.")] = {}
    deserved: Annotated[
        ResourceList, resources("The share that it is entitled to now; an addition of Shoal.")
    ] = {}
    pending: Annotated[int, described("PodGroups that are not admitted.", minimum=0)] = 0
    inqueue: Annotated[
        int, described("PodGroups that are admitted, and not running.", minimum=0)
    ] = 0
    running: Annotated[int, described("PodGroups that run.", minimum=0)] = 0
    unknown: Annotated[int, described("PodGroups that lost members.", minimum=0)] = 0
    completed: Annotated[int, described("PodGroups that are done.", minimum=0)] = 0
    reservation: Annotated[
        QueueReservation | None, described("Of other systems; nothing reads it.")
    ] = None


class Queue(Object):
    """A line in which a tenant's work waits, with a share of the cluster."""

    spec: Annotated[QueueSpec, described("Its share.")] = QueueSpec()
    status: Annotated[QueueStatus, described("What it holds, and what waits in it.")] = (
        QueueStatus()
    )

    @property
    def is_open(self) -> bool:
        """A queue whose state nobody has written yet is open."""
        return self.status.state in ("", QueueState.OPEN)

    @property
    def parent(self) -> str:
        """The queue above, by name; empty for the root, which has none whatever it says."""
        return "" if self.metadata.name == ROOT else self.spec.parent or ROOT


def manifest(name: str, **spec: object) -> JsonObject:
    """A new queue."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Queue",
        "metadata": {"name": name},
        "spec": spec,
    }


def built_in_queues() -> list[JsonObject]:
    """The queues that every cluster has."""
    return [
        manifest(ROOT, weight=1, reclaimable=False),
        manifest(DEFAULT, weight=1, reclaimable=True),
    ]


QUEUES: Resource[Queue] = Resource(GROUP, VERSION, "queues", "Queue", Queue, namespaced=False)

KIND = CustomKind(
    type=Queue,
    group=GROUP,
    plural="queues",
    versions=(VERSION,),
    fills_in_zeros=False,
    short_names=("q", "queue-v1beta1"),
    is_namespaced=False,
    columns=(
        PrinterColumn("PARENT", "string", ".spec.parent"),
        # The rest is an addition of Shoal, out of the way of scripts that count columns.
        PrinterColumn("STATE", "string", ".status.state", priority=1),
        PrinterColumn("INQUEUE", "integer", ".status.inqueue", priority=1),
        PrinterColumn("PENDING", "integer", ".status.pending", priority=1),
        PrinterColumn("RUNNING", "integer", ".status.running", priority=1),
        msgspec.structs.replace(AGE, priority=1),
    ),
)
