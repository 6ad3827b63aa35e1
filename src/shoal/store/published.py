"""What readers see: the values, the recent events, and the watches on them.

Both stores publish here, on the event loop, one committed write after the other in revision
order; all reads are answered from here without waiting. Per bucket it holds

    entries   every value, by key, sorted: lists are slices
    ring      the newest events; `oldest` is the revision after which none is missing
    watches   who is told
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Self

from sortedcontainers import SortedDict

from shoal.store.ledger import Accepted
from shoal.store.protocol import (
    Compacted,
    Entry,
    FutureRevision,
    Page,
    SlowWatcher,
    StoreEvent,
    StoreEventType,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How much of the past is kept, and how far a watcher may fall behind."""

    ring_events: int = 8192
    """Of each bucket, in memory."""
    watch_events: int = 8192
    """Events that may wait for a watcher before it counts as too slow."""
    log_events: int = 20_000
    """Of the whole store, on disk, for watches that resume after a restart."""
    log_age_s: float = 600.0


class PublishedWatch:
    """One reader's queue; see `store.protocol.Watch`."""

    def __init__(
        self, published: "Published", prefix: str, replay: Iterable[StoreEvent], max_waiting: int
    ) -> None:
        self._published = published
        self._queue = deque(replay)
        # What is replayed must not count against a reader that has not had a turn yet.
        self._max_waiting = max_waiting + len(self._queue)
        self._waiter: asyncio.Future[None] | None = None
        self._is_open = True
        self._is_slow = False
        self.prefix = prefix

    def __aiter__(self) -> AsyncIterator[StoreEvent]:
        return self

    async def __anext__(self) -> StoreEvent:
        while not self._queue:
            if not await self.wait():
                raise StopAsyncIteration
        return self._queue.popleft()

    async def wait(self) -> bool:
        if self._is_open and not self._queue:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._is_slow:
            raise SlowWatcher
        return self._is_open

    def interrupt(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def next_nowait(self) -> StoreEvent | None:
        return self._queue.popleft() if self._queue else None

    @property
    def revision(self) -> int:
        return self._queue[0].revision - 1 if self._queue else self._published.revision

    def push(self, event: StoreEvent) -> None:
        """Called by `Published` only."""
        if len(self._queue) >= self._max_waiting:
            self._is_slow = True
            self._end()
        else:
            self._queue.append(event)
            self.interrupt()

    def close(self) -> None:
        if self._is_open:
            self._end()

    def _end(self) -> None:
        self._is_open = False
        self._queue.clear()
        self._published.forget(self)
        self.interrupt()


class _Bucket:
    def __init__(self, oldest: int) -> None:
        self.entries = SortedDict()  # str -> Entry
        self.ring: deque[StoreEvent] = deque()
        self.oldest = oldest
        self.watches: list[PublishedWatch] = []

    def trim(self, keep: int) -> None:
        while len(self.ring) > keep:
            self.oldest = self.ring.popleft().revision


class Published:
    """Everything readers see, in memory; changed on the event loop only."""

    def __init__(self, retention: Retention, *, revision: int = 0, oldest: int = 0) -> None:
        """`oldest`: events up to this revision are not known any more."""
        self._retention = retention
        self._buckets: dict[str, _Bucket] = {}
        self._oldest = oldest
        self._is_open = True
        self.revision = revision

    @classmethod
    def restored(
        cls,
        retention: Retention,
        entries: Iterable[Entry],
        events: Iterable[StoreEvent],
        *,
        revision: int,
        oldest: int,
    ) -> Self:
        """The state after a restart. `events` are in revision order, complete after `oldest`."""
        published = cls(retention, revision=revision, oldest=oldest)
        for entry in entries:
            published._bucket(entry.key).entries[entry.key] = entry
        for event in events:
            published._bucket(event.key).ring.append(event)
        for bucket in published._buckets.values():
            bucket.trim(retention.ring_events)
        return published

    def get(self, key: str) -> Entry | None:
        bucket = self._buckets.get(_bucket_name(key))
        return None if bucket is None else bucket.entries.get(key)

    def list(self, prefix: str, after: str, limit: int) -> Page:
        bucket = self._buckets.get(_bucket_name(prefix))
        if bucket is None or not bucket.entries:
            return Page((), self.revision, False, 0)
        entries = bucket.entries
        end = entries.bisect_left(_after_prefix(prefix))
        start = entries.bisect_right(after) if after >= prefix else entries.bisect_left(prefix)
        stop = min(start + limit, end) if limit else end
        page = [entries[key] for key in entries.islice(start, stop)]
        remaining = max(end - stop, 0)
        return Page(page, self.revision, remaining > 0, remaining)

    def watch(self, prefix: str, after: int) -> PublishedWatch:
        bucket = self._bucket(prefix)
        if after > self.revision:
            raise FutureRevision(self.revision)
        if after < bucket.oldest:
            raise Compacted(bucket.oldest)
        missed = [
            event
            for event in takewhile(lambda event: event.revision > after, reversed(bucket.ring))
            if event.key.startswith(prefix)
        ]
        watch = PublishedWatch(self, prefix, reversed(missed), self._retention.watch_events)
        bucket.watches.append(watch)
        if not self._is_open:
            watch.close()
        return watch

    def publish(self, accepted: Accepted) -> None:
        """Make one committed write visible. Revisions arrive in order."""
        event = accepted.event
        bucket = self._bucket(event.key)
        if event.type is StoreEventType.DELETED:
            del bucket.entries[event.key]
        else:
            bucket.entries[event.key] = accepted.entry
        bucket.ring.append(event)
        bucket.trim(self._retention.ring_events)
        self.revision = event.revision
        # A watch that overflows takes itself off the list.
        for watch in tuple(bucket.watches):
            if event.key.startswith(watch.prefix):
                watch.push(event)

    def compact(self, keep: int) -> int:
        """Trims each ring to `keep` events; returns from where on every bucket is complete."""
        for bucket in self._buckets.values():
            bucket.trim(keep)
        return max((bucket.oldest for bucket in self._buckets.values()), default=self._oldest)

    def forget(self, watch: PublishedWatch) -> None:
        self._bucket(watch.prefix).watches.remove(watch)

    def close(self) -> None:
        """Ends all watches, also those that are still to come."""
        self._is_open = False
        for bucket in self._buckets.values():
            for watch in tuple(bucket.watches):
                watch.close()

    def _bucket(self, key: str) -> _Bucket:
        name = _bucket_name(key)
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = _Bucket(self._oldest)
        return bucket


def _bucket_name(key: str) -> str:
    return key.partition("/")[0]


def _after_prefix(prefix: str) -> str:
    """The first text that sorts after everything that starts with `prefix`."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
