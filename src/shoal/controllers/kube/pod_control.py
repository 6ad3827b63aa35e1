"""Pods made and removed for their owners, with the events that tell of it.

An informer lags behind what is written here, so what it does not show yet is noted as expected.
Source of the events: Kubernetes v1.36, pkg/controller/controller_utils.go (RealPodControl).
"""

from typing import Any

from shoal.api.core import EventType
from shoal.api.meta import ObjectMeta
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.informer import Lister
from shoal.client.protocol import Client, DeleteOptions
from shoal.controllers.expectations import Expectations


class PodControl:
    """For all owners of one kind."""

    def __init__(
        self,
        client: Client,
        kind: Resource[Any],
        pods: Lister[Pod],
        recorder: EventRecorder,
        expectations: Expectations,
        clock: Clock,
    ) -> None:
        """`kind` is that of the owners."""
        self._client = client
        self._kind = kind
        self._pods = pods
        self._recorder = recorder
        self._expectations = expectations
        self._clock = clock

    async def create(self, owner: ObjectMeta, body: JsonObject) -> None:
        """A refusal is told and raised; that the namespace goes away is no news."""
        try:
            made = await self._client.create(PODS, body, owner.namespace)
        except ApiError as error:
            if not error.is_namespace_terminating:
                self._record(owner, EventType.WARNING, "FailedCreate", f"Error creating: {error}")
            raise
        if self._pods.get(made.metadata.key) is None:
            now = self._clock.now()
            self._expectations.expect_created(owner.key, made.metadata.name, now)
        text = f"Created pod: {made.metadata.name}"
        self._record(owner, EventType.NORMAL, "SuccessfulCreate", text)

    async def remove(self, owner: ObjectMeta, pod: Pod) -> None:
        """One that is gone, or whose name another pod has by now, needs nothing."""
        meta = pod.metadata
        self._expectations.expect_deleted(owner.key, meta.uid, self._clock.now())
        try:
            await self._client.delete(PODS, meta.name, meta.namespace, DeleteOptions(uid=meta.uid))
        except ApiError as error:
            self._expectations.observe_deleted(owner.key, meta.uid)
            if not (error.is_not_found or error.is_conflict):
                self._record(owner, EventType.WARNING, "FailedDelete", f"Error deleting: {error}")
                raise
            return
        self._record(owner, EventType.NORMAL, "SuccessfulDelete", f"Deleted pod: {meta.name}")

    def _record(self, owner: ObjectMeta, type: EventType, reason: str, message: str) -> None:
        self._recorder.record(self._kind, owner, type, reason, message)
