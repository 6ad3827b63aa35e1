"""ResourceQuotas: their status says how much is in use.

For people and for schedulers only: what may be written is decided by the API server, which counts
for itself. So nothing depends on how soon the recount comes, and it may begin afresh at any time.

Kinds are followed from the moment that a quota names them; custom ones may come and go.
Source: Kubernetes v1.36, pkg/controller/resourcequota.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from shoal.api.core import RESOURCE_QUOTAS, SERVICES, ResourceQuota
from shoal.api.meta import Object, ObjectKey
from shoal.api.pod import PODS, ResourceMap
from shoal.api.quantity import parse
from shoal.api.quota.allowance import Allowance, allowance_of, kinds_counted
from shoal.api.quota.amounts import NOTHING, Usage, add, resource_list
from shoal.api.quota.objects import Counted, count
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.api.storage import CLAIMS
from shoal.base.clock import Clock
from shoal.client.discovery import discover
from shoal.client.informer import Informer, InformerSet, Lister
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller

_MORE_THAN_NUMBERS: tuple[Resource[Any], ...] = (PODS, SERVICES, CLAIMS)
_SETTLE_S = 0.05
"""Changes that come together are counted together."""
_RESYNC_S = 300.0
_UNSERVED_S = 10.0
"""How soon a quota is looked at again that names a kind nobody serves yet."""


class CountedKind:
    """The objects of one kind, and what they count as."""

    def __init__(self, group_resource: str, informer: Informer[Any]) -> None:
        self._group_resource = group_resource
        self._informer = informer
        self._known: dict[ObjectKey, tuple[Object, Counted]] = {}

    @property
    def has_synced(self) -> bool:
        return self._informer.has_synced

    def counted(self, namespace: str, now: datetime) -> Iterator[Counted]:
        for obj in self._informer.lister.list(namespace):
            key = obj.metadata.key
            known = self._known.get(key)
            if known is None or known[0] is not obj or _is_over(known[1], now):
                known = self._known[key] = (obj, count(self._group_resource, obj, now))
            yield known[1]

    def forget(self, key: ObjectKey) -> None:
        self._known.pop(key, None)


def _is_over(counted: Counted, now: datetime) -> bool:
    return counted.changes_at is not None and counted.changes_at < now


class ResourceQuotaReconciler:
    """Writes what is in use into the status of one quota at a time."""

    def __init__(
        self,
        client: Client,
        informers: InformerSet,
        queue: WorkQueue[ObjectKey],
        clock: Clock,
    ) -> None:
        self._client = client
        self._informers = informers
        self._quotas: Lister[ResourceQuota] = informers.informer(RESOURCE_QUOTAS).lister
        self._queue = queue
        self._clock = clock
        self._kinds: dict[str, CountedKind] = {}

    async def reconcile(self, key: ObjectKey) -> Result:
        quota = self._quotas.get(key)
        if quota is None:
            return Result()
        allowance = allowance_of(quota)
        kinds: list[CountedKind] = []
        again_s = _RESYNC_S
        for name in sorted(kinds_counted(allowance)):
            kind = await self._follow(name)
            if kind is None:
                again_s = _UNSERVED_S
            elif not kind.has_synced:
                return Result(_SETTLE_S)
            else:
                kinds.append(kind)
        used = _recount(allowance, kinds, key.namespace, self._clock.now())
        if not (_is_same(quota.status.used, used) and _is_same(quota.status.hard, allowance.hard)):
            await self._write(quota, used)
        return Result(again_s)

    async def _follow(self, group_resource: str) -> CountedKind | None:
        """None where no such kind is served."""
        kind = self._kinds.get(group_resource)
        if kind is not None:
            return kind
        informer = await self._informer(group_resource)
        if informer is None:
            return None
        kind = self._kinds[group_resource] = CountedKind(group_resource, informer)

        def on_change(old: Object | None, new: Object | None) -> None:
            seen = new or old
            if seen is None:
                return
            if new is None:
                kind.forget(seen.metadata.key)
            for quota in self._quotas.list(seen.metadata.namespace):
                self._queue.add_after(quota.metadata.key, _SETTLE_S)

        informer.add_handler(on_change)
        return kind

    async def _informer(self, group_resource: str) -> Informer[Any] | None:
        for resource in _MORE_THAN_NUMBERS:
            if resource.group_resource == group_resource:
                return self._informers.informer(resource)
        for served in await discover(self._client):
            if served.resource.group_resource == group_resource and "watch" in served.verbs:
                return self._informers.metadata_informer(served.resource)
        return None

    async def _write(self, quota: ResourceQuota, used: Usage) -> None:
        metadata = quota.metadata
        status: JsonObject = {
            # What the quota does not name any more goes.
            "hard": dict.fromkeys(quota.status.hard) | quota.spec.hard,
            "used": dict.fromkeys(quota.status.used) | resource_list(used),
        }
        body = {"metadata": {"resourceVersion": metadata.resource_version}, "status": status}
        try:
            await self._client.patch(
                RESOURCE_QUOTAS, metadata.name, body, metadata.namespace, subresource="status"
            )
        except ApiError as error:
            if not error.is_not_found:
                raise


def _recount(
    allowance: Allowance, kinds: list[CountedKind], namespace: str, now: datetime
) -> Usage:
    used = dict.fromkeys(allowance.hard, NOTHING)
    for kind in kinds:
        for counted in kind.counted(namespace, now):
            add(used, allowance.share_of(counted))
    return used


def _is_same(stored: ResourceMap, wanted: Usage) -> bool:
    numbers = {name: amount.number for name, amount in wanted.items()}
    return {name: parse(text) for name, text in stored.items()} == numbers


def resource_quota_controller(client: Client, informers: InformerSet, clock: Clock) -> Controller:
    """Follows ResourceQuotas, and what they name."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    reconciler = ResourceQuotaReconciler(client, informers, queue, clock)

    def on_quota(old: ResourceQuota | None, new: ResourceQuota | None) -> None:
        if new is not None and (old is None or old.spec != new.spec or old.status != new.status):
            queue.add(new.metadata.key)

    informers.informer(RESOURCE_QUOTAS).add_handler(on_quota)
    return Controller("resourcequota", reconciler, queue)
