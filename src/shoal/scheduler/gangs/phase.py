"""The phase of a PodGroup, as what its members do says.

    Pending --admitted--> Inqueue --minimum on nodes--> Running --all done--> Completed
                                        Running --members lost--> Unknown

Source: Volcano v1.15, pkg/scheduler/framework/session.go (getPodGroupPhase). On purpose different:
a group without any pods is never completed.
"""

from collections.abc import Mapping

from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.scheduler.gangs.member import MemberState

_SCHEDULED = (
    MemberState.BOUND,
    MemberState.RUNNING,
    MemberState.LEAVING,
    MemberState.SUCCEEDED,
    MemberState.FAILED,
)


def next_phase(
    before: PodGroupPhase,
    counts: Mapping[MemberState, int],
    min_member: int,
    *,
    is_rejected: bool,
) -> PodGroupPhase:
    """`is_rejected`: members wait, and the group is below its minimum. Total."""
    scheduled = 0
    for state in _SCHEDULED:  # A sum is slow, and this is asked at each change of each group.
        scheduled += counts.get(state, 0)
    done = counts.get(MemberState.SUCCEEDED, 0) + counts.get(MemberState.FAILED, 0)
    if counts.get(MemberState.RUNNING, 0) and is_rejected:
        return PodGroupPhase.UNKNOWN
    if scheduled and scheduled >= min_member:
        return PodGroupPhase.COMPLETED if scheduled == done else PodGroupPhase.RUNNING
    if before is PodGroupPhase.COMPLETED and not any(counts.values()):
        return before  # Its pods were removed after they were done.
    # Once admitted it stays so: a group that lost its nodes does not wait for admission again.
    return before if before is PodGroupPhase.PENDING else PodGroupPhase.INQUEUE
