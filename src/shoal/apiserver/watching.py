"""The verb that follows: watch.

A watch yields batches of changes, everything that waits at once, as stored bytes; the HTTP side
makes lines of them (`watch_lines`), the local client objects. What a watch does is

    initial ADDED events -> end-of-initial bookmark -> changes and bookmarks -> last bookmark

where the first two are left out when it starts from a revision.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec

from shoal.api.status import expired, too_large_resource_version
from shoal.apiserver import selection as selecting
from shoal.apiserver.core import Core
from shoal.apiserver.encoding import restamp
from shoal.apiserver.reading import parse_revision
from shoal.apiserver.requests import Selection, Target, WatchOptions
from shoal.base.clock import Clock
from shoal.client.protocol import WatchEventType
from shoal.store.protocol import (
    Compacted,
    FutureRevision,
    SlowWatcher,
    StoreEvent,
    StoreEventType,
    Watch,
)

BOOKMARK_PERIOD_S = 60.0
_BATCH = 256


class Change(msgspec.Struct, frozen=True):
    """One event of a watch; a bookmark has no value."""

    type: WatchEventType
    value: bytes
    revision: int
    is_initial_end: bool = False


class ObjectWatch:
    """An open watch. Iterating raises ApiError (410) where its events are gone."""

    def __init__(self, core: Core, target: Target, options: WatchOptions) -> None:
        """Raises ApiError: 410 where the revision is too old, 504 where it is to come."""
        self._core = core
        self._options = options
        self._matches = (
            selecting.matcher(target.served, options.selection) if options.selection else None
        )
        prefix = _prefix(target, options.selection)
        start = parse_revision(options.resource_version)
        self._initial: list[Change] = []
        if start == 0 or options.send_initial_events:
            start = self._read_initial(prefix, start)
        self._watch = _open(core, prefix, start)
        core.streams.add(self._watch)

    def close(self) -> None:
        """Ends the iteration, with a last bookmark where bookmarks were asked for."""
        self._watch.close()

    async def batches(self) -> AsyncIterator[list[Change]]:
        try:
            if self._initial:
                yield self._initial
                self._initial = []
            async for batch in self._follow():
                yield batch
            if self._options.allow_bookmarks:
                yield [self._bookmark()]
        except SlowWatcher as error:
            raise expired("The watch fell too far behind.") from error
        finally:
            self._core.streams.remove(self._watch)
            self._watch.close()

    def _read_initial(self, prefix: str, start: int) -> int:
        if start > self._core.store.revision:
            raise too_large_resource_version(start, self._core.store.revision)
        page = self._core.store.list(prefix)
        self._initial = [
            Change(WatchEventType.ADDED, entry.value, entry.revision)
            for entry in page.entries
            if self._matches is None or self._matches(entry.value)
        ]
        if self._options.send_initial_events and self._options.allow_bookmarks:
            self._initial.append(Change(WatchEventType.BOOKMARK, b"", page.revision, True))
        return page.revision

    def _bookmark(self) -> Change:
        return Change(WatchEventType.BOOKMARK, b"", self._watch.revision)

    async def _follow(self) -> AsyncIterator[list[Change]]:
        timer = _Timer(self._core.clock, self._options, self._watch.interrupt)
        try:
            while not timer.is_over:
                if changes := self._waiting_changes():
                    yield changes
                elif timer.take_tick():
                    if self._options.allow_bookmarks:
                        yield [self._bookmark()]
                elif not await self._watch.wait():
                    return
        finally:
            timer.cancel()

    def _waiting_changes(self) -> list[Change]:
        changes: list[Change] = []
        while len(changes) < _BATCH and (event := self._watch.next_nowait()) is not None:
            changes += self._changes(event)
        return changes

    def _changes(self, event: StoreEvent) -> tuple[Change, ...]:
        change = _change(event, self._matches)
        return (change,) if change else ()


class _Timer:
    """Ticks once for each bookmark, and is over when the watch has lasted long enough."""

    def __init__(self, clock: Clock, options: WatchOptions, on_tick: Callable[[], object]) -> None:
        self._clock = clock
        self._end_s = None if options.timeout_s is None else clock.monotonic() + options.timeout_s
        self._on_tick = on_tick
        self._has_ticked = False
        self._ticking = asyncio.create_task(self._tick())

    @property
    def is_over(self) -> bool:
        return self._end_s is not None and self._clock.monotonic() >= self._end_s

    def take_tick(self) -> bool:
        """Whether it has ticked since it was last asked."""
        has_ticked, self._has_ticked = self._has_ticked, False
        return has_ticked

    def cancel(self) -> None:
        self._ticking.cancel()

    async def _tick(self) -> None:
        while not self.is_over:
            delay_s = BOOKMARK_PERIOD_S
            if self._end_s is not None:
                delay_s = min(delay_s, self._end_s - self._clock.monotonic())
            await self._clock.sleep(delay_s)
            self._has_ticked = True
            self._on_tick()


def _prefix(target: Target, selection: Selection) -> str:
    """What the keys of all objects that can match start with. One that is watched by name is not
    bothered with the others: each executor's sidecar watches its own pod."""
    if selection.name and (target.namespace or not target.served.resource.namespaced):
        return target.key_of(selection.name)
    return target.prefix


def _open(core: Core, prefix: str, start: int) -> Watch:
    try:
        return core.store.watch(prefix, after=start)
    except Compacted as error:
        raise expired(f"too old resource version: {start} ({error.oldest})") from error
    except FutureRevision as error:
        raise too_large_resource_version(start, error.current) from error


def _change(event: StoreEvent, matches: Callable[[bytes], bool] | None) -> Change | None:
    """An object that leaves the selection is DELETED to the watcher, one that enters ADDED."""
    as_stored = Change(WatchEventType(event.type.value), event.value, event.revision)
    if matches is None:
        return as_stored
    match event.type:
        case StoreEventType.ADDED:
            return as_stored if matches(event.value) else None
        case StoreEventType.DELETED:
            return as_stored if matches(event.previous or event.value) else None
        case StoreEventType.MODIFIED:
            before = event.previous or event.value
            was, is_now = matches(before), matches(event.value)
            if was and is_now:
                return as_stored
            if is_now:
                return Change(WatchEventType.ADDED, event.value, event.revision)
            if was:
                gone = restamp(before, event.revision)
                return Change(WatchEventType.DELETED, gone, event.revision)
            return None
