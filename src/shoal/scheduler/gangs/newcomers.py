"""Pods that came a moment ago, and may have to be told what they wait for.

Rounds judge pods whose group is there and admitted. A pod that waits for less than that is told so
in its condition, once, and only after some seconds: most have their group, and their node, well
before, and then nothing is written for them.
"""

from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime, timedelta

from shoal.api.meta import find_condition
from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.scheduler.gangs.book import GangBook, group_key_of
from shoal.scheduler.gangs.member import MemberState
from shoal.scheduler.state.pod_info import PodInfo

PATIENCE = timedelta(seconds=5)


class Newcomers:
    """Each change costs the same, however many there are."""

    def __init__(self, book: GangBook) -> None:
        self._book = book
        self._waiting: OrderedDict[str, tuple[datetime, PodInfo]] = OrderedDict()
        """By uid, in the order in which they are due. A plain dict is slow to find its first entry
        after many have left."""

    def see(self, pod: PodInfo, now: datetime) -> None:
        """A pod of a gang that waits for its node, new or changed."""
        known = self._waiting.get(pod.uid)
        if pod.object.is_deleting or pod.spec.scheduling_gates or _is_told(pod):
            self._waiting.pop(pod.uid, None)
        else:
            self._waiting[pod.uid] = (known[0] if known else now + PATIENCE, pod)

    def leave(self, uid: str) -> None:
        """It has a node, or is gone; unknown ones are fine."""
        self._waiting.pop(uid, None)

    def next_due(self) -> datetime | None:
        return next((due_at for due_at, _ in self._waiting.values()), None)

    def take_due(self, now: datetime) -> Iterator[tuple[PodInfo, str]]:
        """Pods that have waited long enough, and what for."""
        while (due_at := self.next_due()) is not None and due_at <= now:
            _, (_, pod) = self._waiting.popitem(last=False)
            if text := self._reason(pod):
                yield pod, text

    def _reason(self, pod: PodInfo) -> str:
        """Empty for a pod that rounds speak for."""
        key = group_key_of(pod)
        if key is None:
            return "it waits for its PodGroup, which the PodGroup controller makes"
        group, member = self._book.group_of(pod.uid), self._book.member(pod.uid)
        if group is None or member is None or member.state is not MemberState.WAITING:
            return ""
        if not group.is_known:
            return f"PodGroup {key} does not exist, and nothing of it is placed before it does"
        if group.phase is not PodGroupPhase.PENDING:
            return ""
        why = f": {group.verdict.message}" if group.verdict else ""
        return f"PodGroup {key} is not admitted to queue {group.queue}{why}"


def _is_told(pod: PodInfo) -> bool:
    return find_condition(pod.object.status.conditions, "PodScheduled") is not None
