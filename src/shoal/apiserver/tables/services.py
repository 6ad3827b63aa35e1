"""Kinds that say how pods are reached: Service, Endpoints, EndpointSlice, NetworkPolicy."""

from datetime import datetime

from shoal.api.resource import JsonObject
from shoal.apiserver.tables.age import age_of
from shoal.apiserver.tables.columns import (
    AGE,
    NAME,
    NONE,
    KindTable,
    items,
    name_of,
    section,
    text,
)
from shoal.apiserver.tables.selectors import SELECTOR_COLUMN, format_labels, format_selector

_SHOWN_ENDPOINTS = 3
_ANY_PORT = "*"
_UNSET = "<unset>"


def _service(service: JsonObject, now: datetime) -> list[object]:
    spec = section(service, "spec")
    addresses = items(spec, "clusterIPs") or [spec.get("clusterIP")]
    return [
        name_of(service),
        spec.get("type", ""),
        addresses[0] or NONE,
        _external_address(spec, section(service, "status")),
        ",".join(_port(port) for port in items(spec, "ports")) or NONE,
        age_of(service, now),
        format_labels(spec.get("selector")),
    ]


def _external_address(spec: JsonObject, status: JsonObject) -> str:
    given = [str(address) for address in items(spec, "externalIPs")]
    match spec.get("type"):
        case "ClusterIP" | "NodePort":
            return ",".join(given) or NONE
        case "LoadBalancer":
            ingress = items(section(status, "loadBalancer"), "ingress")
            balanced = [str(place.get("ip") or place.get("hostname") or "") for place in ingress]
            return ",".join([*filter(None, balanced), *given]) or "<pending>"
        case "ExternalName":
            return spec.get("externalName", "")
        case _:
            return "<unknown>"


def _port(port: JsonObject) -> str:
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{node_port}/{port.get('protocol', 'TCP')}"


def _endpoints(endpoints: JsonObject, now: datetime) -> list[object]:
    subsets = items(endpoints, "subsets")
    places = [
        _host_port(address.get("ip", ""), port.get("port"))
        for subset in subsets
        for port in items(subset, "ports")
        for address in items(subset, "addresses")
    ]
    return [name_of(endpoints), _first_of(places) if subsets else NONE, age_of(endpoints, now)]


def _first_of(places: list[str]) -> str:
    shown = ",".join(places[:_SHOWN_ENDPOINTS])
    if len(places) > _SHOWN_ENDPOINTS:
        shown += f" + {len(places) - _SHOWN_ENDPOINTS} more..."
    return shown


def _endpoint_slice(endpoint_slice: JsonObject, now: datetime) -> list[object]:
    ports = [
        str(port.get("port") or port.get("name") or _ANY_PORT)
        for port in items(endpoint_slice, "ports")
    ]
    addresses = [
        str(address)
        for endpoint in items(endpoint_slice, "endpoints")
        for address in items(endpoint, "addresses")
    ]
    return [
        name_of(endpoint_slice),
        endpoint_slice.get("addressType", ""),
        _first_of(ports) or _UNSET,
        _first_of(addresses) or _UNSET,
        age_of(endpoint_slice, now),
    ]


def _network_policy(policy: JsonObject, now: datetime) -> list[object]:
    selector = format_selector(section(policy, "spec").get("podSelector"))
    return [name_of(policy), selector, age_of(policy, now)]


def _host_port(address: str, port: object) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


SERVICES = KindTable(
    (
        NAME,
        text("Type", "How the service is reached."),
        text("Cluster-IP", "Address inside the cluster."),
        text("External-IP", "Addresses from outside."),
        text("Port(s)", "Ports the service listens on."),
        AGE,
        SELECTOR_COLUMN,
    ),
    _service,
)
ENDPOINTS = KindTable(
    (NAME, text("Endpoints", "Addresses that are ready to serve."), AGE), _endpoints
)
ENDPOINT_SLICES = KindTable(
    (
        NAME,
        text("AddressType", "What the addresses are."),
        text("Ports", "Ports that all of them serve."),
        text("Endpoints", "Addresses, whether ready to serve or not."),
        AGE,
    ),
    _endpoint_slice,
)
NETWORK_POLICIES = KindTable(
    (NAME, text("Pod-Selector", "Pods that it is about."), AGE), _network_policy
)
