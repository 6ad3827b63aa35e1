"""`ServiceProxy`: has the proxy do what Services, their endpoints and pods with host ports ask for.

    informers ──> forwards (pure) ──> lines to the proxy, which is a process of its own
                  events about what the machine refused <── lines back

The proxy is started when there is something to do for it, and again where it ends; it is told all
then. It ends with this process, however that ends, because its standard input does.
"""

import asyncio
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable

import msgspec

from shoal.agent.network.forwards import host_port_forwards, service_forwards
from shoal.agent.network.proxy.wire import Forward, Instruction, ProxyRefusal
from shoal.api.core import ENDPOINTS, SERVICES, Endpoints, Service
from shoal.api.discovery import ENDPOINT_SLICES, SERVICE_NAME_LABEL, EndpointSlice
from shoal.api.meta import ObjectKey
from shoal.api.pod import PODS, Pod
from shoal.client.informer import InformerSet

_log = logging.getLogger(__name__)

_API_SERVICE = ObjectKey("default", "kubernetes")
"""The API server listens on its address itself."""
_BY_SERVICE = "service"

Refused = Callable[[Service | Pod, str], None]
"""Told what could not be done for an object, and why."""
_Key = tuple[str, ObjectKey]


class ServiceProxy:
    def __init__(self, informers: InformerSet, host: str, refused: Refused) -> None:
        """`host` is where pods reach the machine."""
        self._host = host
        self._refused = refused
        services, pods = informers.informer(SERVICES), informers.informer(PODS)
        endpoints, slices = informers.informer(ENDPOINTS), informers.informer(ENDPOINT_SLICES)
        self._synced = [each.wait_synced for each in (services, pods, endpoints, slices)]
        self._services, self._pods = services.lister, pods.lister
        self._endpoints, self._slices = endpoints.lister, slices.lister
        self._sent: dict[_Key, tuple[Forward, ...]] = {}
        self._due: set[_Key] = set()
        self._has_due = asyncio.Event()
        slices.add_index(_BY_SERVICE, _service_of)
        services.add_handler(self._on_service)
        endpoints.add_handler(self._on_service)
        slices.add_handler(self._on_slice)
        pods.add_handler(self._on_pod)

    async def run(self) -> None:
        """Returns only when cancelled; raises OSError when the proxy ends."""
        for wait_synced in self._synced:
            await wait_synced()
        self._sent.clear()
        self._due = self._keys()
        changes = await self._next_changes()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "shoal.agent.network.proxy",
            stdin=PIPE, stdout=PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hear(process))
                while True:
                    await self._send(process, changes)
                    changes = await self._next_changes()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    def _keys(self) -> set[_Key]:
        """Of all that a proxy that knows nothing may have to be told of."""
        services = {(SERVICES.kind, each.metadata.key) for each in self._services.list()}
        pods = {(PODS.kind, each.metadata.key) for each in self._pods.list() if _has_ports(each)}
        return (services | pods) - {(SERVICES.kind, _API_SERVICE)}

    async def _next_changes(self) -> dict[_Key, tuple[Forward, ...]]:
        """Wait until something else is to be done than what was sent."""
        while True:
            changes: dict[_Key, tuple[Forward, ...]] = {}
            for key in self._due:
                wanted = self._forwards(key)
                if wanted != self._sent.get(key, ()):
                    changes[key] = wanted
            self._due.clear()
            self._has_due.clear()
            if changes:
                return changes
            await self._has_due.wait()

    def _forwards(self, key: _Key) -> tuple[Forward, ...]:
        kind, place = key
        if kind == PODS.kind:
            pod = self._pods.get(place)
            return host_port_forwards(pod, self._host) if pod is not None else ()
        service = self._services.get(place)
        if service is None:
            return ()
        slices = self._slices.by_index(_BY_SERVICE, str(place))
        return service_forwards(service, slices, self._endpoints.get(place), self._host)

    async def _send(self, process: Process, changes: dict[_Key, tuple[Forward, ...]]) -> None:
        assert process.stdin is not None
        # What gives addresses up comes first: others may be there to take them.
        for key, forwards in sorted(changes.items(), key=lambda change: len(change[1])):
            self._sent[key] = forwards
            if not forwards:
                del self._sent[key]
            line = msgspec.json.encode(Instruction("/".join((key[0], str(key[1]))), forwards))
            process.stdin.write(line + b"\n")
        await process.stdin.drain()

    async def _hear(self, process: Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            refusal = msgspec.json.decode(line, type=ProxyRefusal)
            _log.warning("%s: %s", refusal.name, refusal.message)
            kind, namespace, name = refusal.name.split("/")
            lister = self._pods if kind == PODS.kind else self._services
            about = lister.get(ObjectKey(namespace, name))
            if about is not None:
                self._refused(about, refusal.message)
        raise OSError("the proxy of Services ended")

    def _note(self, key: _Key) -> None:
        self._due.add(key)
        self._has_due.set()

    def _on_service(self, old: Service | Endpoints | None, new: Service | Endpoints | None) -> None:
        seen = new if new is not None else old
        assert seen is not None
        if seen.metadata.key != _API_SERVICE:
            self._note((SERVICES.kind, seen.metadata.key))

    def _on_slice(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        seen = new if new is not None else old
        assert seen is not None
        name = seen.metadata.labels.get(SERVICE_NAME_LABEL)
        if name:
            self._note((SERVICES.kind, ObjectKey(seen.metadata.namespace, name)))

    def _on_pod(self, old: Pod | None, new: Pod | None) -> None:
        seen = new if new is not None else old
        assert seen is not None
        if _has_ports(seen):
            self._note((PODS.kind, seen.metadata.key))


def _has_ports(pod: Pod) -> bool:
    """Of the node."""
    return any(port.host_port for each in pod.spec.containers for port in each.ports)


def _service_of(each: EndpointSlice) -> list[str]:
    name = each.metadata.labels.get(SERVICE_NAME_LABEL)
    return [str(ObjectKey(each.metadata.namespace, name))] if name else []
