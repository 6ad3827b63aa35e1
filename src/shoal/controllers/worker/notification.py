"""Tells somebody outside how a run ended: a POST with JSON, at least once.

    POST url   {"worker", "namespace", "run", "phase", "message", ...}   any 2xx is enough

The run that was told of stands in `status.notifiedRun`; it is written after the answer, so a
control plane that is killed between the two tells it again. URLs from Secrets are never logged.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from shoal.api.core import EventType
from shoal.api.meta import Condition, ObjectKey, find_condition, held_since
from shoal.api.resource import JsonObject
from shoal.api.worker import WORKERS, Notify, Worker, WorkerPhase
from shoal.base.backoff import Backoff
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.http_session import HttpSession
from shoal.client.informer import Lister
from shoal.client.protocol import Client
from shoal.controllers.reconciler import Result
from shoal.controllers.worker.reconciler import secret_value
from shoal.work.protocol import SourceUnavailable

TIMEOUT_S = 10.0
BACKOFF = Backoff(initial_s=2.0, max_s=300.0)
_ENDED = (WorkerPhase.SUCCEEDED, WorkerPhase.FAILED)


class NotifyFailed(Exception):
    """Nobody took the news; the text says why, without the URL's path or password."""


class Messenger(Protocol):
    """Who carries news out."""

    async def post(self, url: str, body: bytes) -> None:
        """Raises NotifyFailed."""
        ...


class HttpMessenger:
    """Posts over HTTP."""

    def __init__(self, session: HttpSession) -> None:
        self._session = session

    async def post(self, url: str, body: bytes) -> None:
        import aiohttp

        headers = {"Content-Type": "application/json"}
        host = urlsplit(url).hostname or "the URL"
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._session.open().post(url, data=body, headers=headers) as answer,
            ):
                if not 200 <= answer.status < 300:
                    raise NotifyFailed(f"{host} answered status {answer.status}")
        except TimeoutError as error:
            raise NotifyFailed(f"{host} did not answer within {TIMEOUT_S:g} s") from error
        except (aiohttp.ClientError, ValueError) as error:
            # Its text may show the URL, and that may hold a secret.
            raise NotifyFailed(f"{host} cannot be reached ({type(error).__name__})") from error


def is_owed(worker: Worker) -> bool:
    """Whether a run has ended that somebody is to be told of."""
    wanted, status = worker.spec.notify, worker.status
    return (
        wanted is not None
        and status.finished_at is not None
        and status.notified_run < status.run
        and status.phase in _ENDED
        and (not wanted.on or status.phase in wanted.on)
    )


def news_of(worker: Worker) -> JsonObject:
    """The body."""
    meta, status = worker.metadata, worker.status
    told = (
        "run",
        "phase",
        "message",
        "restarts",
        "applicationFailures",
        "infrastructureFailures",
        "strategy",
        "progress",
        "lastError",
        "startedAt",
        "finishedAt",
    )
    fields = msgspec.to_builtins(status)
    zeros = {"restarts": 0, "applicationFailures": 0, "infrastructureFailures": 0}
    return {
        "worker": meta.name,
        "namespace": meta.namespace,
        **zeros,
        **{name: fields[name] for name in told if name in fields},
    }


class _Refusal(msgspec.Struct, frozen=True):
    """News that nobody took."""

    failures: int
    generation: int
    """Of the worker, which may name somebody else in another."""
    again_at: datetime


class WorkerNotifier:
    """Reconciles the news that are owed."""

    def __init__(
        self,
        client: Client,
        workers: Lister[Worker],
        messenger: Messenger,
        recorder: EventRecorder,
        clock: Clock,
    ) -> None:
        self._client = client
        self._workers = workers
        self._messenger = messenger
        self._recorder = recorder
        self._clock = clock
        self._refused: dict[ObjectKey, _Refusal] = {}
        self._posted: dict[ObjectKey, tuple[str, int]] = {}
        """Uid and run of the news that were taken."""

    async def reconcile(self, key: ObjectKey) -> Result:
        worker = self._workers.get(key)
        if worker is None:
            self._posted.pop(key, None)
        if worker is None or worker.spec.notify is None or not is_owed(worker):
            self._refused.pop(key, None)
            return Result()
        wait_s = self._wait_s(worker)
        if wait_s > 0:
            # The worker changes for other reasons, too, and by what is told of the failure.
            return Result(wait_s)
        told = (worker.metadata.uid, worker.status.run)
        try:
            # The lister may not show yet that it has been told.
            if self._posted.get(key) != told:
                url = await self._url(worker.spec.notify, key.namespace)
                await self._messenger.post(url, msgspec.json.encode(news_of(worker)))
                self._posted[key] = told
        except (NotifyFailed, SourceUnavailable) as error:
            pause_s = self._refuse(worker)
            text = f"nobody could be told how run {worker.status.run} ended: {error}"
            self._recorder.record(WORKERS, worker.metadata, EventType.WARNING, "NotifyFailed", text)
            await self._write(worker, _told(worker, text, self._clock))
            return Result(pause_s)
        self._refused.pop(key, None)
        await self._write(
            worker, {"notifiedRun": worker.status.run, **_told(worker, "", self._clock)}
        )
        return Result()

    def _wait_s(self, worker: Worker) -> float:
        refused = self._refused.get(worker.metadata.key)
        if refused is None or refused.generation != worker.metadata.generation:
            return 0.0
        return (refused.again_at - self._clock.now()).total_seconds()

    def _refuse(self, worker: Worker) -> float:
        """How long to wait after one more failure."""
        key = worker.metadata.key
        before = self._refused.get(key)
        failures = before.failures + 1 if before is not None else 1
        pause_s = BACKOFF.delay_s(failures)
        again_at = self._clock.now() + timedelta(seconds=pause_s)
        self._refused[key] = _Refusal(failures, worker.metadata.generation, again_at)
        return pause_s

    async def _url(self, notify: Notify, namespace: str) -> str:
        reference = notify.url_from.secret_key_ref if notify.url_from is not None else None
        if reference is not None:
            return await secret_value(self._client, reference, namespace)
        if not notify.url:
            raise NotifyFailed("spec.notify has neither url nor urlFrom; give one of them")
        return notify.url

    async def _write(self, worker: Worker, status: JsonObject) -> None:
        meta = worker.metadata
        before = find_condition(worker.status.conditions, "Notified")
        if "notifiedRun" not in status and before is not None:
            told = next(c for c in status["conditions"] if c["type"] == "Notified")
            if (before.status, before.message) == (told["status"], told.get("message", "")):
                return
        precondition = {"uid": meta.uid, "resourceVersion": meta.resource_version}
        body = {"metadata": precondition, "status": status}
        await self._client.patch(WORKERS, meta.name, body, meta.namespace, subresource="status")


def _told(worker: Worker, problem: str, clock: Clock) -> JsonObject:
    status = "False" if problem else "True"
    before = find_condition(worker.status.conditions, "Notified")
    condition = Condition(
        type="Notified",
        status=status,
        reason="NotifyFailed" if problem else "Told",
        message=problem,
        last_transition_time=held_since(before, status, clock.now()).replace(microsecond=0),
    )
    others = [each for each in worker.status.conditions if each.type != "Notified"]
    return {"conditions": msgspec.to_builtins([*others, condition])}
