"""Tells somebody outside how a run, or a start of a schedule, ended: a POST with JSON, at least
once.

    POST url   {"worker", "namespace", "run", "phase", "message", ...}   any 2xx is enough
               {"worker", "namespace", "job", "phase", "message", ...}   of a start

Ends of runs that are owed stand in `status.owedRuns`, starts in `status.starts`; both are settled
after the answer, so a control plane that is killed between the two tells it again.
URLs from Secrets are never logged.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from shoal.api.core import EventType
from shoal.api.meta import Condition, ObjectKey, find_condition, held_since
from shoal.api.resource import JsonObject
from shoal.api.worker import WORKERS, Notify, RunEnd, Worker, WorkerStart
from shoal.base.backoff import Backoff
from shoal.base.clock import Clock
from shoal.client.events import EventRecorder
from shoal.client.http_session import HttpSession
from shoal.client.informer import Lister
from shoal.client.protocol import Client
from shoal.controllers.reconciler import Result
from shoal.controllers.worker.acting import write_status
from shoal.controllers.worker.fields import is_web_url
from shoal.controllers.worker.sources import secret_value
from shoal.work.protocol import SourceUnavailable

TIMEOUT_S = 10.0
BACKOFF = Backoff(initial_s=2.0, max_s=300.0)


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


class News(msgspec.Struct, frozen=True, kw_only=True):
    """One end that somebody is to be told of."""

    id: str
    """Tells it from the worker's others."""
    about: str
    """For people."""
    body: JsonObject
    told: JsonObject
    """Of the status, when it has been told."""


def news_of(worker: Worker) -> News | None:
    """What is to be told next; None where nobody is owed anything."""
    status = worker.status
    if worker.spec.notify is None:
        return None
    if status.owed_runs:
        first, *others = status.owed_runs
        return News(
            id=f"run {first.run}",
            about=f"run {first.run}",
            body=_body(worker, first, _OF_RUN),
            told={"owedRuns": msgspec.to_builtins(others), "notifiedRun": first.run},
        )
    for index, start in enumerate(status.starts):
        if start.is_owed:
            settled = [*status.starts]
            settled[index] = msgspec.structs.replace(start, is_owed=False)
            return News(
                id=start.uid,
                about=f"Job {start.job}",
                body=_body(worker, start, _OF_START),
                told={"starts": msgspec.to_builtins(settled)},
            )
    return None


_OF_BOTH = (
    "phase",
    "message",
    "restarts",
    "applicationFailures",
    "infrastructureFailures",
    "lastError",
    "startedAt",
    "finishedAt",
)
_OF_RUN = ("run", "strategy", "progress", *_OF_BOTH)
_OF_START = ("job", *_OF_BOTH)


def _body(worker: Worker, told: RunEnd | WorkerStart, names: Sequence[str]) -> JsonObject:
    fields = msgspec.to_builtins(told)
    return {
        "worker": worker.metadata.name,
        "namespace": worker.metadata.namespace,
        "restarts": 0,
        "applicationFailures": 0,
        "infrastructureFailures": 0,
        **{name: fields[name] for name in names if name in fields},
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
        self._posted: dict[ObjectKey, tuple[str, str]] = {}
        """Uid of the worker, and which of its news were taken last."""

    async def reconcile(self, key: ObjectKey) -> Result:
        worker = self._workers.get(key)
        news = news_of(worker) if worker is not None else None
        if worker is None or news is None:
            self._refused.pop(key, None)
            if worker is None:
                self._posted.pop(key, None)
            return Result()
        wait_s = self._wait_s(worker)
        if wait_s > 0:
            # The worker changes for other reasons, too, and by what is told of the failure.
            return Result(wait_s)
        told = (worker.metadata.uid, news.id)
        try:
            # The lister may not show yet that it has been told.
            if self._posted.get(key) != told:
                url = await self._url(worker, key.namespace)
                await self._messenger.post(url, msgspec.json.encode(news.body))
                self._posted[key] = told
        except (NotifyFailed, SourceUnavailable) as error:
            pause_s = self._refuse(worker)
            text = f"nobody could be told how {news.about} ended: {error}"
            self._recorder.record(WORKERS, worker.metadata, EventType.WARNING, "NotifyFailed", text)
            before = find_condition(worker.status.conditions, "Notified")
            if before is None or (before.status, before.message) != ("False", text):
                await write_status(self._client, worker, _notified(worker, text, self._clock))
            return Result(pause_s)
        self._refused.pop(key, None)
        await write_status(
            self._client, worker, {**news.told, **_notified(worker, "", self._clock)}
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

    async def _url(self, worker: Worker, namespace: str) -> str:
        notify = worker.spec.notify or Notify()
        reference = notify.url_from.secret_key_ref if notify.url_from is not None else None
        if reference is not None:
            url = await secret_value(self._client, reference, namespace)
            if not is_web_url(url):
                raise NotifyFailed(
                    f'key "{reference.key}" of secret "{reference.name}" holds no URL; write one'
                    " such as http://host:8080/path"
                )
            return url
        if not notify.url:
            raise NotifyFailed("spec.notify has neither url nor urlFrom; give one of them")
        return notify.url


def _notified(worker: Worker, problem: str, clock: Clock) -> JsonObject:
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
