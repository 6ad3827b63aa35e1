"""The actions `allocate` and `backfill`: groups get nodes that are free.

Gangs of which some members have nodes and too few to stand go first: they hold what they cannot
use, be it that a member was lost or that the scheduler was killed while it bound them. Then the
queue with the lowest share goes first, and in it the first group; after each turn shares are taken
anew. A turn places the group's minimum or nothing, and one member more where it has that. A
group that would fit but for pods that are about to end is nominated to their nodes and waits. A
queue whose strategy is fifo has no turn past a head that does not fit.

Source of the rules: Volcano v1.15, actions/allocate and actions/backfill.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.scheduler.cycle.attempts import Attempt, try_group
from shoal.scheduler.cycle.lines import Lines
from shoal.scheduler.cycle.reserving import Reservation
from shoal.scheduler.cycle.round import MemberRefusal, Round
from shoal.scheduler.cycle.transaction import Goal, Transaction
from shoal.scheduler.fairness.rules import Action
from shoal.scheduler.gangs.group import Group, GroupVerdict, Reason
from shoal.scheduler.gangs.likeness import Likeness, likeness_of
from shoal.scheduler.gangs.member import Member
from shoal.scheduler.gangs.order import members_in_order

_GATED_OR_NONE = 0


def allocate(round: Round, groups: Iterable[Group], reservation: Reservation) -> bool:
    """Whether all had their turn; else the round has placed as many as it may."""
    lines = Lines(round, [each for each in groups if _may_start(round, each)])
    has_backfill = Action.BACKFILL in round.rules.actions
    while (queue := lines.next_queue()) is not None:
        if round.budget <= 0:
            return False
        group = lines.pop(queue)
        round.lift_promise(group)
        if round.rules.overused and round.policy.is_overused(queue):
            round.promise(group)
            lines.push(group)
            lines.drop(queue)
            continue
        members = lines.members_of(group, with_best_effort=has_backfill)
        likeness = likeness_of(group)
        is_served = _turn(round, lines, group, members, reservation, likeness)
        round.promise(group)
        if is_served:
            if members:
                lines.push(group)
            if likeness is not None:
                _follow(round, lines, likeness)
            continue
        round.tried_in_vain.add(group.uid)
        if lines.is_fifo(queue):
            lines.drop(queue)
    return True


def _follow(round: Round, lines: Lines, likeness: Likeness) -> None:
    """A group found its places; the next that is equal to it has a turn as well."""
    following = round.book.waking.wake_next(likeness)
    if following is not None and _may_start(round, following):
        lines.push(following)


def backfill(round: Round, groups: Iterable[Group]) -> None:
    """Members that ask for nothing but a place go wherever there is one, each by itself."""
    lines = Lines(round, [each for each in groups if _may_start(round, each)])
    while (queue := lines.next_queue()) is not None:
        group = lines.pop(queue)
        for member in members_in_order(group, round.rules):
            if member.is_best_effort:
                transaction = Transaction(round, group)
                if transaction.try_member(member) is None:
                    transaction.commit()


def _may_start(round: Round, group: Group) -> bool:
    """Whether the group is admitted, and has as many pods as it needs."""
    if not group.is_known or group.waiting_count == _GATED_OR_NONE:
        return False
    if group.phase is PodGroupPhase.PENDING:
        if Action.ENQUEUE in round.rules.actions:
            return False
        round.book.set_phase(group, PodGroupPhase.INQUEUE)
    if not round.rules.gang_job_ready:
        return True
    valid, least = group.valid_count, group.min_member
    if valid < least:
        text = f"Not enough valid tasks for gang-scheduling, valid: {valid}, min: {least}"
        round.refuse(group, GroupVerdict(Reason.NOT_ENOUGH_TASKS, text))
        return False
    if _lacks_role(group):
        text = "Not enough valid pods of each task for gang-scheduling"
        round.refuse(group, GroupVerdict(Reason.NOT_ENOUGH_PODS_OF_TASK, text))
        return False
    return True


def _lacks_role(group: Group) -> bool:
    least = group.role_minimums
    if not least:
        return False
    valid = dict(group.ready_by_role)
    for member in group.waiting():
        valid[member.role] = valid.get(member.role, 0) + 1
    return any(valid.get(role, 0) < count for role, count in least.items())


def _turn(
    round: Round,
    lines: Lines,
    group: Group,
    members: deque[Member],
    reservation: Reservation,
    likeness: Likeness | None,
) -> bool:
    """Whether the group got something. Members that had their chance are taken off `members`."""
    is_gang = round.rules.gang_job_ready
    goal = Goal(group, is_gang=is_gang, counted=_best_effort_elsewhere(round, group, is_gang))
    if likeness is not None and likeness in lines.known:
        _refuse_alike(round, group, members, lines.known[likeness])
        return False
    if is_gang and not group.is_ready:
        attempt = try_group(round, group, list(members), goal)
        if not attempt.is_success and attempt.lacks_nodes:
            with reservation.lifted_for(group, round.now) as is_lifted:
                if is_lifted:
                    attempt = try_group(round, group, list(members), goal)
        members_left = {each.uid for each in members} - {
            each.uid for each in attempt.transaction.members
        }
    else:
        attempt, members_left = _one_more(round, group, members, goal)
    if attempt.is_success:
        group.verdict = None
        attempt.transaction.commit()
        kept = [each for each in members if each.uid in members_left]
        members.clear()
        members.extend(kept)
        return True
    members.clear()
    if _await_room(round, group, goal):
        return False
    if likeness is not None and attempt.refusals:
        lines.known[likeness] = attempt
    _explain(round, group, attempt)
    if is_gang:
        reservation.consider(round, group, lacks_nodes=attempt.lacks_nodes)
    return False


def _one_more(
    round: Round, group: Group, members: deque[Member], goal: Goal
) -> tuple[Attempt, set[str]]:
    """The first member that finds a place; those before it had their chance."""
    refusals: list[MemberRefusal] = []
    attempt = Attempt(Transaction(round, group), (), is_success=False)
    left = [*members]
    while left:
        attempt = try_group(round, group, [left.pop(0)], goal)
        if attempt.is_success:
            break
        refusals += attempt.refusals
    round.outcome.refusals += refusals if attempt.is_success else []
    done = Attempt(attempt.transaction, refusals, attempt.is_success, attempt.plan)
    return done, {each.uid for each in left}


def _best_effort_elsewhere(round: Round, group: Group, is_gang: bool) -> Sequence[Member]:
    """Members that `backfill` would place, where that is a matter of its own; they count as if
    they had a place."""
    if not is_gang or Action.BACKFILL in round.rules.actions:
        return ()
    return [each for each in group.waiting() if each.is_best_effort]


def _await_room(round: Round, group: Group, goal: Goal) -> bool:
    """Nominate the group to nodes that will do once pods that are about to end are gone."""
    if group.awaited:
        return True
    # Room that was promised and is not there, though nobody has to go any more.
    in_vain = round.nominated(group)
    for member in in_vain:
        round.nominations.remove(member.uid)
    plan: Sequence[tuple[Member, str]] = ()
    if round.book.leaving:
        members = members_in_order(group, round.rules)
        with round.without_leaving():
            attempt = try_group(round, group, members, goal)
            plan = attempt.transaction.take_back() if attempt.is_success else ()
    for member, node_name in plan:
        round.nominate(member, node_name)
    for member in in_vain if not plan else ():
        round.room_is_free(member.pod)
    return bool(plan)


def _explain(round: Round, group: Group, attempt: Attempt) -> None:
    """Why the group waits, for itself and for each of its members."""
    planned = [
        MemberRefusal(member, "", possible_node=node_name) for member, node_name in attempt.plan
    ]
    refusals = [*attempt.refusals, *planned]
    round.outcome.refusals += refusals
    if not group.is_ready and attempt.refusals:
        text = gang_message(group, attempt.refusals, len(planned))
        round.refuse(group, GroupVerdict(Reason.NOT_ENOUGH_RESOURCES, text))


def _refuse_alike(round: Round, group: Group, members: deque[Member], known: Attempt) -> None:
    """As a group that is equal to this one."""
    waiting = list(members)
    members.clear()
    count = len(known.refusals)
    refusals = [
        replace(known.refusals[min(index, count - 1)], member=member)
        for index, member in enumerate(waiting[len(known.plan) :])
    ]
    plan = [
        (member, node_name) for member, (_, node_name) in zip(waiting, known.plan, strict=False)
    ]
    _explain(round, group, replace(known, refusals=refusals, plan=plan))


def gang_message(group: Group, refusals: Sequence[MemberRefusal], placeable: int) -> str:
    """As Volcano's users know it (v1.15, plugins/gang and api/job_info.go)."""
    least = group.min_member
    waiting = group.waiting_count
    missing = max(least - group.ready_count - placeable, 0)
    parts = [f"{waiting - placeable} Unschedulable"]
    if placeable:
        parts.append(f"{placeable} Schedulable")
    origin = refusals[0]
    return (
        f"{missing}/{len(group.members)} tasks in gang unschedulable: pod group is not ready, "
        f"{waiting} Pending, {least} minAvailable; Pending: {', '.join(parts)}. "
        f"Origin reason is {origin.member.pod.name}: {origin.message}"
    )
