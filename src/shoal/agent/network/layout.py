"""Which addresses a control plane gives out: to the machine, to pods, to Services.

On a bridge, a subnet of 65,536 addresses belongs to the control plane: the lower half is for pods
(its first address is the bridge's own), the upper half for Services. Where there is no bridge,
both are in 127/8, of which any user may bind whatever he likes. Pure.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

LOOPBACK = "127.0.0.1"
SUBNET_PREFIX = 16
_BRIDGED = IPv4Network("10.128.0.0/9")
"""Subnets are taken from here: private, and seldom used by the networks of machines."""
_LOOPBACK_PODS = (IPv4Address("127.1.0.1"), IPv4Address("127.239.255.254"))
_LOOPBACK_SERVICES = IPv4Network("127.240.0.0/13")
_LOOPBACK_SERVICES_PREFIX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPlan:
    """The addresses of one control plane."""

    host: str
    """Of the machine, as pods reach it."""
    first_pod: IPv4Address
    last_pod: IPv4Address
    services: IPv4Network
    """Its first address is that of the Service `kubernetes`."""
    subnet: IPv4Network | None = None
    """Of the bridge; None where pods are in the network of the machine."""
    bridge: str = ""
    """Name of the interface, at most 15 characters."""

    @property
    def pods(self) -> IPv4Network:
        """The network that pods on a bridge are in."""
        assert self.subnet is not None
        return next(self.subnet.subnets())

    def covers_pod(self, address: str) -> bool:
        """Whether the address is one that pods get here."""
        return self.first_pod <= IPv4Address(address) <= self.last_pod


def on_loopback(owner: str) -> AddressPlan:
    """`owner` names the control plane. Those of one machine know nothing of each other: each has
    its Services in another part of the range."""
    parts = 1 << (_LOOPBACK_SERVICES_PREFIX - _LOOPBACK_SERVICES.prefixlen)
    return AddressPlan(
        host=LOOPBACK,
        first_pod=_LOOPBACK_PODS[0],
        last_pod=_LOOPBACK_PODS[1],
        services=_part(_LOOPBACK_SERVICES, _LOOPBACK_SERVICES_PREFIX, _digest(owner) % parts),
    )


def on_bridge(owner: str, subnet: IPv4Network) -> AddressPlan:
    pods, services = subnet.subnets()
    return AddressPlan(
        host=str(pods[1]),
        first_pod=pods[2],
        last_pod=pods[-2],
        services=services,
        subnet=subnet,
        bridge=bridge_name(owner),
    )


def bridge_name(owner: str) -> str:
    return f"shb{_digest(owner):08x}"


def choose_subnet(
    owner: str, taken: Iterable[IPv4Network], remembered: IPv4Network | None = None
) -> IPv4Network | None:
    """A subnet that meets none of `taken`: the one from the last time where that is still free,
    else the first free one from a place that the owner's name picks. None when all are taken."""
    avoided = list(taken)
    parts = 1 << (SUBNET_PREFIX - _BRIDGED.prefixlen)
    begin = _digest(owner)
    candidates = (_part(_BRIDGED, SUBNET_PREFIX, (begin + i) % parts) for i in range(parts))
    for subnet in (remembered, *candidates):
        if subnet is not None and not any(subnet.overlaps(other) for other in avoided):
            return subnet
    return None


def taken_networks(routes: str, own_bridge: str) -> list[IPv4Network]:
    """The networks that the machine has routes to, by the content of /proc/net/route; the default
    route and what is behind `own_bridge` do not count."""
    found: list[IPv4Network] = []
    for line in routes.splitlines()[1:]:
        fields = line.split()
        mask = _address(fields[7])
        if fields[0] != own_bridge and int(mask):
            found.append(IPv4Network(f"{_address(fields[1])}/{mask}", strict=False))
    return found


def hardware_address(address: str) -> str:
    """The same for the same address, so that nobody's memory of it is ever wrong."""
    return "02:00:" + ":".join(f"{byte:02x}" for byte in IPv4Address(address).packed)


def _address(little_endian: str) -> IPv4Address:
    return IPv4Address(bytes.fromhex(little_endian)[::-1])


def _part(network: IPv4Network, prefix: int, number: int) -> IPv4Network:
    begin = int(network.network_address) + (number << (32 - prefix))
    return IPv4Network((begin, prefix))


def _digest(text: str) -> int:
    return zlib.crc32(text.encode())
