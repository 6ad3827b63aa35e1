"""Whom a promise of room binds.

Among lone pods, and wherever one is concerned, priority decides, as in Kubernetes. Priorities of
two queues do not compare: a queue that made room with what it is entitled to would lose it to the
very pods that were evicted. What a gang has beyond its minimum takes no room from a minimum. And
members of one gang do not keep room from each other: it is placed as a whole.
"""

from shoal.scheduler.framework.nominations import is_no_lower
from shoal.scheduler.gangs.book import GangBook
from shoal.scheduler.state.pod_info import PodInfo


class Precedence:
    def __init__(self, book: GangBook) -> None:
        self._book = book

    def __call__(self, promised: PodInfo, other: PodInfo) -> bool:
        """Whether room that is promised to the first pod is kept from the second."""
        mine, theirs = self._book.group_of(promised.uid), self._book.group_of(other.uid)
        if mine is None or theirs is None:
            return is_no_lower(promised, other)
        if mine is theirs:
            return False
        return mine.queue != theirs.queue or theirs.is_ready or is_no_lower(promised, other)
