"""Names that a cluster's DNS would answer, for the hosts files of pods: there is no DNS here.

A Service with a cluster address gives its name to that. A headless one gives its own name to the
addresses of its pods, and each pod that has a hostname and the Service as subdomain a name of its
own below it. Which addresses those are, and whether pods that are not ready are among them, the
Service's Endpoints say. Names of other namespaces need the namespace in them.
Source of the names: Kubernetes DNS-Based Service Discovery 1.1.0, sections 2.3 to 2.5, with the
search path of a pod (`<namespace>.svc.cluster.local`, `svc.cluster.local`, `cluster.local`).
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from shoal.api.cluster_names import CLUSTER_DOMAIN, HOST_NAME
from shoal.api.core import EndpointAddress, Endpoints, Service
from shoal.base.clock import Clock
from shoal.client.informer import Informer

OTHERS_SETTLE_S = 3.0
"""How long changes are gathered before pods of other namespaces hear of them."""


@dataclass(frozen=True, slots=True)
class HostEntry:
    """A line of a hosts file."""

    ip: str
    names: tuple[str, ...]
    """The one that an address leads back to comes first."""


def service_entries(
    services: Iterable[Service], endpoints: Mapping[str, Endpoints]
) -> tuple[HostEntry, ...]:
    """Lines for one namespace, whose Services and Endpoints (by name) are given.

    A pod's bare hostname is among its names, too, unless that could mean something else.
    """
    ordered = sorted(services, key=lambda each: each.metadata.name)
    behind = list(_behind_headless(ordered, endpoints))
    ips_by_hostname: dict[str, set[str]] = {}
    for _, address in behind:
        ips_by_hostname.setdefault(address.hostname, set()).add(address.ip)
    uses = Counter({name: len(ips) for name, ips in ips_by_hostname.items()})
    uses.update(each.metadata.name for each in ordered)
    return (
        *_cluster_addresses(ordered),
        *(
            HostEntry(address.ip, tuple(_names(service, address.hostname, uses)))
            for service, address in behind
        ),
    )


def entries_for_others(entries: Iterable[HostEntry], namespace: str) -> tuple[HostEntry, ...]:
    """The lines of a namespace without the names that mean something in it only."""
    parts = f".{namespace}"
    return tuple(
        HostEntry(
            entry.ip,
            tuple(n for n in entry.names if n.endswith((parts, f"{parts}.svc", _tail(namespace)))),
        )
        for entry in entries
    )


def _tail(namespace: str) -> str:
    return f".{namespace}.svc.{CLUSTER_DOMAIN}"


def _cluster_addresses(services: Iterable[Service]) -> Iterator[HostEntry]:
    for service in services:
        address = service.spec.cluster_ip
        if address not in {"", "None"}:
            meta = service.metadata
            yield HostEntry(address, _searched(meta.name, meta.namespace))


def _behind_headless(
    services: Iterable[Service], endpoints: Mapping[str, Endpoints]
) -> Iterator[tuple[Service, EndpointAddress]]:
    for service in services:
        if service.spec.cluster_ip == "None":
            for address in _addresses(endpoints.get(service.metadata.name)):
                yield service, address


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
    """The entries for every namespace, as the informers have them now.

    Who waits for a change hears at once of his own namespace, and of others by `run`, from time
    to time: there may be many, and few ask for them.
    """

    def __init__(
        self, services: Informer[Service], endpoints: Informer[Endpoints], host: str = ""
    ) -> None:
        """`host` is where pods reach the machine, which then has a name, too."""
        self._services = services
        self._endpoints = endpoints
        self._host = (HostEntry(host, (HOST_NAME,)),) if host else ()
        self._of_namespace: dict[str, tuple[HostEntry, ...]] = {}
        self._for_others: dict[str, tuple[HostEntry, ...]] = {}
        self._entries: dict[str, tuple[HostEntry, ...]] = {}
        self._changes: dict[str, asyncio.Event] = {}
        self._has_changed = asyncio.Event()
        services.add_handler(self._on_service)
        endpoints.add_handler(self._on_endpoints)

    async def run(self, clock: Clock) -> None:
        """Returns only when cancelled."""
        while True:
            await self._has_changed.wait()
            await clock.sleep(OTHERS_SETTLE_S)
            self._has_changed.clear()
            for namespace in list(self._changes):
                self._tell(namespace)

    async def wait_synced(self) -> None:
        """Until `entries` lacks nothing that is there already."""
        await self._services.wait_synced()
        await self._endpoints.wait_synced()

    def entries(self, namespace: str) -> tuple[HostEntry, ...]:
        """For pods of this namespace: the machine, their own Services, those of all others."""
        known = self._entries.get(namespace)
        if known is None:
            namespaces = {each.metadata.namespace for each in self._services.lister.list()}
            others = sorted(namespaces - {namespace})
            known = self._entries[namespace] = (
                *self._host,
                *self._own(namespace),
                *(entry for other in others for entry in self._seen_from_others(other)),
            )
        return known

    async def wait_for_change(self, namespace: str) -> None:
        """Until `entries` of the namespace may differ from what it is now."""
        await self._changes.setdefault(namespace, asyncio.Event()).wait()

    def _own(self, namespace: str) -> tuple[HostEntry, ...]:
        known = self._of_namespace.get(namespace)
        if known is None:
            endpoints = {e.metadata.name: e for e in self._endpoints.lister.list(namespace)}
            known = service_entries(self._services.lister.list(namespace), endpoints)
            self._of_namespace[namespace] = known
        return known

    def _seen_from_others(self, namespace: str) -> tuple[HostEntry, ...]:
        known = self._for_others.get(namespace)
        if known is None:
            known = entries_for_others(self._own(namespace), namespace)
            self._for_others[namespace] = known
        return known

    def _on_service(self, old: Service | None, new: Service | None) -> None:
        if old is not None and new is not None and old.spec.cluster_ip == new.spec.cluster_ip:
            return
        self._observe(old, new)

    def _on_endpoints(self, old: Endpoints | None, new: Endpoints | None) -> None:
        seen = new if new is not None else old
        assert seen is not None
        service = self._services.lister.get(seen.metadata.key)
        # With a cluster address, names stay whatever is behind it.
        if service is None or service.spec.cluster_ip == "None":
            self._observe(old, new)

    def _observe(self, old: Service | Endpoints | None, new: Service | Endpoints | None) -> None:
        seen = new if new is not None else old
        assert seen is not None
        namespace = seen.metadata.namespace
        self._of_namespace.pop(namespace, None)
        self._for_others.pop(namespace, None)
        self._entries.clear()
        self._has_changed.set()
        self._tell(namespace)

    def _tell(self, namespace: str) -> None:
        if (waited := self._changes.pop(namespace, None)) is not None:
            waited.set()
