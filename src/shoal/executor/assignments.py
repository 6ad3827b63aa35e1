"""The sidecar's ear: what the task annotation of its own pod says."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from shoal.api.meta import ApiStruct, Condition, Object, find_condition
from shoal.api.ploto import TASK_ANNOTATION, Assignment
from shoal.api.resource import Resource
from shoal.client.protocol import WatchEvent

_log = logging.getLogger(__name__)


class _PodStatus(ApiStruct):
    conditions: list[Condition] = msgspec.field(default_factory=list[Condition])


class OwnPod(Object):
    """What a sidecar reads of its pod."""

    status: _PodStatus = _PodStatus()


PODS: Resource[OwnPod] = Resource("", "v1", "pods", "Pod", OwnPod)


@dataclass(frozen=True, slots=True)
class Identity:
    """The pod that this sidecar is in."""

    name: str
    namespace: str
    uid: str

    @property
    def field_selector(self) -> str:
        return f"metadata.name={self.name}"


class AssignmentFeed:
    """A reflector's sink that keeps the newest assignment; older ones that nobody took are of no
    interest."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._text = ""
        self._changed = asyncio.Event()
        self._listed = asyncio.Event()
        self._unready = asyncio.Event()

    async def wait_listed(self) -> None:
        """Until the pod has been read once."""
        await self._listed.wait()

    async def wait_changed(self) -> None:
        """Until there was a change since `newest` was last asked."""
        await self._changed.wait()

    @property
    def is_ready(self) -> bool:
        """Does the API say that the pod is ready? Then it may be given a task."""
        return not self._unready.is_set()

    async def wait_unready(self) -> None:
        await self._unready.wait()

    def newest(self) -> Assignment | None:
        self._changed.clear()
        if not self._text:
            return None
        try:
            return msgspec.json.decode(self._text, type=Assignment)
        except msgspec.MsgspecError as error:
            _log.warning("annotation %s cannot be read: %s", TASK_ANNOTATION, error)
            return None

    def replace(self, items: Sequence[OwnPod]) -> None:
        """Of `client.reflector.Sink`."""
        for pod in items:
            self._observe(pod)
        self._listed.set()

    def apply(self, event: WatchEvent[OwnPod]) -> None:
        """Of `client.reflector.Sink`."""
        if event.object is not None:
            self._observe(event.object)

    def _observe(self, pod: OwnPod) -> None:
        if pod.metadata.uid != self._identity.uid:
            return
        ready = find_condition(pod.status.conditions, "Ready")
        if ready is not None and ready.status == "True":
            self._unready.clear()
        else:
            self._unready.set()
        text = pod.metadata.annotations.get(TASK_ANNOTATION, "")
        if text != self._text:
            self._text = text
            self._changed.set()
