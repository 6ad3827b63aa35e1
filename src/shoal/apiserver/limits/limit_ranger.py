"""`LimitRanger`: the `Admission` that asks the LimitRanges of a namespace about pods and claims.

Source: Kubernetes v1.36, plugin/pkg/admission/limitranger.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

import msgspec

from shoal.api.core import LIMIT_RANGES, LimitRange
from shoal.api.meta import Object
from shoal.api.pod import PODS
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError, forbidden
from shoal.api.storage import CLAIMS
from shoal.apiserver.limits.range_rules import against_claim, against_pod, fill_in_pod, in_one
from shoal.store.protocol import Store

T = TypeVar("T", bound=Object)


class _LimitedKind:
    """A `KindAdmission`."""

    sees_deletions = False

    def __init__(
        self,
        ranges_of: Callable[[str], Sequence[LimitRange]],
        resource: Resource[T],
        against: Callable[[T, LimitRange], list[str]],
        fill_in: Callable[[JsonObject, LimitRange], None] | None = None,
    ) -> None:
        """With `fill_in`, only what is new is looked at: it may not change later."""
        self._ranges_of = ranges_of
        self._resource = resource
        self._against = against
        self._fill_in = fill_in

    def fill_in(self, obj: JsonObject, old: JsonObject | None) -> None:
        if self._fill_in is not None and old is None:
            for each in self._ranges_of(obj["metadata"]["namespace"]):
                self._fill_in(obj, each)

    def refusal(self, obj: JsonObject | None, old: JsonObject | None) -> ApiError | None:
        if obj is None or (self._fill_in is not None and old is not None):
            return None
        metadata: JsonObject = obj["metadata"]
        ranges = self._ranges_of(metadata["namespace"])
        if not ranges:
            return None
        read = msgspec.convert(obj, self._resource.type)
        for each in ranges:
            sentences = self._against(read, each)
            if sentences:
                why = in_one(sentences)
                return forbidden(self._resource.group_resource, metadata["name"], why)
        return None


class LimitRanger:
    def __init__(self, store: Store) -> None:
        self._store = store
        pods = _LimitedKind(self._ranges_of, PODS, against_pod, fill_in_pod)
        claims = _LimitedKind(self._ranges_of, CLAIMS, against_claim)
        self._kinds = {PODS.group_resource: pods, CLAIMS.group_resource: claims}

    def of(self, group_resource: str) -> _LimitedKind | None:
        return self._kinds.get(group_resource)

    def _ranges_of(self, namespace: str) -> Sequence[LimitRange]:
        """By name."""
        entries = self._store.list(f"{LIMIT_RANGES.group_resource}/{namespace}/").entries
        return [_decode(entry.value) for entry in entries]


@lru_cache(maxsize=512)
def _decode(value: bytes) -> LimitRange:
    return msgspec.json.decode(value, type=LimitRange)
