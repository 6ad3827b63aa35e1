"""Defaults of services, endpoints and network policies, and the choice of a service's cluster
address."""

from collections.abc import Collection
from ipaddress import IPv4Network

from shoal.api.resource import JsonObject

SERVICE_NETWORK = IPv4Network("10.96.0.0/12")
NODE_PORTS = range(30000, 32768)
_SESSION_AFFINITY_TIMEOUT_S = 10800
_OUTSIDE_TYPES = ("NodePort", "LoadBalancer")


def default_service(service: JsonObject) -> None:
    spec: JsonObject = service.setdefault("spec", {})
    if not spec.get("type"):
        spec["type"] = "ClusterIP"
    if not spec.get("sessionAffinity"):
        spec["sessionAffinity"] = "None"
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        config: JsonObject = spec.setdefault("sessionAffinityConfig", {})
        config.setdefault("clientIP", {}).setdefault("timeoutSeconds", _SESSION_AFFINITY_TIMEOUT_S)
    for port in spec.get("ports", ()):
        if not port.get("protocol"):
            port["protocol"] = "TCP"
        if not port.get("targetPort"):
            port["targetPort"] = port.get("port", 0)
    is_outside = spec["type"] in _OUTSIDE_TYPES
    if is_outside and not spec.get("externalTrafficPolicy"):
        spec["externalTrafficPolicy"] = "Cluster"
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    if is_outside or spec["type"] == "ClusterIP":
        spec.setdefault("internalTrafficPolicy", "Cluster")
        _default_addresses(spec)
    service.setdefault("status", {}).setdefault("loadBalancer", {})


def _default_addresses(spec: JsonObject) -> None:
    spec.setdefault("ipFamilies", ["IPv4"])
    spec.setdefault("ipFamilyPolicy", "SingleStack")
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]


def needs_cluster_ip(service: JsonObject) -> bool:
    """Whether an address is to be allocated: not for headless and ExternalName services."""
    spec = service.get("spec", {})
    return spec.get("type") != "ExternalName" and not spec.get("clusterIP")


def free_cluster_ip(
    used: Collection[str], seed: int, network: IPv4Network = SERVICE_NETWORK
) -> str | None:
    """An address of `network` that is not `used`, searched from a place `seed` picks.

    The first address stays free for the service `kubernetes`. None when the network is full.
    """
    size = network.num_addresses - 3
    for step in range(min(size, len(used) + 1)):
        address = str(network[2 + (seed + step) % size])
        if address not in used:
            return address
    return None


def set_cluster_ip(service: JsonObject, address: str) -> None:
    service["spec"]["clusterIP"] = address
    service["spec"]["clusterIPs"] = [address]


def free_node_port(used: Collection[int], seed: int) -> int | None:
    """A port of NODE_PORTS that is not `used`; None when all are taken."""
    for step in range(len(NODE_PORTS)):
        port = NODE_PORTS[(seed + step) % len(NODE_PORTS)]
        if port not in used:
            return port
    return None


def default_endpoints(endpoints: JsonObject) -> None:
    for subset in endpoints.get("subsets", ()):
        for port in subset.get("ports", ()):
            if not port.get("protocol"):
                port["protocol"] = "TCP"


def default_endpoint_slice(endpoint_slice: JsonObject) -> None:
    for port in endpoint_slice.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def default_network_policy(policy: JsonObject) -> None:
    spec: JsonObject = policy.setdefault("spec", {})
    spec.setdefault("podSelector", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    for rule in (*(spec.get("ingress") or ()), *(spec.get("egress") or ())):
        for port in rule.get("ports") or ():
            if not port.get("protocol"):
                port["protocol"] = "TCP"
