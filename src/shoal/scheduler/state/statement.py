"""A gang's placement as a transaction: assume all of its pods, then commit or discard.

Until it is committed a statement owns what it assumed, so no partial gang ever holds resources
beyond the cycle that tried to place it. A lone pod is a gang of one.
"""

from shoal.scheduler.state.cache import Cache
from shoal.scheduler.state.pod_info import PodInfo


class Statement:
    """Made for one cycle; ends with `commit` or `discard`."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._assumed: list[PodInfo] = []

    def assume(self, pod: PodInfo, node_name: str) -> None:
        self._cache.assume(pod, node_name)
        self._assumed.append(pod)

    def forget_last(self) -> None:
        """Take back the latest assumption alone: a reserve plugin refused it."""
        self._cache.forget(self._assumed.pop().uid)

    def commit(self) -> None:
        """Leave the pods assumed; from here on each is confirmed or forgotten by itself."""
        self._assumed.clear()

    def discard(self) -> None:
        """Forget every pod, latest first."""
        while self._assumed:
            self.forget_last()
