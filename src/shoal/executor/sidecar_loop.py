"""The sidecar: carries tasks from the API to the container, and results back.

    pod annotation -> task.json -> container -> result.json -> task status

The task's status is the truth, the annotation its delivery, the directory what survives when the
sidecar dies. One task at a time; each run is reported once, because a report is a compare-and-set
on the task as it was assigned.

A container that says it takes no more tasks (exchange.STATE_FILE) is given none. What is assigned
to it all the same stays with the sidecar, whose last words say that it was never handed over.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec

from shoal.api import ploto_status
from shoal.api.ploto import TASKS, Assignment, LastWords, Task
from shoal.api.status import ApiError
from shoal.base.backoff import Backoff
from shoal.base.clock import Clock
from shoal.client.protocol import Client, ConnectionFailed
from shoal.executor import exchange
from shoal.executor.assignments import AssignmentFeed, Identity
from shoal.executor.directory_watch import POLL_INTERVAL_S, DirectoryWatch
from shoal.executor.results import TaskResult, is_wanted, parse_result

_log = logging.getLogger(__name__)

RETRY = Backoff(initial_s=0.1, max_s=10.0)
"""While the server cannot be reached, or refuses."""
_REMEMBERED_RUNS = 256
"""Runs that are over, kept to recognise a late annotation that names one of them."""


class Sidecar:
    """One executor's sidecar. `run` ends only when cancelled; then `report_last` is due."""

    def __init__(
        self,
        client: Client,
        identity: Identity,
        feed: AssignmentFeed,
        directory: Path,
        watch: DirectoryWatch,
        clock: Clock,
    ) -> None:
        self._client = client
        self._identity = identity
        self._feed = feed
        self._directory = directory
        self._watch = watch
        self._clock = clock
        self._current: Assignment | None = None
        self._taken: tuple[str, int] | None = None
        self._has_seen_change = False
        self._over: deque[tuple[str, int]] = deque(maxlen=_REMEMBERED_RUNS)

    async def run(self) -> None:
        await self._feed.wait_listed()
        self._current = self._resume()
        self._taken = None if self._current is None else self._current.run
        (self._directory / exchange.READY_FILE).touch()
        while True:
            if self._current is None:
                self._current = await self._next()
            await self._finish(self._current, await self._wait_result())

    def last_words(self) -> LastWords:
        """What holds from the moment `run` was cancelled."""
        return LastWords(taken=self._taken)

    async def report_last(self) -> None:
        """The container has ended: report what it left, if it left a result."""
        content = exchange.read_if_there(self._directory / exchange.RESULT_FILE)
        if self._current is not None and content is not None:
            await self._finish(self._current, parse_result(content))

    def _resume(self) -> Assignment | None:
        """The run that an earlier sidecar of this pod left on, wanted or not: the container is
        busy with it, and cannot take another before it is done."""
        content = exchange.read_if_there(self._directory / exchange.TASK_FILE)
        if content is None:
            # A result without a task is one that was reported.
            exchange.clear(self._directory)
            return None
        return msgspec.json.decode(content, type=Assignment)

    async def _next(self) -> Assignment:
        """Wait for a new assignment and hand it to the container."""
        while True:
            assignment = self._feed.newest()
            if assignment is None or assignment.run in self._over:
                self._has_seen_change = True
                await self._feed.wait_changed()
                continue
            para = assignment.para
            # What stood there at the start may be over; what came since is new.
            if para is None or not self._has_seen_change:
                task = await self._read(assignment)
                para = None if task is None else task.spec.para
            if para is None:
                self._over.append(assignment.run)
                continue
            self._watch.drain()
            if self._state() in {exchange.WORKING, exchange.LEAVING}:
                await wait_changed(self._watch)
                continue
            self._hand_over(assignment, para)
            return assignment

    def _hand_over(self, assignment: Assignment, para: str) -> None:
        content = {
            "name": assignment.name,
            "namespace": assignment.namespace,
            "uid": assignment.uid,
            "para": para,
            "attempt": assignment.attempt,
        }
        # What may have been taken counts as taken.
        self._taken = assignment.run
        exchange.write_atomically(self._directory / exchange.TASK_FILE, content)

    async def _wait_result(self) -> TaskResult:
        while True:
            self._watch.drain()
            content = exchange.read_if_there(self._directory / exchange.RESULT_FILE)
            if content is None:
                await wait_changed(self._watch)
            elif self._feed.is_ready and self._state() == exchange.LEAVING:
                # Once this is reported, an executor that counts as ready is given a task.
                await _first_of(self._feed.wait_unready(), wait_changed(self._watch))
            else:
                return parse_result(content)

    def _state(self) -> str:
        return exchange.read_state(self._directory)

    async def _finish(self, assignment: Assignment, result: TaskResult) -> None:
        await self._report(assignment, result)
        exchange.clear(self._directory)
        self._over.append(assignment.run)
        self._current = None

    async def _report(self, assignment: Assignment, result: TaskResult) -> None:
        """Write the result, unless the run is not wanted any more."""
        resource_version = assignment.resource_version
        failures = 0
        while True:
            if not resource_version:
                task = await self._read(assignment)
                if task is None:
                    return
                resource_version = task.metadata.resource_version
            try:
                await self._write(assignment, result, resource_version)
                return
            except (ApiError, ConnectionFailed) as error:
                if isinstance(error, ApiError) and error.is_not_found:
                    return
                if not (isinstance(error, ApiError) and error.is_conflict):
                    failures += 1
                    _log.warning("cannot report task %s: %s", assignment.name, error)
                    await self._clock.sleep(RETRY.delay_s(failures))
            # The task has changed since, or an answer was lost on the way: look again.
            resource_version = ""

    async def _write(
        self, assignment: Assignment, result: TaskResult, resource_version: str
    ) -> None:
        body = ploto_status.finished(
            phase=result.phase,
            message=result.message,
            output=result.output,
            pod_name=self._identity.name,
            failed_time=assignment.attempt - 1,
            started_at=assignment.started_at,
            resource_version=resource_version,
            now=self._clock.now(),
        )
        await self._client.patch(
            TASKS, assignment.name, body, assignment.namespace, subresource="status"
        )

    async def _read(self, assignment: Assignment) -> Task | None:
        """The task, if this run of it is still wanted."""
        failures = 0
        while True:
            try:
                task = await self._client.get(TASKS, assignment.name, assignment.namespace)
            except ApiError as error:
                if error.is_not_found:
                    return None
                _log.warning("cannot read task %s: %s", assignment.name, error)
            except ConnectionFailed as error:
                _log.warning("cannot read task %s: %s", assignment.name, error)
            else:
                return task if is_wanted(assignment, task, self._identity.name) else None
            failures += 1
            await self._clock.sleep(RETRY.delay_s(failures))


async def _first_of(*events: Coroutine[Any, Any, None]) -> None:
    """Until one of them is over."""
    waiting = [asyncio.create_task(event) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def wait_changed(watch: DirectoryWatch) -> None:
    """Until something changed in the directory, or it is time to poll."""
    if watch.descriptor is None:
        await asyncio.sleep(POLL_INTERVAL_S)
        return
    loop = asyncio.get_running_loop()
    changed: asyncio.Future[None] = loop.create_future()
    loop.add_reader(watch.descriptor, _resolve, changed)
    try:
        await changed
    finally:
        loop.remove_reader(watch.descriptor)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
