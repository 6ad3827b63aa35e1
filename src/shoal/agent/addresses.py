"""Pod addresses: each pod of a machine gets one of its own, of those that its control plane has."""

import itertools
import zlib
from collections.abc import Iterator
from ipaddress import IPv4Address

from shoal.agent.network.layout import AddressPlan, on_loopback

HOST_IP = "127.0.0.1"


class PodAddresses:
    """Who has which address. One for all the virtual nodes of a control plane."""

    def __init__(self, owner: str = "", plan: AddressPlan | None = None) -> None:
        """`owner` names the control plane. Those that share a machine know nothing of each other:
        each begins somewhere else in its range, so that pods in 127/8 do not meet. Without a
        `plan`, the range is that of pods in the network of the machine."""
        self._plan = plan or on_loopback(owner)
        self._begin = zlib.crc32(owner.encode()) if owner else 0
        self._by_pod: dict[str, str] = {}
        self._owners: dict[str, str] = {}
        """By address: who has it. Each pod has one."""
        self._next = self._cycle()

    def covers(self, address: str) -> bool:
        """Whether it is of this control plane's range."""
        return self._plan.covers_pod(address)

    def claim(self, pod_uid: str, address: str) -> None:
        """Note an address that a pod has from an earlier agent, unless another pod has it or this
        one has another. All are claimed before the first is taken."""
        if pod_uid not in self._by_pod and address not in self._owners:
            self._by_pod[pod_uid] = address
            self._owners[address] = pod_uid

    def take(self, pod_uid: str) -> str:
        """The pod's address, a new one at the first call. Just released ones come last."""
        if (known := self._by_pod.get(pod_uid)) is not None:
            return known
        address = next(address for address in self._next if address not in self._owners)
        self.claim(pod_uid, address)
        return address

    def release(self, pod_uid: str) -> None:
        address = self._by_pod.pop(pod_uid, None)
        if address is not None:
            del self._owners[address]

    def _cycle(self) -> Iterator[str]:
        first, last = int(self._plan.first_pod), int(self._plan.last_pod)
        for step in itertools.count(self._begin):
            number = first + step % (last - first + 1)
            if number & 0xFF not in (0, 0xFF):
                yield str(IPv4Address(number))
