"""How much of the cluster may be promised: admission against all nodes together, times a factor.

Source: Volcano v1.15, pkg/scheduler/plugins/overcommit. Where Volcano rejects, a group that its
queue is entitled to must not be: others will have to make room for it (`QueuePolicy.
is_within_share`); who admits groups asks that first.
"""

from collections.abc import Mapping
from fractions import Fraction

from shoal.scheduler.fairness import amounts
from shoal.scheduler.state.request import Amounts


class Overcommit:
    """`used`: what all groups hold; `inqueue`: what admitted groups may still take."""

    def __init__(
        self,
        factor: float,
        total: Mapping[str, int],
        used: Mapping[str, int],
        inqueue: Mapping[str, int],
    ) -> None:
        exact = Fraction(str(factor))
        self._limit: Amounts = {name: int(amount * exact) for name, amount in total.items()}
        self._promised: Amounts = amounts.total_of((used, inqueue))

    def overused(self, min_resources: Mapping[str, int]) -> tuple[str, ...]:
        """The resources, sorted, of which too little is left for a group; empty if it may be
        admitted."""
        return tuple(
            sorted(
                name
                for name, amount in min_resources.items()
                if amount and self._promised.get(name, 0) + amount > self._limit.get(name, 0)
            )
        )

    def admit(self, min_resources: Mapping[str, int]) -> None:
        """A group was admitted."""
        amounts.add(self._promised, min_resources)
