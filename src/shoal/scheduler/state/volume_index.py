"""Which claims and disks the pods of each row mount, so that nobody looks through pods for them."""

from collections.abc import Collection, Iterator, Mapping

from shoal.api.meta import ObjectKey
from shoal.api.node import Node
from shoal.scheduler.state.mounts import Disk
from shoal.scheduler.state.pod_info import PodInfo

_NOTHING: Mapping[ObjectKey, int] = {}


class VolumeIndex:
    """A `PodIndex`: rows by claim, claims by row, disks by row."""

    def __init__(self) -> None:
        self._users: dict[ObjectKey, int] = {}
        self._claims: dict[int, dict[ObjectKey, int]] = {}
        self._disks: dict[int, list[Disk]] = {}

    def user_count(self, claim: ObjectKey) -> int:
        """Pods with a place that mount the claim."""
        return self._users.get(claim, 0)

    def claims_on(self, row: int) -> Collection[ObjectKey]:
        """Each once."""
        return self._claims.get(row, _NOTHING).keys()

    def rows_with_disks(self) -> Iterator[tuple[int, Collection[Disk]]]:
        """A disk stands there as often as pods mount it."""
        return iter(self._disks.items())

    def set_node(self, row: int, node: Node) -> None:
        """Volumes are those of pods."""

    def remove_node(self, row: int) -> None:
        """Its pods went before."""

    def add_pod(self, row: int, pod: PodInfo) -> None:
        for mount in pod.claims:
            claim = ObjectKey(pod.namespace, mount.name)
            self._users[claim] = self._users.get(claim, 0) + 1
            claims = self._claims.setdefault(row, {})
            claims[claim] = claims.get(claim, 0) + 1
        if pod.disks:
            self._disks.setdefault(row, []).extend(pod.disks)

    def remove_pod(self, row: int, pod: PodInfo) -> None:
        for mount in pod.claims:
            claim = ObjectKey(pod.namespace, mount.name)
            _lower(self._users, claim)
            claims = self._claims[row]
            _lower(claims, claim)
            if not claims:
                del self._claims[row]
        for disk in pod.disks:
            disks = self._disks[row]
            disks.remove(disk)
            if not disks:
                del self._disks[row]


def _lower(counts: dict[ObjectKey, int], claim: ObjectKey) -> None:
    counts[claim] -= 1
    if not counts[claim]:
        del counts[claim]
