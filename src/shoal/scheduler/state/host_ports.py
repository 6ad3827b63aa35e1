"""Ports of the nodes themselves that pods take: what a pod wants, and which rows have them taken.

Few pods want any, so the index is by port: a row is in it only while a pod there holds the port.
Source of the rules: Kubernetes v1.36, kube-scheduler/framework/types.go (HostPortInfo) and
pkg/scheduler/util (GetHostPorts).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from shoal.api.node import Node
from shoal.api.pod import PodSpec
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray

if TYPE_CHECKING:
    from shoal.scheduler.state.pod_info import PodInfo

EVERY_ADDRESS = "0.0.0.0"
_FEW_ROWS = 16


class HostPort(NamedTuple):
    """A port of the node, at one of its addresses or at all."""

    protocol: str
    port: int
    ip: str

    def conflicts_with(self, other: "HostPort") -> bool:
        return self[:2] == other[:2] and (
            self.ip == other.ip or EVERY_ADDRESS in (self.ip, other.ip)
        )


def of_pod(spec: PodSpec) -> tuple[HostPort, ...]:
    """What the pod's main containers and sidecars hold while it runs, each once, in order."""
    if not any(each.ports for each in (*spec.containers, *spec.init_containers)):
        return ()
    sidecars = (each for each in spec.init_containers if each.is_sidecar)
    wanted = {
        HostPort(port.protocol or "TCP", port.host_port, port.host_ip or EVERY_ADDRESS)
        for container in (*spec.containers, *sidecars)
        for port in container.ports
        if port.host_port > 0
    }
    return tuple(sorted(wanted))


class HostPortIndex:
    """Which rows hold which ports; a `PodIndex`."""

    def __init__(self) -> None:
        self._holders: dict[tuple[str, int], dict[str, dict[int, int]]] = {}
        """By protocol and port, then by address: how many pods of each row."""

    def set_node(self, row: int, node: Node) -> None:
        """Ports are those of pods."""

    def remove_node(self, row: int) -> None:
        """Its pods went before."""

    def add_pod(self, row: int, pod: "PodInfo") -> None:
        for protocol, port, ip in pod.host_ports:
            rows = self._holders.setdefault((protocol, port), {}).setdefault(ip, {})
            rows[row] = rows.get(row, 0) + 1

    def remove_pod(self, row: int, pod: "PodInfo") -> None:
        for protocol, port, ip in pod.host_ports:
            by_ip = self._holders[protocol, port]
            rows = by_ip[ip]
            rows[row] -= 1
            if rows[row] == 0:
                del rows[row]
            if not rows:
                del by_ip[ip]
            if not by_ip:
                del self._holders[protocol, port]

    def conflicts(self, wanted: Iterable[HostPort], nodes: NodeRows) -> IntArray | None:
        """1 for each row where one of the ports is taken, else 0; None where none is anywhere."""
        taken = [rows for port in wanted for rows in self._conflicting(port)]
        if not taken:
            return None
        if nodes.size <= _FEW_ROWS:
            return np.array([_is_in(row, taken) for row in nodes.numbers.tolist()], np.int64)
        is_taken = np.zeros(nodes.snapshot.row_count, np.int64)
        for rows in taken:
            is_taken[list(rows)] = 1
        return is_taken[nodes.rows]

    def _conflicting(self, wanted: HostPort) -> Iterator[dict[int, int]]:
        by_ip = self._holders.get(wanted[:2], {})
        for ip, rows in by_ip.items():
            if ip == wanted.ip or EVERY_ADDRESS in (ip, wanted.ip):
                yield rows


def _is_in(row: int, taken: Sequence[dict[int, int]]) -> bool:
    return any(row in rows for rows in taken)
