"""The `Store` protocol: revisioned keys and bytes.

One revision counter serves the whole store: it grows by one with every committed write, deletes
included, and never goes backwards, not even across a crash. A value may hold its own revision,
so a write brings an encoder that is given the revision rather than finished bytes.

Keys are `bucket/rest`; the bucket (all up to the first `/`) is the unit that keeps its own ring
of recent events, and every prefix that is listed or watched names one bucket.

    write -> checked -> committed (durable) -> published (reads, watches) -> acknowledged

Contract of every implementation: tests/contract/test_store.py.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

Encoder = Callable[[int], bytes]
"""Gives the value for a revision. Pure and quick: it runs on the writer thread."""

MUST_NOT_EXIST = 0
"""As `expected`: the key must have no value."""


class Entry(msgspec.Struct, frozen=True):
    key: str
    value: bytes
    revision: int
    """The write that made this value."""
    create_revision: int


class StoreEventType(StrEnum):
    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


class StoreEvent(msgspec.Struct, frozen=True):
    """One published write. A DELETED event's value is what the delete's encoder gave."""

    type: StoreEventType
    key: str
    revision: int
    value: bytes
    previous: bytes | None
    """The value before, None for ADDED."""


class Page(msgspec.Struct, frozen=True):
    entries: Sequence[Entry]
    revision: int
    """The store's revision that this page shows."""
    has_more: bool
    remaining: int


class StoreError(Exception):
    """Base of what a store answers instead of a result.

    StoreError
    ├── KeyExists         create of a key that has a value
    ├── KeyMissing        update or delete of a key without a value
    ├── RevisionMismatch  the key's revision is not the expected one
    ├── Compacted         the revision asked for is older than what is kept
    ├── FutureRevision    the revision asked for has not happened yet
    ├── SlowWatcher       a watcher fell so far behind that its events were dropped
    ├── StoreFull         the disk has no room; nothing was written, and later writes may be
    ├── StoreFailed       the disk refused, or the store is closed; nothing will be written
    └── StoreUnusable     the data file cannot be opened; the text says why
    """


class KeyExists(StoreError):
    """the key exists already"""


class KeyMissing(StoreError):
    """the key does not exist"""


class RevisionMismatch(StoreError):
    """the key has another revision"""

    def __init__(self, current: Entry) -> None:
        super().__init__(self.__doc__)
        self.current = current


class Compacted(StoreError):
    """the revision has been compacted"""

    def __init__(self, oldest: int) -> None:
        super().__init__(self.__doc__)
        self.oldest = oldest


class FutureRevision(StoreError):
    """the revision is in the future"""

    def __init__(self, current: int) -> None:
        super().__init__(self.__doc__)
        self.current = current


class SlowWatcher(StoreError):
    """the watcher did not keep up"""


class StoreFull(StoreError):
    """the disk of the data folder is full; make room there, then try again"""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class StoreFailed(StoreError):
    """the store cannot write any more"""


class StoreUnusable(StoreError):
    """the data file cannot be opened"""


class Watch(Protocol):
    """A stream of the events of one prefix, in revision order, without gaps.

    Iterating ends when the watch or the store is closed and raises SlowWatcher on overflow.
    """

    def __aiter__(self) -> AsyncIterator[StoreEvent]: ...

    async def __anext__(self) -> StoreEvent: ...

    async def wait(self) -> bool:
        """Return when an event may be there, or at `interrupt`; false when the watch is over.
        Raises SlowWatcher."""
        ...

    def interrupt(self) -> None:
        """Make a `wait` that is under way return: its caller has something else to do."""
        ...

    def next_nowait(self) -> StoreEvent | None:
        """An event that is there already, or None: lets a reader write events in batches."""
        ...

    @property
    def revision(self) -> int:
        """Everything up to here has been delivered or does not concern this prefix: what a
        bookmark may say while no event waits."""
        ...

    def close(self) -> None: ...


class Store(Protocol):
    """Keys to bytes, with one revision for all of them."""

    @property
    def revision(self) -> int:
        """The last published revision."""
        ...

    def get(self, key: str) -> Entry | None:
        """The published value. Never blocks: reads are served from memory."""
        ...

    def list(self, prefix: str, *, after: str = "", limit: int = 0) -> Page:
        """Entries whose key starts with `prefix`, in key order, from the first key > `after`.
        `limit` 0 means all."""
        ...

    async def create(self, key: str, encode: Encoder) -> Entry:
        """Raises KeyExists."""
        ...

    async def update(self, key: str, encode: Encoder, *, expected: int) -> Entry:
        """Compare-and-set on the key's revision. Raises KeyMissing, RevisionMismatch."""
        ...

    async def delete(self, key: str, encode: Encoder, *, expected: int) -> Entry:
        """`encode` gives the value that the DELETED event carries, with the delete's own
        revision; the returned entry holds it. Raises KeyMissing, RevisionMismatch."""
        ...

    def watch(self, prefix: str, *, after: int) -> Watch:
        """Events of `prefix` with a revision > `after`. Raises Compacted, FutureRevision."""
        ...

    async def compact(self, *, keep: int) -> int:
        """Forget events but for the `keep` newest of each bucket; returns the oldest revision
        that a watch may still start after."""
        ...

    async def close(self) -> None:
        """Ends all watches, then waits for queued writes."""
        ...
