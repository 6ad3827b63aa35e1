"""Pod addresses: each pod of a machine gets one of its own in 127/8, where all can be bound."""

import itertools
import zlib
from collections.abc import Iterator
from ipaddress import IPv4Address

HOST_IP = "127.0.0.1"
_FIRST = int(IPv4Address("127.1.0.1"))
_LAST = int(IPv4Address("127.254.255.254"))


class PodAddresses:
    """Who has which address. One for all the virtual nodes of a control plane."""

    def __init__(self, owner: str = "") -> None:
        """`owner` names the control plane. Those that share a machine know nothing of each other:
        each begins somewhere else in the range, so that their pods do not meet."""
        self._begin = zlib.crc32(owner.encode()) if owner else 0
        self._by_pod: dict[str, str] = {}
        self._taken: set[str] = set()
        self._next = self._cycle()

    def claim(self, pod_uid: str, address: str) -> None:
        """Note an address that a pod has from an earlier agent."""
        self._by_pod[pod_uid] = address
        self._taken.add(address)

    def take(self, pod_uid: str) -> str:
        """The pod's address, a new one at the first call. Just released ones come last."""
        if (known := self._by_pod.get(pod_uid)) is not None:
            return known
        address = next(address for address in self._next if address not in self._taken)
        self.claim(pod_uid, address)
        return address

    def release(self, pod_uid: str) -> None:
        address = self._by_pod.pop(pod_uid, None)
        if address is not None:
            self._taken.discard(address)

    def _cycle(self) -> Iterator[str]:
        for step in itertools.count(self._begin):
            number = _FIRST + step % (_LAST - _FIRST + 1)
            if number & 0xFF not in (0, 0xFF):
                yield str(IPv4Address(number))
