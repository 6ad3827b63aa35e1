"""A store that forgets everything at exit: for tests, simulations and throw-away servers."""

from shoal.store.ledger import Ledger, Write
from shoal.store.protocol import Encoder, Entry, Page, StoreEventType, StoreFailed
from shoal.store.published import Published, PublishedWatch, Retention


class MemoryStore:
    """Implements `store.protocol.Store`; a write is committed as soon as it is asked for."""

    def __init__(self, retention: Retention = Retention()) -> None:
        self._ledger = Ledger({}, revision=0)
        self._published = Published(retention)
        self._is_open = True

    @property
    def revision(self) -> int:
        return self._published.revision

    def get(self, key: str) -> Entry | None:
        return self._published.get(key)

    def list(self, prefix: str, *, after: str = "", limit: int = 0) -> Page:
        return self._published.list(prefix, after, limit)

    def watch(self, prefix: str, *, after: int) -> PublishedWatch:
        return self._published.watch(prefix, after)

    async def create(self, key: str, encode: Encoder) -> Entry:
        return self._write(Write(StoreEventType.ADDED, key, encode))

    async def update(self, key: str, encode: Encoder, *, expected: int) -> Entry:
        return self._write(Write(StoreEventType.MODIFIED, key, encode, expected))

    async def delete(self, key: str, encode: Encoder, *, expected: int) -> Entry:
        return self._write(Write(StoreEventType.DELETED, key, encode, expected))

    async def compact(self, *, keep: int) -> int:
        return self._published.compact(keep)

    async def close(self) -> None:
        self._is_open = False
        self._published.close()

    def _write(self, write: Write) -> Entry:
        if not self._is_open:
            raise StoreFailed
        accepted = self._ledger.apply(write)
        self._published.publish(accepted)
        return accepted.entry
