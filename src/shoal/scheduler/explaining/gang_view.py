"""Queues, groups, pods and nodes as they were read, put together: who is where, and holds what.

Groups, their order and the division of the cluster are the scheduler's own (`gangs`, `fairness`),
made from the objects under the rules that it runs with.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shoal.api.core import PriorityClass
from shoal.api.meta import ObjectKey
from shoal.api.node import Node
from shoal.api.pod import Pod
from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import PodGroup, PodGroupPhase
from shoal.api.volcano.queue import ROOT, Queue
from shoal.scheduler.fairness import amounts
from shoal.scheduler.fairness.divisions import policy_of
from shoal.scheduler.fairness.queue_policy import QueuePolicy, QueueUsage
from shoal.scheduler.fairness.queue_tree import parents_of
from shoal.scheduler.fairness.rules import Rules
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import HOLDING, Member, amounts_of, role_of, state_of
from shoal.scheduler.gangs.order import group_order
from shoal.scheduler.state import pod_info
from shoal.scheduler.state.request import Amounts


@dataclass(frozen=True, slots=True, kw_only=True)
class GangView:
    """A cluster with its queues at one moment."""

    rules: Rules
    queues: Mapping[str, Queue]
    policy: QueuePolicy
    """How the cluster is divided."""
    groups: Mapping[ObjectKey, Group]
    parents: Mapping[str, str]
    """Of every queue but root."""
    total: Amounts
    """What nodes have for groups: what pods without a group hold is taken off."""
    free: Mapping[str, Amounts]
    """By node that takes pods."""
    sizes: Mapping[str, Amounts]
    """What the same nodes have when they are empty."""
    held: Mapping[str, Amounts]
    """By queue, with those below it."""
    promised: Mapping[str, Amounts]
    """What admitted groups may still take, less what groups hold beyond what they were admitted
    with; by queue, with those below it."""

    def path(self, queue: str) -> tuple[str, ...]:
        """The queue and those above it, root last; empty where there is no such queue."""
        return _path(queue, self.queues, self.parents)

    def below(self, queue: str) -> list[str]:
        """The queue itself, and all below it."""
        return [name for name in self.queues if queue in self.path(name)]

    def children(self, queue: str) -> list[str]:
        return sorted(name for name, parent in self.parents.items() if parent == queue)

    def members_of(self, queue: str) -> list[Group]:
        """Groups in the queue itself."""
        return [group for group in self.groups.values() if group.queue == queue]

    def line(self, queue: str) -> list[Group]:
        """Groups of the queue that wait, the next one first."""
        waiting = [group for group in self.members_of(queue) if is_waiting(group)]
        return sorted(waiting, key=lambda group: group_order(group, self.rules, self.total))


def is_waiting(group: Group) -> bool:
    """It is to be admitted, or its minimum has no nodes and is not done."""
    if not group.is_known or group.phase is PodGroupPhase.PENDING:
        return group.is_known
    is_over = group.phase is PodGroupPhase.COMPLETED and not group.waiting_count
    return not is_over and not group.is_ready


def gang_view(
    queues: Iterable[Queue],
    pod_groups: Iterable[PodGroup],
    pods: Iterable[Pod],
    nodes: Sequence[Node],
    classes: Sequence[PriorityClass],
    now: datetime,
    rules: Rules = Rules(),
) -> GangView:
    """Raises QuantityError where an amount is none."""
    by_name = {each.metadata.name: each for each in queues}
    parents = parents_of(by_name)
    groups = {each.metadata.key: _group(each, classes, now) for each in pod_groups}
    free = {
        node.metadata.name: amounts.of_resource_list(node.status.allocatable)
        for node in nodes
        if not node.spec.unschedulable
    }
    sizes = {name: dict(size) for name, size in free.items()}
    total = amounts.total_of(free.values())
    for pod in pods:
        _place(pod, groups, free, total)
    total = {name: amount for name, amount in total.items() if amount > 0}
    usage = _usage(groups.values())
    return GangView(
        rules=rules,
        queues=by_name,
        policy=policy_of(rules)(by_name, usage, total),
        groups=groups,
        parents=parents,
        total=total,
        free=free,
        sizes=sizes,
        held=_rolled_up(by_name, parents, {name: used.allocated for name, used in usage.items()}),
        promised=_rolled_up(by_name, parents, {name: _promised(u) for name, u in usage.items()}),
    )


def _usage(groups: Iterable[Group]) -> dict[str, QueueUsage]:
    """Of each queue that has groups."""
    found: dict[str, QueueUsage] = {}
    for group in groups:
        used, own = found.setdefault(group.queue, QueueUsage(has_groups=True)), group.usage()
        amounts.add(used.allocated, own.allocated)
        amounts.add(used.request, own.request)
        amounts.add(used.inqueue, own.inqueue)
        amounts.add(used.elastic, own.elastic)
    return found


def _promised(usage: QueueUsage) -> Amounts:
    promised = dict(usage.inqueue)
    amounts.subtract(promised, usage.elastic)
    return promised


def _group(obj: PodGroup, classes: Sequence[PriorityClass], now: datetime) -> Group:
    group = Group(obj.metadata.key, now)
    group.take_object(obj)
    group.phase = obj.phase
    group.priority = _priority(obj.spec.priority_class_name, classes)
    return group


def _priority(name: str, classes: Sequence[PriorityClass]) -> int:
    """As the scheduler has it: of its class, else of the cluster's default class, else 0."""
    chosen = (
        each for each in classes if (each.metadata.name == name if name else each.global_default)
    )
    return next((each.value for each in chosen), 0)


def _place(
    pod: Pod, groups: Mapping[ObjectKey, Group], free: Mapping[str, Amounts], total: Amounts
) -> None:
    """A pod joins its group, and takes its room on its node."""
    info = pod_info.of(pod)
    state, held = state_of(info), amounts_of(info.request)
    member = Member(info, state, role_of(info), held, pod.spec.node_name)
    name = pod.metadata.annotations.get(keys.GROUP_NAME, "")
    group = groups.get(ObjectKey(pod.metadata.namespace, name)) if name else None
    if group is not None:
        group.add(member)
    if state in HOLDING and pod.spec.node_name in free:
        amounts.subtract(free[pod.spec.node_name], held)
        if group is None:
            amounts.subtract(total, held)


def _path(queue: str, queues: Mapping[str, Queue], parents: Mapping[str, str]) -> tuple[str, ...]:
    if queue not in queues:
        return ()
    path = [queue]
    while path[-1] in parents:
        path.append(parents[path[-1]])
    return tuple(path) if path[-1] == ROOT else (*path, ROOT)


def _rolled_up(
    queues: Mapping[str, Queue], parents: Mapping[str, str], parts: Mapping[str, Amounts]
) -> dict[str, Amounts]:
    """Each part counts in its queue and in all above it."""
    summed: dict[str, Amounts] = {}
    for queue, part in parts.items():
        for name in _path(queue, queues, parents):
            amounts.add(summed.setdefault(name, {}), part)
    return summed
