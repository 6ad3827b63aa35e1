"""From rules to the policy of a round: which division, and which of its functions are on."""

from collections.abc import Mapping

from shoal.api.volcano.queue import Queue
from shoal.scheduler.fairness.capacity import CapacityPolicy
from shoal.scheduler.fairness.fair import FairPolicy
from shoal.scheduler.fairness.proportion import ProportionPolicy
from shoal.scheduler.fairness.queue_policy import QueuePolicy, QueuePolicyMaker, QueueUsage
from shoal.scheduler.fairness.queue_tree import QueueTree
from shoal.scheduler.fairness.round_policy import RoundPolicy
from shoal.scheduler.fairness.rules import Division, Rules
from shoal.scheduler.fairness.switched import SwitchedPolicy, are_all_on
from shoal.scheduler.state.request import Amounts


def policy_of(rules: Rules) -> QueuePolicyMaker:
    """Makes the policy of each round under these rules."""

    def make(
        queues: Mapping[str, Queue], usage: Mapping[str, QueueUsage], total: Amounts
    ) -> QueuePolicy:
        policy = _undivided_or(rules, queues, usage, total)
        return policy if are_all_on(rules) else SwitchedPolicy(policy, rules)

    return make


def has_tree(rules: Rules) -> bool:
    """Whether parents of queues count."""
    match rules.division:
        case Division.FAIR:
            return True
        case Division.CAPACITY:
            return rules.hierarchy
        case Division.PROPORTION | Division.NONE:
            return False


def _undivided_or(
    rules: Rules, queues: Mapping[str, Queue], usage: Mapping[str, QueueUsage], total: Amounts
) -> RoundPolicy:
    match rules.division:
        case Division.FAIR:
            return FairPolicy(queues, usage, total)
        case Division.PROPORTION:
            return ProportionPolicy(queues, usage, total)
        case Division.CAPACITY:
            return CapacityPolicy(
                queues,
                usage,
                total,
                is_flat=not has_tree(rules),
                ancestor_reclaim_level=rules.ancestor_reclaim_level,
            )
        case Division.NONE:
            return RoundPolicy(QueueTree(queues, usage, is_flat=True), total)
