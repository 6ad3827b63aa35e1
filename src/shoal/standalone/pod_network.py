"""How the pods of a control plane are connected: found out once, before anything has an address.

As root, and with sandboxes, each pod gets a network namespace on a bridge of the control plane;
else all pods are in the network of the machine. The subnet of the bridge is noted in the data
folder, because Services keep their addresses.
"""

import asyncio
import fcntl
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from shoal.agent.network import bridge
from shoal.agent.network.layout import (
    AddressPlan,
    bridge_name,
    choose_subnet,
    on_bridge,
    on_loopback,
    taken_networks,
)
from shoal.agent.network.namespaces import PodNamespaces
from shoal.agent.node_context import PodNetworkFacts
from shoal.standalone.config import ConfigError, NetworkSection
from shoal.standalone.leftovers import has_live_containers

_log = logging.getLogger(__name__)

_ROUTES = Path("/proc/net/route")
_SUBNET_FILE = "subnet"
_LOCK_FILE = "network.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodNetwork:
    plan: AddressPlan
    sentence: str
    """How pods are connected, and what is missing: for the log and the Node."""
    namespaces: PodNamespaces | None = None
    """None: pods are in the network of the machine."""

    @property
    def facts(self) -> PodNetworkFacts:
        """For the Node."""
        return PodNetworkFacts(is_isolated=self.namespaces is not None, sentence=self.sentence)


@asynccontextmanager
async def pod_network(
    data_dir: Path, section: NetworkSection, refusal: str
) -> AsyncGenerator[PodNetwork]:
    """`refusal` is why pods cannot have namespaces, if that is known already. Afterwards the
    bridge is gone, unless pods go on. Raises ConfigError where the subnet cannot be used."""
    owner = str(data_dir)
    if not section.namespaces:
        refusal = "as configured"
    lock = _lock(data_dir)
    if lock is None:
        # Its bridge is in use. Whoever opens the data next says so.
        refusal = "another control plane has the data folder"
    plan = None if refusal else _bridge_plan(data_dir, section)
    missing: list[str] = []
    if plan is not None:
        try:
            await asyncio.to_thread(bridge.remove_abandoned, plan.bridge)
            missing = await asyncio.to_thread(bridge.set_up, plan, owner)
        except OSError as error:
            refusal, plan = str(error), None
    if plan is None:
        if lock is not None:
            os.close(lock)
        yield PodNetwork(plan=on_loopback(owner), sentence=_shared(refusal))
        return
    (data_dir / _SUBNET_FILE).write_text(str(plan.subnet))
    for sentence in missing:
        _log.warning("%s", sentence)
    found = f"a network namespace per pod, on {plan.bridge} with {plan.pods}"
    try:
        yield PodNetwork(
            plan=plan,
            sentence="; ".join([found, *missing]),
            namespaces=PodNamespaces(plan),
        )
    finally:
        # Pods on the network of the machine reach Services by it.
        if not (bridge.is_needed(plan.bridge) or has_live_containers(data_dir / "pods")):
            await asyncio.to_thread(bridge.take_down, plan.bridge)
        if lock is not None:
            os.close(lock)


def _lock(data_dir: Path) -> int | None:
    """A descriptor that says whose bridge it is, as long as it is open; None where another process
    has one."""
    fd = os.open(data_dir / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def _shared(refusal: str) -> str:
    return (
        "pods share the network of the machine, each with an address in 127/8 that it should bind "
        f"instead of 0.0.0.0: {refusal}"
    )


def _bridge_plan(data_dir: Path, section: NetworkSection) -> AddressPlan:
    owner = str(data_dir)
    taken = taken_networks(_ROUTES.read_text(), bridge_name(owner))
    if section.subnet is not None:
        wanted = IPv4Network(section.subnet)
        for other in taken:
            if wanted.overlaps(other):
                raise ConfigError(
                    f"network.subnet {wanted} overlaps {other}, which this machine has a route "
                    "to; choose another, or leave it out"
                )
        return on_bridge(owner, wanted)
    subnet = choose_subnet(owner, taken, _remembered(data_dir))
    if subnet is None:
        raise ConfigError(
            "every subnet of 10.128.0.0/9 overlaps a route of this machine; name a free one as "
            "network.subnet in shoal.yaml"
        )
    return on_bridge(owner, subnet)


def _remembered(data_dir: Path) -> IPv4Network | None:
    try:
        return IPv4Network((data_dir / _SUBNET_FILE).read_text())
    except (FileNotFoundError, ValueError):
        return None
