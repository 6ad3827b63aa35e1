"""Cluster addresses of Services: one range, each address given to one Service at a time.

Which are used the store says; Services are written one after the other.
"""

from collections.abc import Collection
from ipaddress import IPv4Network, ip_address

import orjson

from shoal.api.resource import JsonObject
from shoal.apiserver.encoding import restamper
from shoal.apiserver.schema.defaults.services import (
    SERVICE_NETWORK,
    free_cluster_ip,
    set_cluster_ip,
)
from shoal.store.protocol import Store

SERVICES_BUCKET = "services/"
_API_SERVICE = f"{SERVICES_BUCKET}default/kubernetes"


class ServiceAddresses:
    def __init__(self, network: IPv4Network = SERVICE_NETWORK) -> None:
        self._network = network

    @property
    def of_server(self) -> str:
        """The address of the Service `kubernetes`."""
        return str(self._network[1])

    def choose(self, used: Collection[str], seed: int) -> str | None:
        """A free address, searched from a place that `seed` picks; None when there is none."""
        return free_cluster_ip(used, seed, self._network)

    def refusal(self, address: str, used: Collection[str]) -> str:
        """Why a Service cannot have this address; empty where it can. Texts: Kubernetes v1.36,
        pkg/registry/core/service/ipallocator."""
        if ip_address(address) not in self._network:
            why = f"the provided IP ({address}) is not in the valid range. "
            return f"{why}The range of valid IPs is {self._network}"
        return "provided IP is already allocated" if address in used else ""

    async def move_services(self, store: Store) -> None:
        """Give Services that have an address of another range one of this. A range changes with
        the network of the machine, and nothing would lead to the old addresses. Raises OSError
        where there are too few."""
        entries = store.list(SERVICES_BUCKET).entries
        used = {_cluster_ip(entry.value) for entry in entries}
        for entry in entries:
            service: JsonObject = orjson.loads(entry.value)
            before = _cluster_ip(entry.value)
            if before in {"", "None"} or ip_address(before) in self._network:
                continue
            address = self.of_server if entry.key == _API_SERVICE else self.choose(used, len(used))
            if address is None:
                raise OSError(f"{self._network} has too few addresses for the Services there are")
            set_cluster_ip(service, address)
            used.add(address)
            encode = restamper(orjson.dumps(service))
            await store.update(entry.key, encode, expected=entry.revision)


def _cluster_ip(value: bytes) -> str:
    spec: JsonObject = orjson.loads(value).get("spec") or {}
    return spec.get("clusterIP") or ""
