"""EndpointSlices of a Service: which addresses serve which ports, and the state of each.

Unlike Endpoints they hold pods that terminate too. Pure. Source of the rules: Kubernetes v1.36,
k8s.io/endpointslice.
"""

import hashlib
from collections.abc import Iterable, Mapping

from shoal.api.core import Service
from shoal.api.discovery import SERVICE_NAME_LABEL, EndpointSlice
from shoal.api.owners import controller_reference
from shoal.api.pod import Pod
from shoal.api.resource import JsonObject
from shoal.controllers.kube.subsets import Ports, address, resolve_ports

MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by"
MANAGED_BY = "endpointslice-controller.k8s.io"
_HEADLESS_LABEL = "service.kubernetes.io/headless"
_SUFFIX_LENGTH = 5


def slices(service: Service, pods: Iterable[Pod]) -> dict[str, JsonObject]:
    """The Service's slices by their names, in a canonical form.

    `pods` are those that the selector matches. Pods with the same resolved ports share a slice;
    a Service without pods has one that is empty.
    """
    groups: dict[Ports, list[JsonObject]] = {}
    for pod in pods:
        if pod.status.pod_ip and not pod.is_finished:
            ports = resolve_ports(service.spec.ports, pod)
            groups.setdefault(ports, []).append(_endpoint(pod, service))
    ordered = sorted(groups.items(), key=lambda group: group[0]) or [((), [])]
    made = (_slice(service, *group, index) for index, group in enumerate(ordered))
    return {each["metadata"]["name"]: each for each in made}


def change(current: EndpointSlice, wanted: JsonObject) -> JsonObject | None:
    """The merge patch that makes a slice as it is wanted; None where it is."""
    labels = wanted["metadata"]["labels"]
    state = (current.metadata.labels, current.endpoints, current.ports)
    if state == (labels, wanted["endpoints"], wanted["ports"]):
        return None
    removed: Mapping[str, None] = dict.fromkeys(current.metadata.labels)
    return {
        "metadata": {"labels": {**removed, **labels}},
        "endpoints": wanted["endpoints"],
        "ports": wanted["ports"],
    }


def _endpoint(pod: Pod, service: Service) -> JsonObject:
    place = address(pod, service)
    ip = place.pop("ip")
    is_shown = service.spec.publish_not_ready_addresses
    return {
        "addresses": [ip],
        "conditions": {
            "ready": is_shown or (pod.is_ready and not pod.is_deleting),
            "serving": pod.is_ready,
            "terminating": pod.is_deleting,
        },
        **place,
    }


def _slice(service: Service, ports: Ports, endpoints: list[JsonObject], index: int) -> JsonObject:
    meta = service.metadata
    labels = {**meta.labels, SERVICE_NAME_LABEL: meta.name, MANAGED_BY_LABEL: MANAGED_BY}
    if service.spec.cluster_ip == "None":
        labels[_HEADLESS_LABEL] = ""
    # Made twice by mistake, a slice is refused the second time.
    suffix = hashlib.sha256(f"{meta.uid}/{index}".encode()).hexdigest()[:_SUFFIX_LENGTH]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{meta.name}-{suffix}",
            "labels": labels,
            "ownerReferences": [controller_reference("v1", "Service", meta)],
        },
        "addressType": "IPv4",
        "endpoints": sorted(endpoints, key=lambda each: str(each["addresses"])),
        "ports": [{"name": name, "port": port, "protocol": proto} for name, port, proto in ports],
    }
