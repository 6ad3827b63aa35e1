"""What a scheduler plugin imports of Shoal, in one place.

The names stand here so that a plugin does not depend on where they live inside. How to use them is
in docs/howto/write-a-plugin.md; what a plugin's tests need besides is in `shoal.testing`.
"""

from shoal.scheduler.effects import Bind, Effect, Evict, PatchObject, PatchPod, PodRef, ref
from shoal.scheduler.framework.cluster_event import (
    ASSIGNED_POD_ADD,
    ASSIGNED_POD_DELETE,
    NODE,
    NODE_ADD,
    NODE_DELETE,
    POD,
    ActionType,
    ClusterEvent,
    QueueingHint,
    Registration,
)
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import (
    MAX_NODE_SCORE,
    MIN_NODE_SCORE,
    NodeStatuses,
    Normalization,
    PostFilterResult,
    PreFilterResult,
    QueuedPodInfo,
    Reads,
)
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.status import (
    SKIP,
    SUCCESS,
    Code,
    Status,
    error,
    unresolvable,
    unschedulable,
)
from shoal.scheduler.framework.waiting_pods import WaitingPod, WaitingPods
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import BoolArray, IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import NodeInfo, Snapshot

__all__ = [
    "ASSIGNED_POD_ADD",
    "ASSIGNED_POD_DELETE",
    "MAX_NODE_SCORE",
    "MIN_NODE_SCORE",
    "NODE",
    "NODE_ADD",
    "NODE_DELETE",
    "POD",
    "SKIP",
    "SUCCESS",
    "ActionType",
    "Bind",
    "BoolArray",
    "ClusterEvent",
    "Code",
    "CycleState",
    "Effect",
    "Evict",
    "Handle",
    "IntArray",
    "NodeInfo",
    "NodeRows",
    "NodeStatuses",
    "Normalization",
    "PatchObject",
    "PatchPod",
    "PodInfo",
    "PodRef",
    "PostFilterResult",
    "PreFilterResult",
    "QueuedPodInfo",
    "QueueingHint",
    "Reads",
    "Registration",
    "Snapshot",
    "Status",
    "WaitingPod",
    "WaitingPods",
    "error",
    "ref",
    "unresolvable",
    "unschedulable",
]
