"""Executor pods without a node: the real sidecar, a make-believe container, a status that says so.

`FakeExecutors` stands in for scheduler, agent and the user's program. Every executor pod that
appears becomes ready and gets a directory of its own; its container follows the file contract
and does what `Work` says for each `para`.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

from shoal.api.meta import timestamp
from shoal.api.ploto import POOL_LABEL
from shoal.api.pod import PODS, Pod
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.base.clock import Clock
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client, ConnectionFailed
from shoal.client.reflector import Reflector
from shoal.executor import assignments, exchange
from shoal.executor.assignments import AssignmentFeed, Identity
from shoal.executor.directory_watch import DirectoryWatch
from shoal.executor.sidecar_loop import Sidecar, wait_changed


class Outcome(StrEnum):
    COMPLETE = "Complete"
    FAIL = "Fail"
    CRASH = "Crash"
    """The container ends with code 1."""


Work = Callable[[JsonObject], Awaitable[Outcome]]
"""Given what the task file holds."""


async def complete(task: JsonObject) -> Outcome:
    """Crashes on `para: crash`, and is done with all else at once."""
    return Outcome.CRASH if task["para"] == "crash" else Outcome.COMPLETE


class FakeExecutors:
    """Plays the node and the container of every executor pod there is."""

    def __init__(
        self,
        client: Client,
        informers: InformerSet,
        clock: Clock,
        directory: Path,
        work: Work = complete,
    ) -> None:
        self._client = client
        self._clock = clock
        self._directory = directory
        self._work = work
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._arrived: asyncio.Queue[Pod] = asyncio.Queue()
        self.runs: list[tuple[str, str]] = []
        """Every run that a container began: pod uid, task uid."""
        informers.informer(PODS, label_selector=POOL_LABEL).add_handler(self._on_pod)

    def _on_pod(self, old: Pod | None, new: Pod | None) -> None:
        if new is None or new.is_deleting:
            gone = new or old
            if gone is not None and gone.metadata.uid in self._lives:
                self._lives[gone.metadata.uid].cancel()
        elif new.metadata.uid not in self._lives and not new.is_finished:
            self._arrived.put_nowait(new)

    async def run(self) -> None:
        """Returns only when cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                pod = await self._arrived.get()
                if pod.metadata.uid not in self._lives:
                    self._lives[pod.metadata.uid] = group.create_task(self._live(pod))

    async def _live(self, pod: Pod) -> None:
        directory = self._directory / pod.metadata.uid
        directory.mkdir()
        await self._patch_status(pod, running_status(self._clock))
        sidecar = asyncio.create_task(self._sidecar(pod, directory))
        try:
            await self._container(pod, directory)
        finally:
            sidecar.cancel()
            with suppress(asyncio.CancelledError):
                await sidecar
        await self._patch_status(pod, crashed_status(self._clock))

    async def _sidecar(self, pod: Pod, directory: Path) -> None:
        identity = Identity(pod.metadata.name, pod.metadata.namespace, pod.metadata.uid)
        feed = AssignmentFeed(identity)
        watch = DirectoryWatch(directory)
        reflector = Reflector(
            self._client,
            assignments.PODS,
            feed,
            self._clock,
            random.Random(0),
            namespace=identity.namespace,
            field_selector=identity.field_selector,
        )
        sidecar = Sidecar(self._client, identity, feed, directory, watch, self._clock)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(reflector.run())
                group.create_task(sidecar.run())
        finally:
            watch.close()

    async def _container(self, pod: Pod, directory: Path) -> None:
        """Returns when it crashes."""
        watch = DirectoryWatch(directory)
        try:
            while True:
                watch.drain()
                content = None
                if not (directory / exchange.RESULT_FILE).exists():
                    content = exchange.read_if_there(directory / exchange.TASK_FILE)
                if content is None:
                    await wait_changed(watch)
                    continue
                task = json.loads(content)
                self.runs.append((pod.metadata.uid, task["uid"]))
                outcome = await self._work(task)
                if outcome is Outcome.CRASH:
                    return
                phase = "Completed" if outcome is Outcome.COMPLETE else "Failed"
                exchange.write_atomically(directory / exchange.RESULT_FILE, {"phase": phase})
        finally:
            watch.close()

    async def _patch_status(self, pod: Pod, status: JsonObject) -> None:
        """As an agent: again until it is there, or the pod is not."""
        name, namespace = pod.metadata.name, pod.metadata.namespace
        while True:
            try:
                await self._client.patch(
                    PODS, name, {"status": status}, namespace, subresource="status"
                )
                return
            except ConnectionFailed:
                continue
            except ApiError as error:
                if not error.is_not_found:
                    raise
                return


def running_status(clock: Clock) -> JsonObject:
    now = timestamp(clock.now())
    return {
        "phase": "Running",
        "startTime": now,
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": now}],
    }


def crashed_status(clock: Clock) -> JsonObject:
    now = timestamp(clock.now())
    terminated = {"exitCode": 1, "reason": "Error", "startedAt": now, "finishedAt": now}
    return {
        "phase": "Failed",
        "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": now}],
        "containerStatuses": [
            {
                "name": "work",
                "image": "work",
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": {"terminated": terminated},
            }
        ],
    }
