"""Endpoints and EndpointSlices: each Service with a selector has the addresses of the pods it
selects, in both forms. Slices go with their owner, the Service; Endpoints are removed here."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from shoal.api.core import ENDPOINTS, SERVICES, Endpoints, Service
from shoal.api.discovery import ENDPOINT_SLICES, SERVICE_NAME_LABEL, EndpointSlice
from shoal.api.meta import ObjectKey
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject, Resource
from shoal.api.selectors import Requirement, Selector
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.kube.slices import MANAGED_BY, MANAGED_BY_LABEL, change, slices
from shoal.controllers.kube.subsets import subsets
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller, enqueue_self


class EndpointsReconciler:
    def __init__(
        self,
        client: Client,
        services: Lister[Service],
        endpoints: Lister[Endpoints],
        slices: Lister[EndpointSlice],
        pods: Lister[Pod],
    ) -> None:
        self._client = client
        self._services = services
        self._endpoints = endpoints
        self._slices = slices
        self._pods = pods

    async def reconcile(self, key: ObjectKey) -> Result:
        service = self._services.get(key)
        if service is None:
            await self._remove_endpoints(key)
        elif service.spec.selector:
            selector = _selector(service)
            pods = [
                p for p in self._pods.list(key.namespace) if selector.matches(p.metadata.labels)
            ]
            await self._write_endpoints(service, pods)
            await self._write_slices(service, pods)
        return Result()

    async def _remove_endpoints(self, key: ObjectKey) -> None:
        if self._endpoints.get(key) is not None:
            await self._delete(ENDPOINTS, key)

    async def _delete(self, resource: Resource[Any], key: ObjectKey) -> None:
        try:
            await self._client.delete(resource, key.name, key.namespace)
        except ApiError as error:
            if not error.is_not_found:
                raise

    async def _write_endpoints(self, service: Service, pods: Sequence[Pod]) -> None:
        key = service.metadata.key
        wanted = subsets(service, pods)
        current = self._endpoints.get(key)
        if current is None:
            metadata = {"name": key.name, "labels": service.metadata.labels}
            body = {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata}
            await self._client.create(ENDPOINTS, {**body, "subsets": wanted}, key.namespace)
        elif _as_json(current) != wanted:
            await self._client.patch(ENDPOINTS, key.name, {"subsets": wanted}, key.namespace)

    async def _write_slices(self, service: Service, pods: Sequence[Pod]) -> None:
        namespace = service.metadata.namespace
        wanted = slices(service, pods)
        current = {
            each.metadata.name: each for each in self._slices.list(namespace, _slices_of(service))
        }
        for name, body in wanted.items():
            if name not in current:
                await self._client.create(ENDPOINT_SLICES, body, namespace)
            elif (patch := change(current[name], body)) is not None:
                await self._client.patch(ENDPOINT_SLICES, name, patch, namespace)
        for name in current.keys() - wanted.keys():
            await self._delete(ENDPOINT_SLICES, ObjectKey(namespace, name))


def _selector(service: Service) -> Selector:
    return _with_labels(service.spec.selector)


def _slices_of(service: Service) -> Selector:
    """Those that others made for the Service are theirs."""
    return _with_labels({SERVICE_NAME_LABEL: service.metadata.name, MANAGED_BY_LABEL: MANAGED_BY})


def _with_labels(labels: Mapping[str, str]) -> Selector:
    pairs = labels.items()
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
    slices = informers.informer(ENDPOINT_SLICES)
    reconciler = EndpointsReconciler(
        client, services.lister, endpoints.lister, slices.lister, pods.lister
    )

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
