"""Names that a cluster's DNS would answer, for the hosts files of pods: there is no DNS here.

A headless Service gives its own name to the addresses of its pods, and each pod that has a
hostname and the Service as subdomain a name of its own below it. Which addresses those are, and
whether pods that are not ready are among them, the Service's Endpoints say.
Source of the names: Kubernetes DNS-Based Service Discovery 1.1.0, sections 2.3 to 2.5, with the
search path of a pod (`<namespace>.svc.cluster.local`, `svc.cluster.local`, `cluster.local`).
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from shoal.api.core import EndpointAddress, Endpoints, Service
from shoal.client.informer import Informer

CLUSTER_DOMAIN = "cluster.local"


@dataclass(frozen=True, slots=True)
class HostEntry:
    """A line of a hosts file."""

    ip: str
    names: tuple[str, ...]
    """The one that an address leads back to comes first."""


def service_entries(
    services: Iterable[Service], endpoints: Mapping[str, Endpoints]
) -> tuple[HostEntry, ...]:
    """Lines for the pods of one namespace, whose Services and Endpoints (by name) are given.

    A pod's bare hostname is among its names, too, unless that could mean something else.
    """
    headless = sorted(
        (each for each in services if each.spec.cluster_ip == "None"),
        key=lambda each: each.metadata.name,
    )
    behind = [
        (service, address)
        for service in headless
        for address in _addresses(endpoints.get(service.metadata.name))
    ]
    ips_by_hostname: dict[str, set[str]] = {}
    for _, address in behind:
        ips_by_hostname.setdefault(address.hostname, set()).add(address.ip)
    uses = Counter({name: len(ips) for name, ips in ips_by_hostname.items()})
    uses.update(each.metadata.name for each in headless)
    return tuple(
        HostEntry(address.ip, tuple(_names(service, address.hostname, uses)))
        for service, address in behind
    )


def _addresses(endpoints: Endpoints | None) -> list[EndpointAddress]:
    subsets = endpoints.subsets if endpoints is not None else []
    # A pod with two ports of a Service may be in two subsets.
    found = {(a.ip, a.hostname): a for subset in subsets for a in subset.addresses}
    return [found[key] for key in sorted(found)]


def _names(service: Service, hostname: str, uses: Mapping[str, int]) -> Iterator[str]:
    name, namespace = service.metadata.name, service.metadata.namespace
    if hostname:
        yield from _searched(f"{hostname}.{name}", namespace)
        if uses[hostname] == 1:
            yield hostname
    yield from _searched(name, namespace)


def _searched(name: str, namespace: str) -> tuple[str, ...]:
    """All that leads to a name of the namespace, the full one first."""
    return (
        f"{name}.{namespace}.svc.{CLUSTER_DOMAIN}",
        f"{name}.{namespace}.svc",
        f"{name}.{namespace}",
        name,
    )


class ServiceNames:
    """The entries of every namespace, as the informers have them now."""

    def __init__(self, services: Informer[Service], endpoints: Informer[Endpoints]) -> None:
        self._services = services
        self._endpoints = endpoints
        self._entries: dict[str, tuple[HostEntry, ...]] = {}
        self._changes: dict[str, asyncio.Event] = {}
        services.add_handler(self._observe)
        endpoints.add_handler(self._observe)

    async def wait_synced(self) -> None:
        """Until `entries` lacks nothing that is there already."""
        await self._services.wait_synced()
        await self._endpoints.wait_synced()

    def entries(self, namespace: str) -> tuple[HostEntry, ...]:
        known = self._entries.get(namespace)
        if known is None:
            endpoints = {e.metadata.name: e for e in self._endpoints.lister.list(namespace)}
            known = service_entries(self._services.lister.list(namespace), endpoints)
            self._entries[namespace] = known
        return known

    async def wait_for_change(self, namespace: str) -> None:
        """Until `entries` of the namespace may differ from what it is now."""
        await self._changes.setdefault(namespace, asyncio.Event()).wait()

    def _observe(self, old: Service | Endpoints | None, new: Service | Endpoints | None) -> None:
        seen = new if new is not None else old
        assert seen is not None
        namespace = seen.metadata.namespace
        self._entries.pop(namespace, None)
        if (waited := self._changes.pop(namespace, None)) is not None:
            waited.set()
