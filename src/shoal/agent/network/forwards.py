"""What the proxy does for a Service, or for a pod with ports of the node. Pure.

Source of the rules: Kubernetes v1.36, pkg/proxy: endpoints that are ready, unless the Service
publishes those that are not (then its slices call them ready); each port of a Service by its name.
"""

from collections.abc import Iterable, Sequence

from shoal.agent.network.layout import LOOPBACK
from shoal.agent.network.proxy.wire import Forward, Target
from shoal.api.core import Endpoints, Service, ServicePort
from shoal.api.discovery import EndpointSlice
from shoal.api.pod import Pod

_PROXIED = ("TCP", "UDP")
_EVERY_ADDRESS = ("", "0.0.0.0")
_AFFINITY_S = 10800


def service_forwards(
    service: Service, slices: Sequence[EndpointSlice], endpoints: Endpoints | None, host: str
) -> tuple[Forward, ...]:
    """`endpoints` count where nobody made slices of them. `host` is where pods reach the machine:
    node ports are there and on its loopback."""
    spec = service.spec
    if spec.cluster_ip in {"", "None"} or spec.type == "ExternalName":
        return ()
    affinity_s = _affinity_s(service)
    made: list[Forward] = []
    for port in spec.ports:
        if port.protocol not in _PROXIED:
            continue
        found = _of_slices(port, slices) if slices else _of_endpoints(port, endpoints)
        targets = tuple(sorted(set(found)))
        places = [(spec.cluster_ip, port.port)]
        if port.node_port:
            places += [(address, port.node_port) for address in sorted({host, LOOPBACK})]
        made += [Forward(*place, port.protocol, targets, affinity_s) for place in places]
    return tuple(made)


def host_port_forwards(pod: Pod, host: str) -> tuple[Forward, ...]:
    """The ports of the node that a pod asks for, while it may be running."""
    address = pod.status.pod_ip
    if not address or pod.spec.host_network or pod.is_finished:
        return ()
    made: list[Forward] = []
    for container in pod.spec.containers:
        for port in container.ports:
            if not port.host_port or port.protocol not in _PROXIED:
                continue
            targets = ((address, port.container_port),)
            everywhere = port.host_ip in _EVERY_ADDRESS
            for place in sorted({host, LOOPBACK}) if everywhere else [port.host_ip]:
                made.append(Forward(place, port.host_port, port.protocol, targets))
    return tuple(made)


def _affinity_s(service: Service) -> int:
    if service.spec.session_affinity != "ClientIP":
        return 0
    config = service.spec.session_affinity_config
    return config.get("clientIP", {}).get("timeoutSeconds") or _AFFINITY_S


def _of_slices(port: ServicePort, slices: Iterable[EndpointSlice]) -> Iterable[Target]:
    for each in slices:
        for offered in each.ports or ():
            if (offered.get("name") or "") != port.name or not offered.get("port"):
                continue
            for endpoint in each.endpoints or ():
                if (endpoint.get("conditions") or {}).get("ready") is not False:
                    yield endpoint["addresses"][0], offered["port"]


def _of_endpoints(port: ServicePort, endpoints: Endpoints | None) -> Iterable[Target]:
    for subset in endpoints.subsets if endpoints is not None else ():
        for offered in subset.ports:
            if offered.name == port.name:
                yield from ((address.ip, offered.port) for address in subset.addresses)
