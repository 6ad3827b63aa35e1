"""Evaluations by signature: the classes of pods that were seen lately.

Bounded by memory, not by number: an evaluation grows with the cluster. The class that was not
asked for longest goes first. A pod that is like no other so far leaves nothing behind, so that
thousands of different pods use the same memory, one after another.
"""

from collections import OrderedDict

from shoal.scheduler.cycle.evaluation import Evaluation, SharedVerdicts
from shoal.scheduler.framework.profile import Profile
from shoal.scheduler.framework.signing import Fragments, Signature
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

DEFAULT_LIMIT_BYTES = 128 * 2**20
_KEPT_VERDICTS = 64


class Evaluations:
    def __init__(self, snapshot: Snapshot, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self._snapshot = snapshot
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[tuple[str, Fragments], Evaluation] = OrderedDict()
        self._verdicts: OrderedDict[tuple[str, Fragments], SharedVerdicts] = OrderedDict()

    def get(self, profile: Profile, signature: Signature, pod: PodInfo) -> Evaluation:
        """The class of the pod; a class of its own where it has no signature, or nobody else has
        the same."""
        if signature.whole is None or not signature.whole.is_shared:
            return self.make_own(profile, signature, pod)
        key = (profile.scheduler_name, signature.whole)
        evaluation = self._kept.get(key)
        if evaluation is None:
            evaluation = self.make_own(profile, signature, pod)
            self._make_room(evaluation.size_bytes)
            self._kept[key] = evaluation
        else:
            self._kept.move_to_end(key)
        return evaluation

    def make_own(self, profile: Profile, signature: Signature, pod: PodInfo) -> Evaluation:
        """For the pod alone; what nodes by themselves say of it is shared all the same."""
        shared: SharedVerdicts = {}
        if signature.nodes is not None:
            key = (profile.scheduler_name, signature.nodes)
            shared = self._verdicts.setdefault(key, shared)
            self._verdicts.move_to_end(key)
            if len(self._verdicts) > _KEPT_VERDICTS:
                self._verdicts.popitem(last=False)
        return Evaluation(profile.points, pod, self._snapshot, shared)

    def _make_room(self, size_bytes: int) -> None:
        # All classes are about as large, because they cover the same cluster.
        while self._kept and (len(self._kept) + 1) * size_bytes > self._limit_bytes:
            self._kept.popitem(last=False)
