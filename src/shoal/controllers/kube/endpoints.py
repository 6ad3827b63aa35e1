"""Endpoints: each Service with a selector has the addresses of the pods it selects."""

import msgspec

from shoal.api.core import ENDPOINTS, SERVICES, Endpoints, Service
from shoal.api.meta import ObjectKey
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject
from shoal.api.selectors import Requirement, Selector
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.kube.subsets import subsets
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller, enqueue_self


class EndpointsReconciler:
    def __init__(
        self,
        client: Client,
        services: Lister[Service],
        endpoints: Lister[Endpoints],
        pods: Lister[Pod],
    ) -> None:
        self._client = client
        self._services = services
        self._endpoints = endpoints
        self._pods = pods

    async def reconcile(self, key: ObjectKey) -> Result:
        service = self._services.get(key)
        if service is None:
            await self._remove(key)
        elif service.spec.selector:
            await self._write(service)
        return Result()

    async def _remove(self, key: ObjectKey) -> None:
        if self._endpoints.get(key) is None:
            return
        try:
            await self._client.delete(ENDPOINTS, key.name, key.namespace)
        except ApiError as error:
            if not error.is_not_found:
                raise

    async def _write(self, service: Service) -> None:
        key = service.metadata.key
        selector = _selector(service)
        pods = [p for p in self._pods.list(key.namespace) if selector.matches(p.metadata.labels)]
        wanted = subsets(service, pods)
        current = self._endpoints.get(key)
        if current is None:
            metadata = {"name": key.name, "labels": service.metadata.labels}
            body = {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata}
            await self._client.create(ENDPOINTS, {**body, "subsets": wanted}, key.namespace)
        elif _as_json(current) != wanted:
            await self._client.patch(ENDPOINTS, key.name, {"subsets": wanted}, key.namespace)


def _selector(service: Service) -> Selector:
    pairs = service.spec.selector.items()
    return Selector(tuple(Requirement(k, "In", frozenset((v,))) for k, v in pairs))


def _as_json(endpoints: Endpoints) -> list[JsonObject]:
    """The stored subsets in the form of `subsets`."""
    made: list[JsonObject] = msgspec.to_builtins(endpoints.subsets)
    for subset in made:
        for port in subset.get("ports", []):
            port.setdefault("protocol", "TCP")
    return made


def endpoints_controller(client: Client, informers: InformerSet, clock: Clock) -> Controller:
    """Follows Services and pods."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    services, pods = informers.informer(SERVICES), informers.informer(PODS)
    endpoints = informers.informer(ENDPOINTS)
    reconciler = EndpointsReconciler(client, services.lister, endpoints.lister, pods.lister)

    def on_pod(old: Pod | None, new: Pod | None) -> None:
        for each in (old, new):
            if each is None:
                continue
            for service in services.lister.list(each.metadata.namespace):
                if service.spec.selector and _selector(service).matches(each.metadata.labels):
                    queue.add(service.metadata.key)

    services.add_handler(enqueue_self(queue))
    pods.add_handler(on_pod)
    return Controller("endpoints", reconciler, queue)
