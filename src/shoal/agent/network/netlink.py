"""Requests to the kernel about links and addresses: pyroute2 writes the messages, a plain socket
carries them.

pyroute2's own sockets run an event loop each, which is most of the time that a namespace takes;
here a batch of messages is one system call.
"""

import importlib
import importlib.util
import os
import socket
import struct
import sys
from collections.abc import Sequence
from types import ModuleType, TracebackType
from typing import Any, Self

_ERROR = struct.Struct("=IHHIIi")
"""nlmsghdr (length, type, flags, sequence, port) and the error number of an answer."""
_NLMSG_ERROR = 2
_ANSWER_BYTES = 65536
_RTM_NEWLINK = 16
_RTM_DELLINK = 17
_RTM_NEWADDR = 20
_RTM_NEWROUTE = 24
_ACKNOWLEDGED = 0x5
"""NLM_F_REQUEST, NLM_F_ACK."""
_CREATED = 0x5 | 0x600
"""And NLM_F_CREATE, NLM_F_EXCL."""
_UP = 1
_PEER_INDEX = 2
"""In a new namespace only the loopback, number 1, is there before."""
_LOOPBACK_INDEX = 1
_ROUTE_LOCAL = 2
_TABLE_LOCAL = 255
_TABLE_MAIN = 254
_ROUTE_UNICAST = 1
_STATIC = 4
_SCOPE_UNIVERSE = 0
_SCOPE_HOST = 254
_LIBRARY = "pyroute2"


def library(module: str) -> ModuleType:
    """A module of pyroute2, on first need. The package's own beginning imports all of it, which
    takes 13 MiB and a tenth of a second of CPU; an empty package stands in for it."""
    if _LIBRARY not in sys.modules:
        spec = importlib.util.find_spec(_LIBRARY)
        assert spec is not None, "it is among the dependencies"
        sys.modules[_LIBRARY] = importlib.util.module_from_spec(spec)
    return importlib.import_module(f"{_LIBRARY}.{module}")


class Netlink:
    """A socket to the network namespace that the calling thread was in when it was made."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))

    def send(self, messages: Sequence[bytes], action: str) -> None:
        """All in turn. Raises OSError of the first that is refused, saying what was tried."""
        self._socket.send(b"".join(messages))
        answers, first_error = 0, 0
        while answers < len(messages):
            data = self._socket.recv(_ANSWER_BYTES)
            while data:
                length, kind, _, _, _, error = _ERROR.unpack_from(data)
                if kind == _NLMSG_ERROR:
                    answers += 1
                    first_error = first_error or -error
                data = data[(length + 3) & ~3 :]
        if first_error:
            raise OSError(first_error, f"{action}: {os.strerror(first_error)}")

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def bridge(name: str, hardware_address: str) -> bytes:
    """A bridge that is up. Without an address of its own it would take that of its ports in turn,
    and be forgotten by all others each time."""
    return _link(
        _CREATED,
        flags=_UP,
        attrs=[
            ("IFLA_IFNAME", name),
            ("IFLA_ADDRESS", hardware_address),
            ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", "bridge")]}),
        ],
    )


def pair(name: str, bridge_index: int, namespace_fd: int) -> bytes:
    """Two ends of a cable: `name` on the bridge, `eth0` in the namespace; the former is up."""
    peer = {
        "index": _PEER_INDEX,
        "attrs": [("IFLA_IFNAME", "eth0"), ("IFLA_NET_NS_FD", namespace_fd)],
    }
    kind = [
        ("IFLA_INFO_KIND", "veth"),
        ("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", peer)]}),
    ]
    attrs = [
        ("IFLA_IFNAME", name),
        ("IFLA_MASTER", bridge_index),
        ("IFLA_LINKINFO", {"attrs": kind}),
    ]
    return _link(_CREATED, flags=_UP, attrs=attrs)


def inside(address: str, prefix: int, gateway: str, hardware_address: str) -> list[bytes]:
    """What makes a new namespace a pod's: loopback, address, way out."""
    route = _message("rtmsg", _RTM_NEWROUTE, _CREATED, _route_fields(gateway))
    return [
        _link(_ACKNOWLEDGED, index=_LOOPBACK_INDEX, flags=_UP),
        _link(
            _ACKNOWLEDGED,
            index=_PEER_INDEX,
            flags=_UP,
            attrs=[("IFLA_ADDRESS", hardware_address)],
        ),
        own_address(_PEER_INDEX, address, prefix),
        route,
    ]


def own_address(index: int, address: str, prefix: int) -> bytes:
    fields = {
        "index": index,
        "family": socket.AF_INET,
        "prefixlen": prefix,
        "attrs": [("IFA_LOCAL", address), ("IFA_ADDRESS", address)],
    }
    return _message("ifaddrmsg", _RTM_NEWADDR, _CREATED, fields)


def local_route(index: int, network: str, prefix: int) -> bytes:
    """Makes all addresses of a network the machine's own, to be bound by whoever likes."""
    fields = {
        "family": socket.AF_INET,
        "dst_len": prefix,
        "table": _TABLE_LOCAL,
        "proto": _STATIC,
        "scope": _SCOPE_HOST,
        "type": _ROUTE_LOCAL,
        "attrs": [("RTA_DST", network), ("RTA_OIF", index)],
    }
    return _message("rtmsg", _RTM_NEWROUTE, _CREATED, fields)


def removal(index: int) -> bytes:
    """Of a link."""
    fields = {"index": index, "attrs": []}
    return _message("ifinfmsg", _RTM_DELLINK, _ACKNOWLEDGED, fields)


def _route_fields(gateway: str) -> dict[str, Any]:
    return {
        "family": socket.AF_INET,
        "table": _TABLE_MAIN,
        "proto": _STATIC,
        "scope": _SCOPE_UNIVERSE,
        "type": _ROUTE_UNICAST,
        "attrs": [("RTA_GATEWAY", gateway)],
    }


def _link(
    header_flags: int, *, index: int = 0, flags: int = 0, attrs: Sequence[tuple[str, Any]] = ()
) -> bytes:
    fields = {"index": index, "flags": flags, "change": flags, "attrs": list(attrs)}
    return _message("ifinfmsg", _RTM_NEWLINK, header_flags, fields)


def _message(name: str, kind: int, flags: int, fields: dict[str, Any]) -> bytes:
    made = getattr(library(f"netlink.rtnl.{name}"), name)()
    for field, value in fields.items():
        made[field] = value
    made["header"]["type"] = kind
    made["header"]["flags"] = flags
    made.encode()
    return bytes(made.data)
