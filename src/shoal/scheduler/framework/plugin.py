"""The extension points, as protocols. A plugin is one object with a `name` and any of them.

QueueSort, Filter and Score exist in two forms: the Kubernetes framework's (`less`, and
`filter` and `score` of one node), which is easy to write, and one for speed (`sort_key`, and
`filter_rows` and `score_rows` over the node table), which judges thousands of nodes in one call.
The framework runs the second form only; `lifted` turns the first into it. All of this is pure:
PreBind and Bind answer with effects.

Equal pods share results. A plugin with `sign` names what of a pod its answers depend on; pods for
which all plugins of a profile give equal signatures are judged once, and after a placement only
rows that changed are judged again. So a plugin that signs a pod promises for it: PreFilter and
PreScore depend on the pod alone; the verdict and the raw score of a row on the pod and that row.
A plugin whose answers about one node depend on the pods of others says `Reads.CLUSTER` instead:
its PreFilter, Filter, PreScore and Score are asked anew, about all rows, whenever anything
changed. `sign` returns None for pods where it cannot promise that, and a plugin without `sign`
never does.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from shoal.api.resource import Resource
from shoal.scheduler.effects import BeforeBinding, Bind, Effect
from shoal.scheduler.framework.cluster_event import Registration
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.status import Status
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import NodeInfo, Snapshot

MAX_NODE_SCORE = 100
MIN_NODE_SCORE = 0


class Reads(StrEnum):
    """What of a row a plugin's answer depends on."""

    NODE = "node"
    """The node object alone: placements do not outdate the answer."""
    NODES = "nodes"
    """The objects of all nodes: every row is scored anew when any node changed. Not for
    filters."""
    PODS = "pods"
    """The pods on it, too."""
    CLUSTER = "cluster"
    """Nodes and pods beyond the row."""

    @property
    def is_of_nodes(self) -> bool:
        """Whether pods on nodes do not matter."""
        return self in (Reads.NODE, Reads.NODES)


class Normalization(StrEnum):
    """How raw scores become 0 to 100 where the plugin has no `normalize_scores`."""

    NONE = "none"
    """They already are."""
    HIGHEST = "highest"
    """100 for the highest; all stay 0 where the highest is 0."""
    REVERSED = "reversed"
    """The higher the worse: 0 for the highest, 100 for all where the highest is 0."""


@dataclass(frozen=True, slots=True)
class PreFilterResult:
    """Restricts the nodes that are filtered at all."""

    node_names: frozenset[str] | None = None
    """None is all nodes."""


@dataclass(frozen=True, slots=True)
class PostFilterResult:
    """What PostFilter did for the pod."""

    nominated_node_name: str | None = None
    """None leaves the pod's nomination as it is, empty clears it."""
    effects: tuple[Effect, ...] = ()
    victims: tuple[PodInfo, ...] = ()
    """Pods that go to make room. Those that wait for permission are rejected; the effects must
    evict the others. The pod is not tried again before."""


class NodeStatuses(Protocol):
    """Why each node was rejected, for PostFilter."""

    def get(self, row: int) -> Status:
        """Success for a row that passed."""
        ...

    def rows_with_code(self, code: int) -> Sequence[int]: ...


class Plugin(Protocol):
    """What all plugins have."""

    @property
    def name(self) -> str:
        """Unique; what profiles and messages call it."""
        ...


@runtime_checkable
class PreEnqueuePlugin(Plugin, Protocol):
    """Keeps pods out of the queue until something is the case."""

    def pre_enqueue(self, pod: PodInfo) -> Status:
        """Anything but Success keeps the pod out of the active room."""
        ...


class QueuedPodInfo(Protocol):
    """What QueueSort compares. `queueing.queued_pod` has the real one."""

    @property
    def pod(self) -> PodInfo: ...

    @property
    def queued_at(self) -> datetime:
        """Latest entry into the queue."""
        ...


@runtime_checkable
class QueueSortPlugin(Plugin, Protocol):
    """The order of the active room, by comparing. A profile has exactly one."""

    def less(self, left: QueuedPodInfo, right: QueuedPodInfo) -> bool:
        """Whether `left` goes first. Must not change its mind while the pods wait."""
        ...


@runtime_checkable
class KeyedQueueSortPlugin(Plugin, Protocol):
    """QueueSort by a key that is worked out once a pod: much quicker than comparing."""

    def sort_key(self, queued: QueuedPodInfo) -> Any:
        """Lowest first; constant while the pod waits. Keys of one plugin compare."""
        ...


@runtime_checkable
class EnqueueExtensions(Plugin, Protocol):
    """Says when a pod that this plugin rejected is worth another try."""

    def events_to_register(self) -> Sequence[Registration]:
        """Which events may undo this plugin's rejections; none at all: only time does."""
        ...


@runtime_checkable
class ObjectReader(Plugin, Protocol):
    """Looks objects up beyond nodes and pods."""

    @property
    def needs(self) -> Sequence[Resource[Any]]:
        """Collections that are to be watched; they are in `Handle.objects`. A changed object
        outdates what was said of the node that is called like it, and all that plugins said who
        read the cluster."""
        ...


@runtime_checkable
class SignPlugin(Plugin, Protocol):
    """Lets pods that are equal for this plugin share its answers, hints included."""

    def sign(self, pod: PodInfo) -> Hashable | None:
        """What of the pod the answers depend on, or None: do not share."""
        ...


@runtime_checkable
class PreFilterPlugin(Plugin, Protocol):
    """Looks at the pod once before nodes are filtered, or rules out most of them."""

    def pre_filter(
        self, state: CycleState, pod: PodInfo, snapshot: Snapshot
    ) -> tuple[PreFilterResult | None, Status]:
        """Skip leaves the plugin's Filter out for this pod."""
        ...


@runtime_checkable
class PreFilterExtensions(Plugin, Protocol):
    """Keep PreFilter's data right while pods are added or removed hypothetically."""

    def add_pod(
        self, state: CycleState, pod: PodInfo, added: PodInfo, node: NodeInfo
    ) -> Status: ...

    def remove_pod(
        self, state: CycleState, pod: PodInfo, removed: PodInfo, node: NodeInfo
    ) -> Status: ...


@runtime_checkable
class FilterPlugin(Plugin, Protocol):
    """Says whether one node can take the pod."""

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status: ...


@runtime_checkable
class VectorFilterPlugin(Plugin, Protocol):
    """Filter over rows of the node table."""

    @property
    def filter_reads(self) -> Reads: ...

    def filter_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray | None:
        """One number a row: 0 passes, any other is the plugin's own reason code; None where all
        pass. Rows without a node are ignored."""
        ...

    def filter_status(self, state: CycleState, pod: PodInfo, reason_code: int) -> Status:
        """What a reason code means."""
        ...


@runtime_checkable
class ColumnFilterPlugin(VectorFilterPlugin, Protocol):
    """A filter to which pods on a row matter only by the columns of `NodeRows`, and to which the
    more is requested is never the better. What it would say with other pods there can be worked
    out for all rows at once."""

    @property
    def filters_columns(self) -> bool: ...


@runtime_checkable
class PostFilterPlugin(Plugin, Protocol):
    """Asked when no node passed, to make room."""

    def post_filter(
        self, state: CycleState, pod: PodInfo, statuses: NodeStatuses
    ) -> tuple[PostFilterResult | None, Status]:
        """Success: a way was found. Unschedulable: the next plugin is asked."""
        ...


@runtime_checkable
class PreScorePlugin(Plugin, Protocol):
    """Looks at the feasible nodes once before they are scored."""

    def pre_score(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> Status:
        """`nodes` are the feasible ones. Skip leaves the plugin's Score out for this pod."""
        ...


@runtime_checkable
class ScorePlugin(Plugin, Protocol):
    """Says how well one feasible node suits; higher is better."""

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> tuple[int, Status]: ...


@runtime_checkable
class VectorScorePlugin(Plugin, Protocol):
    """Score over rows of the node table."""

    @property
    def score_reads(self) -> Reads: ...

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        """Raw scores. Rows that are not feasible are scored too, and ignored."""
        ...


@runtime_checkable
class NormalizedByRule(Plugin, Protocol):
    """A score plugin whose raw scores, none below zero, are normalised by a known rule."""

    @property
    def normalization(self) -> Normalization: ...


@runtime_checkable
class NormalizeScorePlugin(Plugin, Protocol):
    """A score plugin that brings its raw scores into range itself."""

    def normalize_scores(self, state: CycleState, pod: PodInfo, scores: IntArray) -> IntArray:
        """All feasible nodes' raw scores to 0..100."""
        ...


@runtime_checkable
class ReservePlugin(Plugin, Protocol):
    """Keeps books of its own about pods that were placed."""

    def reserve(self, state: CycleState, pod: PodInfo, node_name: str) -> Status: ...

    def unreserve(self, state: CycleState, pod: PodInfo, node_name: str) -> None:
        """Must be harmless where `reserve` did not run."""
        ...


@runtime_checkable
class PermitPlugin(Plugin, Protocol):
    """Lets a placed pod go on, wait, or turn back."""

    def permit(self, state: CycleState, pod: PodInfo, node_name: str) -> tuple[Status, float]:
        """With Wait, the number is how many seconds to wait at most."""
        ...


@runtime_checkable
class PreBindPlugin(Plugin, Protocol):
    """Has something written, to the pod or another object, before the pod is bound."""

    def pre_bind(
        self, state: CycleState, pod: PodInfo, node_name: str
    ) -> tuple[tuple[BeforeBinding, ...], Status]:
        """What must be done before the binding; Skip: nothing."""
        ...


@runtime_checkable
class BindPlugin(Plugin, Protocol):
    """Chooses how the pod is bound."""

    def bind(
        self, state: CycleState, pod: PodInfo, node_name: str, before: tuple[BeforeBinding, ...]
    ) -> tuple[Bind | None, Status]:
        """The effect that binds; Skip: the next bind plugin is asked."""
        ...


@runtime_checkable
class PostBindPlugin(Plugin, Protocol):
    """Is told of pods that were bound."""

    def post_bind(self, state: CycleState, pod: PodInfo, node_name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class WeightedPlugin:
    """A plugin of a profile; the weight counts where it scores."""

    plugin: Plugin
    weight: int = 1


PluginArguments = Mapping[str, Any]
"""The `args` of a plugin that is not in tree, as the configuration file has them; in-tree plugins
get structs of `config.plugin_arguments`."""


def reads_cluster(plugin: Plugin) -> bool:
    """Whether the plugin's answers must be asked for anew whenever anything changed."""
    reads = (getattr(plugin, "filter_reads", None), getattr(plugin, "score_reads", None))
    return Reads.CLUSTER in reads
