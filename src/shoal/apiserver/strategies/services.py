"""Services: the cluster address and node ports are the server's to give."""

from collections.abc import Iterator

import orjson

from shoal.api import causes
from shoal.api.resource import JsonObject
from shoal.api.status import internal_error, invalid
from shoal.apiserver.core import Core
from shoal.apiserver.requests import Target
from shoal.apiserver.schema.addresses import is_address
from shoal.apiserver.schema.defaults.services import (
    free_node_port,
    needs_cluster_ip,
    set_cluster_ip,
)
from shoal.apiserver.service_addresses import SERVICES_BUCKET
from shoal.apiserver.strategies.strategy import Strategy

_WITH_NODE_PORTS = {"NodePort", "LoadBalancer"}


class ServiceStrategy(Strategy):
    def prepare_create(self, core: Core, target: Target, obj: JsonObject) -> None:
        obj["status"] = {"loadBalancer": {}}
        _check_wanted(core, target, obj)
        self._allocate(core, obj)

    def prepare_update(self, core: Core, target: Target, new: JsonObject, old: JsonObject) -> None:
        """A PUT or patch that leaves the address out keeps it."""
        spec, before = new.setdefault("spec", {}), old.get("spec") or {}
        if spec.get("type") == "ExternalName":
            spec.pop("clusterIP", None)
            spec.pop("clusterIPs", None)
            return
        if not spec.get("clusterIP") and before.get("clusterIP"):
            spec["clusterIP"] = before["clusterIP"]
            spec["clusterIPs"] = before.get("clusterIPs") or [before["clusterIP"]]
        if not before.get("clusterIP"):
            _check_wanted(core, target, new)
        kept = {(p.get("protocol"), p.get("port")): p.get("nodePort") for p in _ports(before)}
        if spec.get("type") in _WITH_NODE_PORTS:
            for port in _ports(spec):
                node_port = kept.get((port.get("protocol"), port.get("port")))
                if node_port and not port.get("nodePort"):
                    port["nodePort"] = node_port
        self._allocate(core, new)

    def _allocate(self, core: Core, service: JsonObject) -> None:
        spec: JsonObject = service["spec"]
        if needs_cluster_ip(service):
            address = core.service_addresses.choose(_used(core), core.rng.getrandbits(32))
            if address is None:
                raise internal_error("failed to allocate IP for Service: range is full")
            set_cluster_ip(service, address)
        if spec.get("type") not in _WITH_NODE_PORTS:
            return
        wanting = [port for port in _ports(spec) if not port.get("nodePort")]
        if not wanting:
            return
        used_ports = {p.get("nodePort", 0) for s in _specs(core) for p in _ports(s)}
        for port in wanting:
            number = free_node_port(used_ports, core.rng.getrandbits(32))
            if number is None:
                raise internal_error("failed to allocate a nodePort: range is full")
            used_ports.add(number)
            port["nodePort"] = number


def _check_wanted(core: Core, target: Target, service: JsonObject) -> None:
    """An address that the author chose must be free, and of the range. That of the same Service
    is no matter: it exists already, which is told later."""
    address = service["spec"].get("clusterIP", "")
    if not is_address(address) or service["spec"].get("type") == "ExternalName":
        return
    own = target.key_of(service["metadata"].get("name", ""))
    why = core.service_addresses.refusal(address, _used(core, own))
    if why:
        text = f"failed to allocate IP {address}: {why}"
        cause = causes.invalid("spec.clusterIPs", [address], text)
        raise invalid("", "Service", service["metadata"].get("name", ""), [cause])


def _used(core: Core, but: str = "") -> set[str]:
    return {spec.get("clusterIP", "") for spec in _specs(core, but)}


def _specs(core: Core, but: str = "") -> Iterator[JsonObject]:
    """Of all Services except the one with the key `but`."""
    for entry in core.store.list(SERVICES_BUCKET).entries:
        if entry.key != but:
            yield orjson.loads(entry.value).get("spec") or {}


def _ports(spec: JsonObject) -> list[JsonObject]:
    return spec.get("ports") or []
