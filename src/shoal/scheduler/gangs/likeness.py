"""Which groups are equal as far as finding room goes: what is in vain for one is for all of them.

Thousands of groups may wait at once, most of them made from a few templates.
"""

from collections.abc import Hashable

from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.state.pod_info import PodInfo

Likeness = tuple[Hashable, ...]
_KEYS = (keys.RUNNING_ESTIMATE, keys.SLA_WAITING_TIME, f"volcano.sh/{keys.SLA_WAITING_TIME}")


def likeness_of(group: Group) -> Likeness | None:
    """None for a group that is like no other: other pods matter to its members by more than the
    room they take, or it has more than its minimum, or room was promised to it."""
    if group.object is None or group.awaited or (group.is_ready and group.min_member):
        return None
    annotations = group.object.metadata.annotations
    own = tuple(annotations.get(key) for key in _KEYS)
    if group.phase is PodGroupPhase.PENDING:
        wanted = group.object.spec.min_resources
        pods = (group.min_member, len(group.members))
        return (
            group.key.namespace,
            group.queue,
            group.priority,
            frozenset(wanted.items()) if wanted else None,
            pods,
            own,
        )
    kinds: dict[tuple[Hashable, ...], int] = {}
    for member in group.waiting():
        queued = member.queued
        if queued is None or queued.signature.whole is None or not is_judged_by_room(member.pod):
            return None
        pod = member.pod
        key = (queued.signature.whole, member.role, pod.priority, pod.spec.preemption_policy)
        kinds[key] = kinds.get(key, 0) + 1
    spec = group.object.spec
    if spec.network_topology is not None or spec.sub_group_policy:
        return None
    roles = (frozenset(group.role_minimums.items()), frozenset(group.ready_by_role.items()))
    return (
        group.queue,
        group.priority,
        group.min_member - group.ready_count,
        frozenset(kinds.items()),
        roles if group.role_minimums else (),
        own,
    )


def is_judged_by_room(pod: PodInfo) -> bool:
    """Whether other pods matter to it by what they take alone."""
    return pod.is_plain and not pod.spec.topology_spread_constraints
