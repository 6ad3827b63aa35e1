"""What a queue's less important groups would give up for one that waits for admission.

A group that is not admitted has no pods, so nothing can be preempted for it: in a full queue, or a
full cluster, the most important group would wait for as long as the others run. So what lower
groups of its queue hold, or are promised, does not count against it. (In Volcano v1.15 it does.)
"""

from dataclasses import dataclass

from shoal.scheduler.cycle.round import Round
from shoal.scheduler.fairness import amounts
from shoal.scheduler.fairness.rules import Action
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.state.request import Amounts

_PREEMPTING = frozenset((Action.PREEMPT, Action.GANG_PREEMPT))


@dataclass(frozen=True, slots=True)
class _Given:
    counted: Amounts
    """Held or promised, without what is elastic."""
    elastic: Amounts


class Yielding:
    """As things stand when somebody is kept out for the first time in a round."""

    def __init__(self, round: Round) -> None:
        self._round = round
        self._lowest: int | None = None
        """Priority of the least important group; looked for once it is needed."""
        self._given: dict[tuple[str, int], _Given] = {}
        """To groups of a queue that have a priority."""

    def less(self, group: Group, *, counts_elastic: bool) -> Amounts:
        """The group's minResources beyond that; below zero where others give more.
        `counts_elastic`: whether what groups hold beyond their minimum is counted against it."""
        wanted = dict(group.min_resources or {})
        if not self._is_above_any(group):
            return wanted
        key = (group.queue, group.priority)
        given = self._given.get(key)
        if given is None:
            given = self._given[key] = self._given_to(*key)
        for name in wanted:
            wanted[name] -= given.counted.get(name, 0)
            if counts_elastic:
                wanted[name] -= given.elastic.get(name, 0)
        return wanted

    def _given_to(self, queue: str, priority: int) -> _Given:
        given = _Given({}, {})
        for group in self._round.book:
            if group.queue == queue and group.priority < priority and _yields(group):
                usage = group.usage()
                amounts.add(given.counted, usage.allocated)
                amounts.add(given.counted, usage.inqueue)
                amounts.subtract(given.counted, usage.elastic)
                amounts.add(given.elastic, usage.elastic)
        return given

    def _is_above_any(self, group: Group) -> bool:
        rules = self._round.rules
        if not (rules.priority_preemptable and _PREEMPTING.intersection(rules.actions)):
            return False
        if self._lowest is None:
            self._lowest = min(each.priority for each in self._round.book)
        return group.priority > self._lowest


def _yields(group: Group) -> bool:
    return group.is_known and not group.is_protected
