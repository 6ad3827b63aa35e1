"""Which waiting pods are promised which node, and for whose going they wait.

A pod is nominated to a node when PostFilter has made, or is making, room for it there. Until it is
placed, pods of lower or equal priority leave it that room: on such a node filters must pass with
the nominated pods on it, too. Plugins may look, and only the core writes. Behaviour:
Kubernetes v1.36, pkg/scheduler/backend/queue/nominator.go.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from shoal.scheduler.state.pod_info import PodInfo

_NOBODY: Mapping[str, PodInfo] = {}


class Nominations:
    """Empty most of the time, so that whoever asks should ask for its length first."""

    def __init__(self) -> None:
        self._node_of: dict[str, str] = {}
        self._on: dict[str, dict[str, PodInfo]] = {}
        """Node name -> uid -> pod."""
        self.is_kept_from: Callable[[PodInfo, PodInfo], bool] = is_no_lower
        """Whether room that is promised to the first pod is kept from the second."""

    def __len__(self) -> int:
        return len(self._node_of)

    def uids(self) -> list[str]:
        """Of all nominated pods."""
        return list(self._node_of)

    def node_of(self, uid: str) -> str:
        """The node's name; empty where the pod is nominated to none."""
        return self._node_of.get(uid, "")

    def pod(self, uid: str) -> PodInfo | None:
        """In the version that was nominated; None for one that is not."""
        node_name = self._node_of.get(uid)
        return self._on[node_name][uid] if node_name else None

    def on(self, node_name: str) -> Collection[PodInfo]:
        """Pods that are nominated to the node."""
        return self._on.get(node_name, _NOBODY).values()

    def heeded_by(self, pod: PodInfo, node_name: str) -> list[PodInfo]:
        """Nominated pods that the pod must leave room for on the node: those of at least its
        priority, unless `is_kept_from` says otherwise; without itself."""
        return [
            each
            for each in self.on(node_name)
            if each.uid != pod.uid and self.is_kept_from(each, pod)
        ]

    def nodes_heeded_by(self, pod: PodInfo) -> list[str]:
        """Names of the nodes where there are such pods."""
        return [name for name in self._on if self.heeded_by(pod, name)]

    def set(self, pod: PodInfo, node_name: str) -> None:
        """The pod, in its latest version, is nominated to the node, and to no other."""
        self.remove(pod.uid)
        self._node_of[pod.uid] = node_name
        self._on.setdefault(node_name, {})[pod.uid] = pod

    def remove(self, uid: str) -> str:
        """The name of the node that the pod was nominated to; empty for none."""
        node_name = self._node_of.pop(uid, "")
        if node_name:
            pods = self._on[node_name]
            del pods[uid]
            if not pods:
                del self._on[node_name]
        return node_name


def is_no_lower(one: PodInfo, other: PodInfo) -> bool:
    """By priority."""
    return one.priority >= other.priority


class AwaitedVictims:
    """Victims whose eviction is under way, by the pod that they make room for. It is not tried
    again before each of them is gone, or at least about to end."""

    def __init__(self) -> None:
        self._victims: dict[str, set[str]] = {}
        """Uid of the pod that waits -> uids of its victims."""

    def expect(self, uid: str, victims: Iterable[str]) -> None:
        """The pod waits for these, and for no others."""
        awaited = set(victims)
        if awaited:
            self._victims[uid] = awaited
        else:
            self.forget(uid)

    def is_expecting(self, uid: str) -> bool:
        return uid in self._victims

    def settle(self, victim: str) -> list[str]:
        """Nobody needs to wait for the victim any more; uids of pods that now wait for none."""
        if not self._victims:
            return []
        freed = [uid for uid, awaited in self._victims.items() if awaited == {victim}]
        for awaited in self._victims.values():
            awaited.discard(victim)
        for uid in freed:
            del self._victims[uid]
        return freed

    def forget(self, uid: str) -> None:
        """The pod waits no more: it is placed or gone."""
        self._victims.pop(uid, None)
