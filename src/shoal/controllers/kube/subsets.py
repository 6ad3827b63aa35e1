"""Endpoints of a Service: which addresses serve which ports.

Pure. Source of the rules: Kubernetes v1.36, pkg/controller/endpoint and pkg/api/endpoints
(RepackSubsets).
"""

from collections.abc import Iterable

from shoal.api.core import Service, ServicePort
from shoal.api.pod import Pod
from shoal.api.resource import JsonObject

Ports = tuple[tuple[str, int, str], ...]
"""(name, port, protocol) of each, in order."""


def subsets(service: Service, pods: Iterable[Pod]) -> list[JsonObject]:
    """The `subsets` of the Service's Endpoints, in a canonical order.

    `pods` are those that the selector matches. Pods with the same resolved ports share a subset.
    """
    groups: dict[Ports, tuple[list[JsonObject], list[JsonObject]]] = {}
    for pod in pods:
        if not pod.status.pod_ip or pod.is_finished or pod.is_deleting:
            continue
        ports = resolve_ports(service.spec.ports, pod)
        if service.spec.ports and not ports:
            continue
        ready, not_ready = groups.setdefault(ports, ([], []))
        is_shown = pod.is_ready or service.spec.publish_not_ready_addresses
        (ready if is_shown else not_ready).append(address(pod, service))
    return [_subset(ports, *groups[ports]) for ports in sorted(groups)]


def resolve_ports(ports: list[ServicePort], pod: Pod) -> Ports:
    """Those of a Service's ports that this pod has, as numbers."""
    resolved = [(p.name, _target_port(p, pod), p.protocol) for p in ports]
    return tuple(sorted((name, port, proto) for name, port, proto in resolved if port))


def _target_port(port: ServicePort, pod: Pod) -> int:
    target = port.target_port if port.target_port is not None else port.port
    if isinstance(target, int):
        return target or port.port
    for container in [*pod.spec.containers, *pod.spec.init_containers]:
        for each in container.ports:
            if each.name == target and each.protocol == port.protocol:
                return each.container_port
    return 0


def address(pod: Pod, service: Service) -> JsonObject:
    """Where the pod is, and which it is."""
    place: JsonObject = {
        "ip": pod.status.pod_ip,
        "nodeName": pod.spec.node_name,
        "targetRef": {
            "kind": "Pod",
            "namespace": pod.metadata.namespace,
            "name": pod.metadata.name,
            "uid": pod.metadata.uid,
        },
    }
    if pod.spec.hostname and pod.spec.subdomain == service.metadata.name:
        place["hostname"] = pod.spec.hostname
    return place


def _subset(ports: Ports, ready: list[JsonObject], not_ready: list[JsonObject]) -> JsonObject:
    subset: JsonObject = {}
    if ready:
        subset["addresses"] = sorted(ready, key=lambda a: str(a["ip"]))
    if not_ready:
        subset["notReadyAddresses"] = sorted(not_ready, key=lambda a: str(a["ip"]))
    if ports:
        subset["ports"] = [
            {**({"name": name} if name else {}), "port": port, "protocol": protocol}
            for name, port, protocol in ports
        ]
    return subset
