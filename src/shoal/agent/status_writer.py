"""Write one pod's status: only when it has changed, only the newest, until it is accepted."""

import asyncio
import logging

import msgspec

from shoal.api.pod import PODS, Pod, PodStatus
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.base.backoff import Backoff
from shoal.base.clock import Clock
from shoal.client.protocol import Client, ConnectionFailed, PatchType

_log = logging.getLogger(__name__)
_RETRY = Backoff(initial_s=0.2, max_s=10.0)


class StatusWriter:
    """`run` does the writing; `post` never waits."""

    def __init__(self, pod: Pod, client: Client, clock: Clock) -> None:
        self._pod = pod
        self._client = client
        self._clock = clock
        self._wanted: JsonObject | None = None
        self._has_work = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self.written = pod.status
        """What the API has, or will have once the present write is through."""

    def post(self, status: JsonObject) -> None:
        """Have a status written unless it says what was written last."""
        typed = _typed(status)
        if _is_same(typed, self.written):
            return
        self.written = typed
        self._wanted = status
        self._is_idle.clear()
        self._has_work.set()

    async def wait_written(self) -> None:
        """Return when nothing is left to write."""
        await self._is_idle.wait()

    async def run(self) -> None:
        failures = 0
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            status = self._wanted
            if status is not None and not await self._write(status):
                failures += 1
                await self._clock.sleep(_RETRY.delay_s(failures))
                self._has_work.set()
                continue
            failures = 0
            if status is self._wanted:
                self._wanted = None
                self._is_idle.set()

    async def _write(self, status: JsonObject) -> bool:
        """Whether it is done with: written, or the pod is gone."""
        metadata = self._pod.metadata
        # The uid makes sure that a new pod of the same name is not given the old one's status.
        patch = {"metadata": {"uid": metadata.uid}, "status": status}
        try:
            await self._client.patch(
                PODS,
                metadata.name,
                patch,
                metadata.namespace,
                type=PatchType.STRATEGIC,
                subresource="status",
            )
        except ConnectionFailed:
            return False
        except ApiError as error:
            if error.is_not_found or error.is_conflict:
                return True
            _log.warning("status of pod %s is not accepted: %s", metadata.key, error)
            return False
        return True


def _typed(status: JsonObject) -> PodStatus:
    """The status as it reads once it is merged: null takes a text of a condition away."""
    conditions = [
        {name: value for name, value in condition.items() if value is not None}
        for condition in status["conditions"]
    ]
    return msgspec.convert(status | {"conditions": conditions}, PodStatus)


def _is_same(new: PodStatus, old: PodStatus) -> bool:
    """Compare what the agent writes; conditions and fields of others do not count."""
    own = {condition.type: condition for condition in new.conditions}
    theirs = {c.type: c for c in old.conditions if c.type in own}
    return own == theirs and msgspec.structs.replace(
        new, conditions=[], nominated_node_name=""
    ) == msgspec.structs.replace(old, conditions=[], nominated_node_name="")
