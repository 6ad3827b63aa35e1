"""Evaluations by signature: the classes of pods that were seen lately.

Bounded by memory, not by number: an evaluation grows with the cluster. The class that was not
asked for longest goes first.
"""

from collections import OrderedDict
from collections.abc import Hashable

from shoal.scheduler.cycle.evaluation import Evaluation
from shoal.scheduler.framework.profile import Profile
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

DEFAULT_LIMIT_BYTES = 128 * 2**20


class Evaluations:
    def __init__(self, snapshot: Snapshot, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self._snapshot = snapshot
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[tuple[str, Hashable], Evaluation] = OrderedDict()

    def get(self, profile: Profile, signature: Hashable | None, pod: PodInfo) -> Evaluation:
        """The class of the pod; a class of its own where it has no signature."""
        if signature is None:
            return Evaluation(profile.points, pod, self._snapshot)
        key = (profile.scheduler_name, signature)
        evaluation = self._kept.get(key)
        if evaluation is None:
            evaluation = Evaluation(profile.points, pod, self._snapshot)
            self._make_room(evaluation.size_bytes)
            self._kept[key] = evaluation
        else:
            self._kept.move_to_end(key)
        return evaluation

    def _make_room(self, size_bytes: int) -> None:
        # All classes are about as large, because they cover the same cluster.
        while self._kept and (len(self._kept) + 1) * size_bytes > self._limit_bytes:
            self._kept.popitem(last=False)
