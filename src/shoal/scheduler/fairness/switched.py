"""A division of which some functions are off.

A function that is off answers as if its plugin were not there: queues go by age, nothing is
limited, everybody may reclaim, and a pod may be taken as long as some other plugin has a say about
victims. Without any, nobody is a victim. Source: Volcano v1.15,
pkg/scheduler/framework/session_plugins.go.
"""

from collections.abc import Mapping
from typing import Any

from shoal.scheduler.fairness.queue_policy import QueueClaim, Shortage
from shoal.scheduler.fairness.round_policy import RoundPolicy, closed
from shoal.scheduler.fairness.rules import Division, Rules
from shoal.scheduler.state.request import Amounts


def are_all_on(rules: Rules) -> bool:
    return (
        rules.division is not Division.NONE
        and rules.queue_order
        and rules.overused
        and rules.allocatable
        and rules.preemptive
        and rules.reclaimable
        and rules.job_enqueued
    )


class SwitchedPolicy:
    """`Division.NONE` is a division with everything off."""

    def __init__(self, policy: RoundPolicy, rules: Rules) -> None:
        self._policy = policy
        is_divided = rules.division is not Division.NONE
        self._is_ordered = is_divided and rules.queue_order
        self._has_overused = is_divided and rules.overused
        self._is_limited = is_divided and rules.allocatable
        self._is_admission_limited = is_divided and rules.job_enqueued
        self._is_preemptive = is_divided and rules.preemptive
        self._is_reclaimable = is_divided and rules.reclaimable
        self._has_other_voters = (
            rules.gang_reclaimable or rules.conformance_reclaimable or rules.cooldown or rules.pdb
        )
        self.allocate = policy.allocate
        self.release = policy.release
        self.admit = policy.admit

    def order_key(self, queue: str) -> tuple[Any, ...]:
        return self._policy.order_key(queue) if self._is_ordered else self._policy.age_key(queue)

    def is_overused(self, queue: str) -> bool:
        return self._has_overused and self._policy.is_overused(queue)

    def shortage(self, queue: str, request: Mapping[str, int]) -> Shortage | None:
        if self._is_limited:
            return self._policy.shortage(queue, request)
        return None if self._policy.has(queue) else closed(queue)

    def admission_shortage(self, queue: str, min_resources: Mapping[str, int]) -> Shortage | None:
        if self._is_admission_limited:
            return self._policy.admission_shortage(queue, min_resources)
        return None if self._policy.has(queue) else closed(queue)

    def may_reclaim(self, queue: str, request: Mapping[str, int]) -> bool:
        if self._is_preemptive:
            return self._policy.may_reclaim(queue, request)
        return self._policy.has(queue)

    def gives(self, victim: QueueClaim, reclaimer: QueueClaim) -> bool:
        if self._is_reclaimable:
            return self._policy.gives(victim, reclaimer)
        return (
            self._has_other_voters
            and victim.queue != reclaimer.queue
            and self._policy.is_reclaimable(victim.queue)
        )

    def victim_order_key(self, queue: str, reclaimer_queue: str) -> tuple[Any, ...]:
        if self._is_ordered:
            return self._policy.victim_order_key(queue, reclaimer_queue)
        return self._policy.victim_age_key(queue)

    def share(self, queue: str) -> float:
        return self._policy.share(queue)

    def deserved(self, queue: str) -> Amounts:
        return self._policy.deserved(queue)

    def is_within_share(self, queue: str, min_resources: Mapping[str, int]) -> bool:
        return self._policy.is_within_share(queue, min_resources)
