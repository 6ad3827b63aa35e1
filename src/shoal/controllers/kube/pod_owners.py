"""How many pods there should be, as the owners of pods ask for it.

Deployments, ReplicaSets and StatefulSets are known from informers; owners of any other kind are
asked through their scale subresource.
Source of rules and texts: Kubernetes v1.36, pkg/controller/disruption (finders).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from shoal.api.apps import DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS
from shoal.api.meta import ObjectKey, OwnerReference
from shoal.api.pod import Pod
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.discovery import ServedResource, discover
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client

KINDS_KEPT = timedelta(seconds=30)
"""How long an answer about kinds is believed: as by kube-controller-manager v1.36
(cmd/kube-controller-manager/app, which resets its REST mapper that often)."""


class ScaleUnknown(Exception):
    """How many pods there should be cannot be told; the text says why."""


class OwnerKinds:
    """What the server says of the kinds of owners. It is asked for all of them at a time, and
    seldom, as every pod that comes or goes has its budgets looked at."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._known: dict[tuple[str, str], ServedResource] = {}
        self._until = datetime.min.replace(tzinfo=UTC)

    async def find(self, owner: OwnerReference) -> ServedResource | None:
        """None for a kind that is not served; a kind that was not known is asked for at once."""
        kind = (owner.api_version.rpartition("/")[0], owner.kind)
        now = self._clock.now()
        if now >= self._until or kind not in self._known:
            # In reverse: of two collections with one kind, the first counts.
            served = reversed(await discover(self._client))
            self._known = {(each.resource.group, each.resource.kind): each for each in served}
            self._until = now + KINDS_KEPT
        return self._known.get(kind)


class PodOwners:
    """How many pods the owners of pods ask for."""

    def __init__(self, client: Client, informers: InformerSet, kinds: OwnerKinds) -> None:
        self._client = client
        self._kinds = kinds
        self._replica_sets = informers.informer(REPLICA_SETS).lister
        self._deployments = informers.informer(DEPLOYMENTS).lister
        self._stateful_sets = informers.informer(STATEFUL_SETS).lister

    async def scale(self, pods: Sequence[Pod]) -> tuple[int, list[str]]:
        """The sum over all owners, and the names of pods that have none. Raises ScaleUnknown."""
        scales: dict[str, int] = {}
        asked: set[str] = set()
        unmanaged: list[str] = []
        for pod in pods:
            owner = pod.metadata.controller
            if owner is None:
                unmanaged.append(pod.metadata.name)
            elif owner.uid not in asked:
                asked.add(owner.uid)
                found = await self._scale_of(owner, pod.metadata.namespace)
                if found is None:
                    raise ScaleUnknown(f'found no controllers for pod "{pod.metadata.name}"')
                scales[found[0]] = found[1]
        return sum(scales.values()), unmanaged

    async def _scale_of(self, owner: OwnerReference, namespace: str) -> tuple[str, int] | None:
        """The uid of who decides, and its number; None where the owner is gone."""
        key = ObjectKey(namespace, owner.name)
        match owner.api_version, owner.kind:
            case "apps/v1", "ReplicaSet":
                replica_set = self._replica_sets.get(key)
                if replica_set is None or replica_set.metadata.uid != owner.uid:
                    return None
                above = replica_set.metadata.controller
                if above is None or above.kind != DEPLOYMENTS.kind:
                    return owner.uid, replica_set.spec.replicas
                deployment = self._deployments.get(ObjectKey(namespace, above.name))
                if deployment is None or deployment.metadata.uid != above.uid:
                    return None
                return above.uid, deployment.spec.replicas
            case "apps/v1", "StatefulSet":
                stateful_set = self._stateful_sets.get(key)
                if stateful_set is None or stateful_set.metadata.uid != owner.uid:
                    return None
                return owner.uid, stateful_set.spec.replicas
            case _:
                return await self._ask_scale(owner, namespace)

    async def _ask_scale(self, owner: OwnerReference, namespace: str) -> tuple[str, int] | None:
        served = await self._kinds.find(owner)
        if served is None:
            text = f'no matches for kind "{owner.kind}" in version "{owner.api_version}"'
            raise ScaleUnknown(text)
        resource = served.resource
        if "scale" not in served.subresources:
            text = f"{resource.group_resource} does not implement the scale subresource"
            raise ScaleUnknown(text)
        root = f"apis/{resource.group}" if resource.group else "api"
        place = f"namespaces/{namespace}/{resource.plural}/{owner.name}"
        try:
            scale = await self._client.request("GET", f"/{root}/{resource.version}/{place}/scale")
        except ApiError as error:
            if error.is_not_found:
                return None
            raise
        if scale["metadata"].get("uid") != owner.uid:
            return None
        return owner.uid, int((scale.get("spec") or {}).get("replicas") or 0)
