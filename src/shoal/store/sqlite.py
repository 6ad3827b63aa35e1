"""The durable store: one SQLite file, one writer thread, group commit.

    event loop                          writer thread
    ----------                          -------------
    create/update/delete ── queue ───>  takes all that waits
                                        judges each against the ledger, assigns revisions
                                        commits the lot (one fsync)
    publish in revision order  <─────── hands the batch over, once
    answer the writers

Failures are answered at the same point as successes: who lost against a write that was still
being committed sees the winner when it reads again. Reads never touch SQLite.
"""

import asyncio
import queue
from pathlib import Path
from typing import Self

from shoal.base.clock import Clock, SystemClock
from shoal.store.database import Checkpointer, Contents, Database, FileLock
from shoal.store.ledger import Accepted, Ledger, Write
from shoal.store.protocol import Encoder, Entry, Page, StoreEventType, StoreFailed
from shoal.store.published import Published, PublishedWatch, Retention
from shoal.store.writer import Batch, JobQueue, LogTrimmer, QueuedTrim, QueuedWrite, Writer


class SqliteStore:
    """Implements `store.protocol.Store`; made by `open`."""

    def __init__(
        self,
        lock: FileLock,
        database: Database,
        checkpointer: Checkpointer,
        contents: Contents,
        retention: Retention,
        clock: Clock,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._lock = lock
        self._published = Published.restored(
            retention,
            contents.entries.values(),
            contents.events,
            revision=contents.revision,
            oldest=contents.oldest,
        )
        self._jobs: JobQueue = queue.SimpleQueue()
        self._is_open = True
        self._ended: asyncio.Future[None] = loop.create_future()
        self._writer = Writer(
            self._jobs,
            Ledger(contents.entries, contents.revision),
            database,
            checkpointer,
            LogTrimmer(retention, clock, contents.revision),
            self._finish_batch,
            self._finish_writer,
            loop,
        )

    @classmethod
    async def open(
        cls, path: Path, retention: Retention = Retention(), clock: Clock | None = None
    ) -> Self:
        """Opens the file or makes a new one. Raises StoreUnusable, with a sentence for people,
        when another process has it, a newer Shoal wrote it, or it cannot be read."""
        lock = FileLock(path)
        try:
            database, contents = await asyncio.to_thread(_load, path)
        except BaseException:
            lock.release()
            raise
        checkpointer = Checkpointer(path)
        store = cls(lock, database, checkpointer, contents, retention, clock or SystemClock())
        store._writer.start()
        return store

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
        return await self._write(Write(StoreEventType.ADDED, key, encode))

    async def update(self, key: str, encode: Encoder, *, expected: int) -> Entry:
        return await self._write(Write(StoreEventType.MODIFIED, key, encode, expected))

    async def delete(self, key: str, encode: Encoder, *, expected: int) -> Entry:
        return await self._write(Write(StoreEventType.DELETED, key, encode, expected))

    async def compact(self, *, keep: int) -> int:
        oldest = self._published.compact(keep)
        if oldest and self._is_open:
            trimmed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._jobs.put(QueuedTrim(oldest, trimmed))
            await trimmed
        return oldest

    async def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._published.close()
            self._jobs.put(None)
        await asyncio.shield(self._ended)

    async def _write(self, write: Write) -> Entry:
        if not self._is_open:
            raise StoreFailed
        answer: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
        self._jobs.put(QueuedWrite(write, answer))
        return await answer

    def _finish_batch(self, batch: Batch) -> None:
        for _, result in batch.outcomes:
            if isinstance(result, Accepted):
                self._published.publish(result)
        for answer, result in batch.outcomes:
            # A writer that was cancelled meanwhile has written all the same.
            if answer.done():
                continue
            if isinstance(result, Accepted):
                answer.set_result(result.entry)
            else:
                answer.set_exception(result.error)
        for trim in batch.trims:
            if not trim.answer.done():
                trim.answer.set_result(None)

    def _finish_writer(self) -> None:
        self._lock.release()
        self._ended.set_result(None)


def _load(path: Path) -> tuple[Database, Contents]:
    database = Database(path)
    try:
        return database, database.load()
    except BaseException:
        database.close()
        raise
