"""What queues hold and want: the sums of their groups' usage.

A group that changed is counted anew only when somebody asks, so that a gang of hundreds that starts
is counted once.
"""

from collections import Counter
from collections.abc import Mapping

from shoal.scheduler.fairness.queue_policy import QueueUsage
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.state.request import Amounts


class Usages:
    def __init__(self) -> None:
        self._usage: dict[str, QueueUsage] = {}
        self._counts: Counter[str] = Counter()
        """Groups, by queue."""
        self._stale: dict[Group, None] = {}
        """Groups whose contribution is not what it was; a group that is gone may be called like
        one that has come since."""

    def note(self, group: Group) -> None:
        """The group changed, or is gone."""
        self._stale[group] = None

    def by_queue(self) -> Mapping[str, QueueUsage]:
        """Of queues that have groups."""
        for group in self._stale:
            usage = group.usage() if group.is_known else None
            if usage != group.contribution or group.queue != group.contributes_to:
                self._take_out(group)
                self._take_in(group, usage)
        self._stale.clear()
        return self._usage

    def _take_out(self, group: Group) -> None:
        if group.contribution is None:
            return
        queue = group.contributes_to
        self._counts[queue] -= 1
        if self._counts[queue]:
            _add_usage(self._usage[queue], group.contribution, -1)
        else:
            del self._counts[queue], self._usage[queue]
        group.contribution = None

    def _take_in(self, group: Group, usage: QueueUsage | None) -> None:
        if usage is None:
            return
        group.contribution = usage
        group.contributes_to = group.queue
        self._counts[group.queue] += 1
        _add_usage(self._usage.setdefault(group.queue, QueueUsage(has_groups=True)), usage, 1)


def _add_usage(total: QueueUsage, more: QueueUsage, sign: int) -> None:
    _add(total.allocated, more.allocated, sign)
    _add(total.request, more.request, sign)
    _add(total.inqueue, more.inqueue, sign)
    _add(total.elastic, more.elastic, sign)


def _add(total: Amounts, more: Mapping[str, int], sign: int) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + sign * amount
