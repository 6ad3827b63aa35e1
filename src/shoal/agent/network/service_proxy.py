"""`ServiceProxy`: has the proxy do what Services, their endpoints and pods with host ports ask for.

    informers ──> forwards (pure) ──> lines to the proxy, which is a process of its own
                  events about what the machine refused <── lines back

The proxy is started when there is something to do for it, and again where it ends. It goes on when
this process ends, as pods do; the next one finds it and tells it all there is, of which it does
what it does not do yet.
"""

import asyncio
import logging
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable

import msgspec

from shoal.agent.network.forwards import host_port_forwards, service_forwards
from shoal.agent.network.proxy.wire import Forward, ForwardTable, Instruction, ProxyRefusal
from shoal.agent.network.proxy_process import ProxyProcess
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
    def __init__(
        self, informers: InformerSet, process: ProxyProcess, host: str, refused: Refused
    ) -> None:
        """`host` is where pods reach the machine."""
        self._process = process
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
        streams = await self._process.adopt()
        if streams is None:
            await self._wait_for_work()
            streams = await self._process.start()
        reader, writer = streams
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hear(reader))
                await _say(writer, ForwardTable(self._next_instructions()))
                while True:
                    await self._wait_for_work()
                    await _say(writer, *self._next_instructions())
        finally:
            writer.close()

    def _keys(self) -> set[_Key]:
        """Of all that a proxy that knows nothing may have to be told of."""
        services = {(SERVICES.kind, each.metadata.key) for each in self._services.list()}
        pods = {(PODS.kind, each.metadata.key) for each in self._pods.list() if _has_ports(each)}
        return (services | pods) - {(SERVICES.kind, _API_SERVICE)}

    async def _wait_for_work(self) -> None:
        """Until something else is to be done than what was sent."""
        while not self._changes():
            self._due.clear()
            self._has_due.clear()
            await self._has_due.wait()

    def _changes(self) -> dict[_Key, tuple[Forward, ...]]:
        wanted = {key: self._forwards(key) for key in self._due}
        return {key: each for key, each in wanted.items() if each != self._sent.get(key, ())}

    def _next_instructions(self) -> tuple[Instruction, ...]:
        """To be sent now."""
        changes = self._changes()
        self._due.clear()
        for key, forwards in changes.items():
            self._sent[key] = forwards
            if not forwards:
                del self._sent[key]
        # What gives addresses up comes first: others may be there to take them.
        ordered = sorted(changes.items(), key=lambda change: len(change[1]))
        return tuple(Instruction("/".join((key[0], str(key[1]))), each) for key, each in ordered)

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

    async def _hear(self, reader: StreamReader) -> None:
        while (line := await reader.readline()).endswith(b"\n"):
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


async def _say(writer: StreamWriter, *messages: ForwardTable | Instruction) -> None:
    for message in messages:
        writer.write(msgspec.json.encode(message) + b"\n")
    await writer.drain()


def _has_ports(pod: Pod) -> bool:
    """Of the node."""
    return any(port.host_port for each in pod.spec.containers for port in each.ports)


def _service_of(each: EndpointSlice) -> list[str]:
    name = each.metadata.labels.get(SERVICE_NAME_LABEL)
    return [str(ObjectKey(each.metadata.namespace, name))] if name else []
