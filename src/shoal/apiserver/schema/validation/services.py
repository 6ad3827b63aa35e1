"""Rules for services, endpoints and endpoint slices.

Source of rules and texts: Kubernetes v1.36, pkg/apis/{core,discovery}/validation.
"""

from collections.abc import Iterator

from shoal.api import causes
from shoal.api.names import (
    dns_1035_label,
    dns_label,
    dns_subdomain,
    port_name,
    port_number,
)
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.addresses import is_address
from shoal.apiserver.schema.defaults.services import NODE_PORTS
from shoal.apiserver.schema.validation.metadata import validate_labels, validate_metadata

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
_AFFINITIES = ("ClientIP", "None")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_TRAFFIC_POLICIES = ("Cluster", "Local")
_HEADLESS = "None"
_IP_TEXT = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def validate_service(service: JsonObject, old: JsonObject | None) -> list[Cause]:
    spec: JsonObject = service.get("spec") or {}
    found = validate_metadata(service, old, dns_1035_label)
    kind: str = spec.get("type", "")
    if not kind:
        found.append(causes.required("spec.type"))
    elif kind not in _TYPES:
        found.append(causes.unsupported("spec.type", kind, _TYPES))
    found += _ports(spec)
    if spec.get("selector"):
        found += validate_labels(spec["selector"], "spec.selector")
    affinity = spec.get("sessionAffinity", "None")
    if affinity not in _AFFINITIES:
        found.append(causes.unsupported("spec.sessionAffinity", affinity, _AFFINITIES))
    if kind == "ExternalName":
        found += _external_name(spec)
    else:
        found += _cluster_ips(spec, old)
    for field in ("internalTrafficPolicy", "externalTrafficPolicy"):
        policy = spec.get(field, "Cluster")
        if policy not in _TRAFFIC_POLICIES:
            found.append(causes.unsupported(f"spec.{field}", policy, _TRAFFIC_POLICIES))
    return found


def _external_name(spec: JsonObject) -> Iterator[Cause]:
    name: str = spec.get("externalName", "").removesuffix(".")
    if not name:
        yield causes.required("spec.externalName")
    for text in dns_subdomain(name) if name else ():
        yield causes.invalid("spec.externalName", name, text)
    if spec.get("clusterIP"):
        text = "may not be set when `type` is 'ExternalName'"
        yield causes.forbidden("spec.clusterIPs", text)


def _cluster_ips(spec: JsonObject, old: JsonObject | None) -> Iterator[Cause]:
    path = "spec.clusterIPs[0]"
    address: str = spec.get("clusterIP", "")
    if address and address != _HEADLESS and not is_address(address):
        yield causes.invalid(path, address, _IP_TEXT)
    before: JsonObject = (old or {}).get("spec") or {}
    kept: str = before.get("clusterIP", "")
    if kept and before.get("type") != "ExternalName" and address != kept:
        yield causes.invalid(path, address, "may not change once set")


def _ports(spec: JsonObject) -> Iterator[Cause]:
    ports: list[JsonObject] = spec.get("ports") or []
    is_headless = spec.get("clusterIP") == _HEADLESS
    if not ports and not is_headless and spec.get("type") != "ExternalName":
        yield causes.required("spec.ports")
    names: set[str] = set()
    taken: set[tuple[str, int]] = set()
    node_ports: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        yield from _port(port, path, needs_name=len(ports) > 1)
        name: str = port.get("name", "")
        if name and name in names:
            yield causes.duplicate(f"{path}.name", name)
        names.add(name)
        key = (port.get("protocol", ""), port.get("port", 0))
        if key in taken:
            yield causes.duplicate(path, {"port": key[1], "protocol": key[0]})
        taken.add(key)
        if port.get("nodePort"):
            yield from _node_port(port["nodePort"], spec.get("type", ""), f"{path}.nodePort")
            if (key[0], port["nodePort"]) in node_ports:
                yield causes.duplicate(f"{path}.nodePort", port["nodePort"])
            node_ports.add((key[0], port["nodePort"]))


def _port(port: JsonObject, path: str, needs_name: bool) -> Iterator[Cause]:
    name: str = port.get("name", "")
    if needs_name and not name:
        yield causes.required(f"{path}.name")
    elif name:
        yield from causes.of_form(f"{path}.name", name, dns_label)
    yield from causes.of_form(f"{path}.port", port.get("port", 0), port_number)
    protocol = port.get("protocol", "")
    if not protocol:
        yield causes.required(f"{path}.protocol")
    elif protocol not in _PROTOCOLS:
        yield causes.unsupported(f"{path}.protocol", protocol, _PROTOCOLS)
    target: int | str = port.get("targetPort", 0)
    for text in port_number(target) if isinstance(target, int) else port_name(target):
        yield causes.invalid(f"{path}.targetPort", target, text)


def _node_port(number: int, kind: str, path: str) -> Iterator[Cause]:
    if kind == "ClusterIP":
        yield causes.forbidden(path, "may not be used when `type` is 'ClusterIP'")
    elif number not in NODE_PORTS:
        text = (
            "provided port is not in the valid range. The range of valid ports is "
            f"{NODE_PORTS.start}-{NODE_PORTS.stop - 1}"
        )
        yield causes.invalid(path, number, text)


def validate_endpoints(endpoints: JsonObject, old: JsonObject | None) -> list[Cause]:
    found = validate_metadata(endpoints, old)
    for index, subset in enumerate(endpoints.get("subsets") or ()):
        found += _subset(subset, f"subsets[{index}]")
    return found


def _subset(subset: JsonObject, path: str) -> Iterator[Cause]:
    if not subset.get("addresses") and not subset.get("notReadyAddresses"):
        yield causes.required(path, "must specify `addresses` or `notReadyAddresses`")
    for field in ("addresses", "notReadyAddresses"):
        for index, address in enumerate(subset.get(field) or ()):
            if not is_address(address.get("ip", "")):
                place = f"{path}.{field}[{index}].ip"
                yield causes.invalid(place, address.get("ip", ""), _IP_TEXT)
    ports: list[JsonObject] = subset.get("ports") or []
    for index, port in enumerate(ports):
        place = f"{path}.ports[{index}]"
        if len(ports) > 1 and not port.get("name"):
            yield causes.required(f"{place}.name")
        yield from causes.of_form(f"{place}.port", port.get("port", 0), port_number)


def validate_endpoint_slice(endpoint_slice: JsonObject, old: JsonObject | None) -> list[Cause]:
    found = validate_metadata(endpoint_slice, old)
    kind: str = endpoint_slice.get("addressType", "")
    if not kind:
        found.append(causes.required("addressType"))
    elif kind not in _ADDRESS_TYPES:
        found.append(causes.unsupported("addressType", kind, _ADDRESS_TYPES))
    if old is not None:
        found += causes.immutable("addressType", kind, old.get("addressType", ""))
    for index, endpoint in enumerate(endpoint_slice.get("endpoints") or ()):
        if not endpoint.get("addresses"):
            path = f"endpoints[{index}].addresses"
            found.append(causes.required(path, "must contain at least 1 address"))
    return found
