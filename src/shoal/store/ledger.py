"""The authoritative state: judges each write and gives it its revision.

Ahead of what is published by the writes that are still being committed, so that two writers of
one key are told apart before either reaches the disk. It belongs to whoever orders the writes:
the SQLite store's writer thread, or the caller itself in the memory store.
"""

from collections.abc import Sequence

import msgspec

from shoal.store.protocol import (
    MUST_NOT_EXIST,
    Encoder,
    Entry,
    KeyExists,
    KeyMissing,
    RevisionMismatch,
    StoreEvent,
    StoreEventType,
)


class Write(msgspec.Struct, frozen=True):
    """A write that waits for its revision. `type` is what it will be published as."""

    type: StoreEventType
    key: str
    encode: Encoder
    expected: int = MUST_NOT_EXIST


class Accepted(msgspec.Struct, frozen=True):
    """A write that has its revision: what its author gets, and what watchers get."""

    entry: Entry
    event: StoreEvent
    replaced: Entry | None
    """What the key had before."""


class Ledger:
    """Key -> newest entry, and the revision counter."""

    def __init__(self, entries: dict[str, Entry], revision: int) -> None:
        self._entries = entries
        self.revision = revision

    def apply(self, write: Write) -> Accepted:
        """Raises what the store protocol says, or whatever the encoder raises; then nothing has
        changed and no revision is used up."""
        current = self._entries.get(write.key)
        if write.type is StoreEventType.ADDED:
            if current is not None:
                raise KeyExists
        elif current is None:
            raise KeyMissing
        elif current.revision != write.expected:
            raise RevisionMismatch(current)
        revision = self.revision + 1
        value = write.encode(revision)
        create_revision = revision if current is None else current.create_revision
        entry = Entry(write.key, value, revision, create_revision)
        previous = None if current is None else current.value
        self.revision = revision
        if write.type is StoreEventType.DELETED:
            del self._entries[write.key]
        else:
            self._entries[write.key] = entry
        event = StoreEvent(write.type, write.key, revision, value, previous)
        return Accepted(entry, event, current)

    def take_back(self, newest: Sequence[Accepted]) -> None:
        """As if the newest writes, given in revision order, had never been judged."""
        for accepted in reversed(newest):
            key = accepted.entry.key
            if accepted.replaced is None:
                del self._entries[key]
            else:
                self._entries[key] = accepted.replaced
            self.revision = accepted.entry.revision - 1
