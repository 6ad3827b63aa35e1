"""`Reflector`: keeps a sink equal to a collection, by list and watch.

    LISTING ──listed──> WATCHING ──ended, failed──> WATCH_BACKOFF ──rested──> WATCHING
       │  ^                 └─────expired──> LIST_BACKOFF
       └──┴failed, expired──> LIST_BACKOFF ──rested──> LISTING

Every rest lasts as long as the failures in a row say, nothing after a success. The diagram with
its reasons: docs/states/reflector.md. Source of the behaviour: client-go, tools/cache.
"""

import logging
import random
from collections.abc import Sequence
from enum import StrEnum
from typing import Generic, Protocol, TypeVar, assert_never

import msgspec

from shoal.api.resource import Resource
from shoal.api.status import ApiError
from shoal.base.backoff import Backoff
from shoal.base.clock import Clock
from shoal.base.transitions import follow
from shoal.client.protocol import Client, ConnectionFailed, WatchEvent

T = TypeVar("T")

_log = logging.getLogger(__name__)

BACKOFF = Backoff(initial_s=0.2, max_s=30.0, jitter=1.0)
PAGE_SIZE = 500
# A watch is asked to end after this and up to twice this: servers get a chance to spread load.
WATCH_TIMEOUT_S = 300


class Sink(Protocol[T]):
    """Where a reflector keeps what it sees."""

    def replace(self, items: Sequence[T]) -> None:
        """These are all the objects there are."""
        ...

    def apply(self, event: WatchEvent[T]) -> None:
        """One ADDED, MODIFIED or DELETED event."""
        ...


class ReflectorState(StrEnum):
    """What it is doing; drawn on top."""

    LISTING = "Listing"
    LIST_BACKOFF = "ListBackoff"
    WATCHING = "Watching"
    WATCH_BACKOFF = "WatchBackoff"


class ReflectorEvent(StrEnum):
    """How what it was doing ended."""

    LISTED = "Listed"
    ENDED = "Ended"
    """The server closed the watch, as it does now and then."""
    FAILED = "Failed"
    EXPIRED = "Expired"
    """The revision is gone, or not known: only a list can tell where we are."""
    RESTED = "Rested"


_TRANSITIONS: dict[tuple[ReflectorState, ReflectorEvent], ReflectorState] = {
    (ReflectorState.LISTING, ReflectorEvent.LISTED): ReflectorState.WATCHING,
    (ReflectorState.LISTING, ReflectorEvent.FAILED): ReflectorState.LIST_BACKOFF,
    (ReflectorState.LISTING, ReflectorEvent.EXPIRED): ReflectorState.LIST_BACKOFF,
    (ReflectorState.LIST_BACKOFF, ReflectorEvent.RESTED): ReflectorState.LISTING,
    (ReflectorState.WATCHING, ReflectorEvent.ENDED): ReflectorState.WATCH_BACKOFF,
    (ReflectorState.WATCHING, ReflectorEvent.FAILED): ReflectorState.WATCH_BACKOFF,
    (ReflectorState.WATCHING, ReflectorEvent.EXPIRED): ReflectorState.LIST_BACKOFF,
    (ReflectorState.WATCH_BACKOFF, ReflectorEvent.RESTED): ReflectorState.WATCHING,
}


def next_state(state: ReflectorState, event: ReflectorEvent) -> ReflectorState:
    """Total; raises IllegalTransition for an event that the state cannot have."""
    return follow(_TRANSITIONS, state, event, "a reflector")


class Reflector(Generic[T]):
    """Lists and watches one collection for as long as it runs."""

    def __init__(
        self,
        client: Client,
        resource: Resource[T],
        sink: Sink[T],
        clock: Clock,
        rng: random.Random,
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
    ) -> None:
        self._client = client
        self._resource = resource
        self._sink = sink
        self._clock = clock
        self._rng = rng
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._resource_version = ""
        self._failures = 0

    async def run(self) -> None:
        """Returns only when cancelled."""
        state = ReflectorState.LISTING
        while True:
            state = next_state(state, await self._step(state))

    async def _step(self, state: ReflectorState) -> ReflectorEvent:
        match state:
            case ReflectorState.LISTING | ReflectorState.WATCHING:
                return await self._attempt(state)
            case ReflectorState.LIST_BACKOFF | ReflectorState.WATCH_BACKOFF:
                await self._clock.sleep(BACKOFF.jittered_s(self._failures, self._rng))
                return ReflectorEvent.RESTED
            case _:
                assert_never(state)

    async def _attempt(self, state: ReflectorState) -> ReflectorEvent:
        try:
            if state is ReflectorState.LISTING:
                return await self._list()
            return await self._watch()
        except (ApiError, ConnectionFailed, msgspec.DecodeError) as error:
            self._failures += 1
            if isinstance(error, ApiError) and _is_expired(error):
                return ReflectorEvent.EXPIRED
            _log.warning("%s %s: %s", state, self._resource.group_resource, error)
            return ReflectorEvent.FAILED

    async def _list(self) -> ReflectorEvent:
        items: list[T] = []
        continue_token = ""
        while True:
            page = await self._client.list(
                self._resource,
                self._namespace,
                label_selector=self._label_selector,
                field_selector=self._field_selector,
                limit=PAGE_SIZE,
                continue_token=continue_token,
            )
            items += page.items
            continue_token = page.continue_token
            if not continue_token:
                break
        self._resource_version = page.resource_version
        self._sink.replace(items)
        return ReflectorEvent.LISTED

    async def _watch(self) -> ReflectorEvent:
        has_delivered = False
        async with self._client.watch(
            self._resource,
            self._namespace,
            resource_version=self._resource_version,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            timeout_s=int(WATCH_TIMEOUT_S * (1 + self._rng.random())),
        ) as events:
            async for event in events:
                has_delivered = True
                self._failures = 0
                if event.object is not None:
                    self._sink.apply(event)
                self._resource_version = event.resource_version
        if not has_delivered:
            # A server that hangs up at once must not be called again at once.
            self._failures += 1
        return ReflectorEvent.ENDED


def _is_expired(error: ApiError) -> bool:
    """410, or a revision that this server has never had (its data was lost or exchanged)."""
    causes = error.details.get("causes") or []
    return error.is_expired or any(c.get("reason") == "ResourceVersionTooLarge" for c in causes)
