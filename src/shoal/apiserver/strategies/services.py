"""Services: the cluster address and node ports are the server's to give.

Source of what changes with the type: Kubernetes v1.36, pkg/registry/core/service/strategy.go
(patchAllocatedValues, dropTypeDependentFields) and storage/alloc.go.
"""

from collections.abc import Iterator

import orjson

from shoal.api import causes
from shoal.api.resource import JsonObject
from shoal.api.status import Cause, internal_error, invalid
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
    is_written_in_turn = True

    def prepare_create(self, core: Core, target: Target, obj: JsonObject) -> None:
        obj["status"] = {"loadBalancer": {}}
        _allocate(core, target, obj, {})

    def prepare_update(self, core: Core, target: Target, new: JsonObject, old: JsonObject) -> None:
        """A PUT or patch that leaves out what was given keeps it; what only the old type has and
        nobody has changed goes with the type."""
        spec, before = new.setdefault("spec", {}), old.get("spec") or {}
        _keep_given(spec, before)
        _drop_what_the_type_lacks(spec, before)
        _allocate(core, target, new, before)


def _keep_given(spec: JsonObject, before: JsonObject) -> None:
    if _has_address(spec) and _has_address(before) and not spec.get("clusterIP"):
        spec["clusterIP"] = before.get("clusterIP", "")
        spec["clusterIPs"] = before.get("clusterIPs") or [spec["clusterIP"]]
    if not (_has_node_ports(spec) and _has_node_ports(before)):
        return
    given = {(p.get("protocol"), p.get("port")): p.get("nodePort") for p in _ports(before)}
    named = {port.get("nodePort") for port in _ports(spec)}
    for port in _ports(spec):
        number = given.get((port.get("protocol"), port.get("port")))
        if number and not port.get("nodePort") and number not in named:
            port["nodePort"] = number


def _drop_what_the_type_lacks(spec: JsonObject, before: JsonObject) -> None:
    if _has_address(before) and not _has_address(spec):
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if spec.get(field) == before.get(field):
                spec.pop(field, None)
    if _has_node_ports(before) and not _has_node_ports(spec):
        if _node_ports(spec) == _node_ports(before):
            for port in _ports(spec):
                port.pop("nodePort", None)
        if spec.get("externalTrafficPolicy") == before.get("externalTrafficPolicy"):
            spec.pop("externalTrafficPolicy", None)
    if before.get("type") == "LoadBalancer" != spec.get("type"):
        field = "allocateLoadBalancerNodePorts"
        if spec.get(field) == before.get(field):
            spec.pop(field, None)


def _allocate(core: Core, target: Target, service: JsonObject, before: JsonObject) -> None:
    """What the author chose must be free; what was left open is chosen. Raises ApiError."""
    spec: JsonObject = service["spec"]
    others = list(_others(core, target.key_of(service["metadata"].get("name", ""))))
    used = {other.get("clusterIP", "") for other in others}
    used_ports = {number for other in others for _, number in _node_ports(other)}
    why = [*_address_refusals(core, spec, before, used), *_port_refusals(spec, before, used_ports)]
    if why:
        raise invalid("", "Service", service["metadata"].get("name", ""), why)
    if needs_cluster_ip(service):
        address = core.service_addresses.choose(used, core.rng.getrandbits(32))
        if address is None:
            raise internal_error("failed to allocate IP for Service: range is full")
        set_cluster_ip(service, address)
    if not _has_node_ports(spec) or spec.get("allocateLoadBalancerNodePorts") is False:
        return
    used_ports |= {number for _, number in _node_ports(spec)}
    for port in _ports(spec):
        if port.get("nodePort"):
            continue
        number = free_node_port(used_ports, core.rng.getrandbits(32))
        if number is None:
            raise internal_error("failed to allocate a nodePort: range is full")
        used_ports.add(number)
        port["nodePort"] = number


def _address_refusals(
    core: Core, spec: JsonObject, before: JsonObject, used: set[str]
) -> Iterator[Cause]:
    """One that stays has been judged."""
    address = spec.get("clusterIP", "")
    if not _has_address(spec) or not is_address(address) or address == before.get("clusterIP"):
        return
    why = core.service_addresses.refusal(address, used)
    if why:
        text = f"failed to allocate IP {address}: {why}"
        yield causes.invalid("spec.clusterIPs", [address], text)


def _port_refusals(spec: JsonObject, before: JsonObject, used_ports: set[int]) -> Iterator[Cause]:
    """Ports of one Service may share a number under different protocols."""
    taken = used_ports - {number for _, number in _node_ports(before)}
    for index, port in enumerate(_ports(spec)):
        number = port.get("nodePort")
        if number in taken and _has_node_ports(spec):
            path = f"spec.ports[{index}].nodePort"
            yield causes.invalid(path, number, "provided port is already allocated")


def _others(core: Core, own_key: str) -> Iterator[JsonObject]:
    """The specs of all Services but one."""
    for entry in core.store.list(SERVICES_BUCKET).entries:
        if entry.key != own_key:
            yield orjson.loads(entry.value).get("spec") or {}


def _has_address(spec: JsonObject) -> bool:
    """Whether the type has one, or `None` in its place."""
    return spec.get("type") != "ExternalName"


def _has_node_ports(spec: JsonObject) -> bool:
    return spec.get("type") in _WITH_NODE_PORTS


def _node_ports(spec: JsonObject) -> set[tuple[str, int]]:
    ports = _ports(spec)
    return {(p.get("protocol", ""), p["nodePort"]) for p in ports if p.get("nodePort")}


def _ports(spec: JsonObject) -> list[JsonObject]:
    return spec.get("ports") or []
