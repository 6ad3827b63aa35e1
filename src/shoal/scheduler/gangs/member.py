"""A pod as a member of its gang."""

import re
from dataclasses import dataclass
from enum import StrEnum

from shoal.api.volcano import keys
from shoal.base.guard import Failed, attempt
from shoal.scheduler.queueing.queued_pod import QueuedPod
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.request import Amounts, ResourceRequest

_INDEX = re.compile(r"-(\d+)$")
_NUMBER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
DEFAULT_TASK_PRIORITY = 1
"""Of a pod that has none (Volcano v1.15, pkg/scheduler/api/job_info.go)."""


class MemberState(StrEnum):
    """Drawn in docs/reference/pod-groups.md."""

    WAITING = "Waiting"
    """Needs a node."""
    GATED = "Gated"
    """Needs a node, and is kept from the scheduler by a gate."""
    PLACED = "Placed"
    """Has a node here; the API server does not know yet."""
    BOUND = "Bound"
    """Has a node, and does not run yet."""
    RUNNING = "Running"
    LEAVING = "Leaving"
    """Has a node, and is about to end."""
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


HOLDING = frozenset(
    (MemberState.PLACED, MemberState.BOUND, MemberState.RUNNING, MemberState.LEAVING)
)
"""States in which a member takes room on a node."""
STAYING = HOLDING - {MemberState.LEAVING}
"""States in which it goes on taking it."""
READY = frozenset(
    (MemberState.PLACED, MemberState.BOUND, MemberState.RUNNING, MemberState.SUCCEEDED)
)
"""States that count for the gang's minimum."""


@dataclass(slots=True, eq=False)
class Member:
    """Mutable; only `group.Group` changes it."""

    pod: PodInfo
    state: MemberState
    role: str
    """Its task; empty where it names none."""
    amounts: Amounts
    """What it counts as in its queue."""
    node_name: str = ""
    queued: QueuedPod | None = None
    """Of a member that needs a node."""
    is_evicted: bool = False
    """Whether the scheduler wants it gone, which the API server may not know yet."""

    @property
    def uid(self) -> str:
        return self.pod.uid

    @property
    def is_best_effort(self) -> bool:
        """Asks for nothing but a place."""
        return not self.pod.request.amounts


def state_of(pod: PodInfo) -> MemberState:
    """As the API server knows it; a pod without a node waits."""
    phase = pod.object.status.phase
    if phase == "Succeeded":
        return MemberState.SUCCEEDED
    if phase == "Failed":
        return MemberState.FAILED
    if not pod.spec.node_name:
        return MemberState.WAITING
    if pod.object.is_deleting:
        return MemberState.LEAVING
    return MemberState.RUNNING if phase == "Running" else MemberState.BOUND


def role_of(pod: PodInfo) -> str:
    meta = pod.object.metadata
    return meta.annotations.get(keys.TASK_SPEC) or meta.labels.get(keys.TASK_SPEC, "")


def task_priority_of(pod: PodInfo) -> int:
    """Higher is placed first, and given up last. What is no number counts as not said."""
    text = pod.object.metadata.annotations.get(keys.TASK_PRIORITY, "")
    if _NUMBER.fullmatch(text):
        return int(text)
    return DEFAULT_TASK_PRIORITY if pod.spec.priority is None else pod.spec.priority


def task_order(pod: PodInfo, *, by_priority: bool) -> tuple[int, int, str, str]:
    """Lowest first: priority, the number at the end of the name, age, uid. Source: Volcano v1.15,
    pkg/scheduler/util (CompareTask)."""
    found = _INDEX.search(pod.name)
    created = pod.object.metadata.creation_timestamp
    return (
        -task_priority_of(pod) if by_priority else 0,
        int(found.group(1)) if found else -1,
        created.isoformat() if created else "",
        pod.uid,
    )


_known: dict[ResourceRequest, Amounts] = {}


def amounts_of(request: ResourceRequest) -> Amounts:
    """What a pod counts as in its queue: its request, and one of `pods`. Shared, not to be
    changed."""
    amounts = _known.get(request)
    if amounts is None:
        if len(_known) > 4096:
            _known.clear()
        amounts = _known[request] = {**dict(request.amounts), "pods": 1}
    return amounts


def is_gated(member: Member) -> bool:
    """Whether a PreEnqueue plugin keeps it out."""
    queued = member.queued
    assert queued is not None
    for plugin in queued.profile.points.pre_enqueue:
        answer = attempt(plugin.pre_enqueue, member.pod)
        if isinstance(answer, Failed) or not answer.is_success:
            return True
    return False
