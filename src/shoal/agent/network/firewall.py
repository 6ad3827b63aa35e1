"""The nftables table of a bridge: pods reach the outside world as the machine, and the outside
world does not reach pods.

Forwarding is switched on for pods, so without rules any neighbour of the machine with a route to
the subnet could open connections to pods, Services and the API server there. Blocking; needs root.
"""

import os
import struct
from collections.abc import Callable, Iterator
from typing import Any

from shoal.agent.network import netlink
from shoal.agent.network.layout import AddressPlan

_NFPROTO_IPV4 = 2
_FILTER_PRIORITY = 0
_SOURCE_NAT_PRIORITY = 100
_ACCEPT, _DROP = 1, 0
"""Verdicts; the first is the policy of all chains here."""
_LOOPBACK_INDEX = 1
_META_INCOMING_INDEX = 4
"""NFT_META_IIF."""
_CT_STATE = 0
"""NFT_CT_STATE."""
_STATE_NEW = 8
"""IP_CT_NEW, as nftables' `ct state` has it."""


def set_up_table(plan: AddressPlan) -> Iterator[str]:
    """Make the table anew. A sentence for each thing that could not be had."""
    remove_table(plan.bridge)
    refusal = _attempt(plan, _masquerade)
    if refusal:
        yield f"pods reach no other machines: nftables: {refusal}"
    refusal = _attempt(plan, _shut_out)
    if refusal:
        yield f"other machines with a route to {plan.subnet} reach pods: nftables: {refusal}"


def remove_table(name: str) -> None:
    """Nothing happens where there is none, or no nftables."""
    refused = netlink.library("netlink.exceptions").NetlinkError
    try:
        with _tables() as tables:
            tables.table("del", name=name)
    except (refused, OSError):
        return


def _attempt(plan: AddressPlan, make: Callable[[Any, AddressPlan], None]) -> str:
    """Why not; empty when it is done."""
    refused = netlink.library("netlink.exceptions").NetlinkError
    try:
        with _tables() as tables:
            tables.table("add", name=plan.bridge)
            make(tables, plan)
    except refused as error:
        return os.strerror(error.code)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _masquerade(tables: Any, plan: AddressPlan) -> None:
    subnet = str(plan.subnet)
    rules = netlink.library("nftables.expressions")
    _chain(tables, plan.bridge, "postrouting", "nat", _SOURCE_NAT_PRIORITY)
    to_outside = rules.ipv4addr(dst=subnet, op=_differs())
    from_inside = rules.ipv4addr(src=subnet)
    _rule(tables, plan.bridge, "postrouting", from_inside, to_outside, rules.masq())


def _shut_out(tables: Any, plan: AddressPlan) -> None:
    """Drop what others begin: to pods it is forwarded, to addresses of Services it comes in.
    What the machine sends to itself comes in by its loopback."""
    subnet = str(plan.subnet)
    rules = netlink.library("nftables.expressions")
    drop = rules.verdict(code=_DROP)
    from_outside = rules.ipv4addr(src=subnet, op=_differs())
    to_inside = rules.ipv4addr(dst=subnet)
    _chain(tables, plan.bridge, "forward", "filter", _FILTER_PRIORITY)
    _rule(tables, plan.bridge, "forward", from_outside, to_inside, _is_new(), drop)
    _chain(tables, plan.bridge, "input", "filter", _FILTER_PRIORITY)
    _rule(tables, plan.bridge, "input", _came_by_cable(), from_outside, to_inside, drop)


def _chain(tables: Any, table: str, name: str, type: str, priority: int) -> None:
    """Named after its hook."""
    tables.chain(
        "add", table=table, name=name, hook=name, type=type, priority=priority, policy=_ACCEPT
    )


def _rule(tables: Any, table: str, chain: str, *expressions: Any) -> None:
    tables.rule("add", table=table, chain=chain, expressions=expressions)


def _came_by_cable() -> Any:
    """Not by the loopback."""
    index = struct.pack("=I", _LOOPBACK_INDEX)
    return [_loaded("meta", _META_INCOMING_INDEX), _compared(index)]


def _is_new() -> Any:
    """Of a connection of which nothing was seen before."""
    expressions = netlink.library("nftables.expressions")
    zero, new = struct.pack("=I", 0), struct.pack("=I", _STATE_NEW)
    masked = expressions.genex(
        "bitwise", {"sreg": 1, "dreg": 1, "len": 4, "mask": _data(new), "xor": _data(zero)}
    )
    return [_loaded("ct", _CT_STATE), masked, _compared(zero)]


def _loaded(kind: str, key: int) -> Any:
    """Something about the packet, put into the register that the next expressions read."""
    return netlink.library("nftables.expressions").genex(kind, {"dreg": 1, "key": key})


def _compared(value: bytes) -> Any:
    """Goes on where the register differs."""
    expressions = netlink.library("nftables.expressions")
    return expressions.genex("cmp", {"sreg": 1, "op": _differs(), "data": _data(value)})


def _data(value: bytes) -> Any:
    return {"attrs": [("NFTA_DATA_VALUE", value)]}


def _differs() -> Any:
    return netlink.library("netlink.nfnetlink.nftsocket").Cmp.NFT_CMP_NEQ


def _tables() -> Any:
    return netlink.library("nftables.main").NFTables(nfgen_family=_NFPROTO_IPV4)
