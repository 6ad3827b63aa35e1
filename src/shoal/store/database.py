"""The SQLite data file: the one module that speaks SQL.

A `Database` is used by one thread at a time: the loader's, then the writer's. `Checkpointer` is
the second connection, on a thread of its own, which moves committed pages from the write-ahead
log into the data file, so that no writer waits for that.
"""

import fcntl
import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from shoal.store.ledger import Accepted
from shoal.store.protocol import Entry, StoreEvent, StoreEventType, StoreFull, StoreUnusable
from shoal.store.queries import queries, repeated, schema

_log = logging.getLogger(__name__)

SCHEMA_VERSION = 1

# Of the file or its log, and of the log's index, which grows after the log has been written.
_NO_ROOM = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)

# One statement takes at most so many rows; SQLite allows 32766 values in one.
_ROWS_PER_STATEMENT = 64
_BUSY_TIMEOUT_S = 60.0
_PASSIVE_CHECKPOINT_BYTES = 4 << 20
_FULL_CHECKPOINT_BYTES = 64 << 20


class Contents(msgspec.Struct, frozen=True):
    """All that a data file says."""

    entries: dict[str, Entry]
    events: list[StoreEvent]
    """In revision order; all there were after `oldest`."""
    revision: int
    oldest: int


class FileLock:
    """Keeps a second process away from a data file, for as long as this one lives."""

    def __init__(self, path: Path) -> None:
        """Raises StoreUnusable when another process has it."""
        self._file = path.with_name(path.name + ".lock").open("a")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise StoreUnusable(
                f"{path} is in use by another process; stop that one, or choose another data file"
            ) from error

    def release(self) -> None:
        self._file.close()


class Database:
    """The file: its schema, its entries and its change log. One thread at a time."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file. Raises StoreUnusable."""
        self._path = path
        try:
            self._connection = _connect(path)
        except sqlite3.Error as error:
            raise StoreUnusable(f"{path} cannot be opened: {error}") from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._connection.close()
            raise StoreUnusable(f"{path} cannot be used as a data file: {error}") from error
        except StoreUnusable:
            self._connection.close()
            raise

    def load(self) -> Contents:
        """Everything, with the undo log read forwards again. Raises StoreUnusable."""
        try:
            return self._load()
        except sqlite3.Error as error:
            raise StoreUnusable(f"{self._path} cannot be read: {error}") from error

    def commit(self, batch: Sequence[Accepted], trim_to: int) -> None:
        """One durable transaction for the whole batch; log rows up to `trim_to` go (0: none).
        Raises StoreFull when it has been rolled back for want of room; sqlite3.Error otherwise,
        and then what the file holds is not known."""
        puts: dict[str, Entry] = {}
        drops: set[str] = set()
        for accepted in batch:
            key = accepted.entry.key
            if accepted.event.type is StoreEventType.DELETED:
                puts.pop(key, None)
                drops.add(key)
            else:
                drops.discard(key)
                puts[key] = accepted.entry
        try:
            with _Transaction(self._connection) as run:
                run.many("drop_objects", [(key,) for key in drops])
                run.many("put_objects", [_object_row(entry) for entry in puts.values()])
                run.many("append_log", [_log_row(accepted.event) for accepted in batch])
                if trim_to:
                    run.one("trim_log", (trim_to,))
                    run.one("write_meta", ("log_floor", trim_to))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode in _NO_ROOM:
                raise StoreFull from error
            raise

    def close(self) -> None:
        self._connection.close()

    def _prepare(self) -> None:
        run = self._connection.execute
        run("pragma journal_mode = wal")
        run("pragma synchronous = full")
        # The checkpointer does it.
        run("pragma wal_autocheckpoint = 0")
        version = self._meta().get("schema_version", SCHEMA_VERSION)
        if version > SCHEMA_VERSION:
            raise StoreUnusable(
                f"{self._path} has schema version {version} and this Shoal knows versions up to "
                f"{SCHEMA_VERSION}; use the newer Shoal that wrote it"
            )
        self._connection.executescript(schema())
        run(queries()["write_meta"], ("schema_version", SCHEMA_VERSION))

    def _meta(self) -> dict[str, int]:
        has_meta = self._connection.execute(
            "select 1 from sqlite_master where name = 'meta'"
        ).fetchone()
        return dict(self._connection.execute(queries()["read_meta"])) if has_meta else {}

    def _load(self) -> Contents:
        rows = self._connection.execute(queries()["read_objects"])
        entries = {row[0]: Entry(*row) for row in rows}
        oldest = self._meta().get("log_floor", 0)
        events = list(self._events_backwards(entries))
        events.reverse()
        return Contents(entries, events, events[-1].revision if events else oldest, oldest)

    def _events_backwards(self, entries: dict[str, Entry]) -> Iterator[StoreEvent]:
        later: dict[str, bytes | None] = {}
        for revision, name, key, previous, final in self._connection.execute(queries()["read_log"]):
            event_type = StoreEventType(name)
            value = final if event_type is StoreEventType.DELETED else later.get(key)
            if value is None:
                value = entries[key].value
            later[key] = previous
            yield StoreEvent(event_type, key, revision, value, previous)


class _Transaction:
    """Begins, and commits or rolls back as a whole."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Self:
        self._connection.execute("begin immediate")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._connection.execute("commit")
        finally:
            # SQLite has rolled back already after some errors, a full disk among them.
            if self._connection.in_transaction:
                self._connection.execute("rollback")

    def one(self, name: str, values: Sequence[Any]) -> None:
        self._connection.execute(queries()[name], values)

    def many(self, name: str, rows: Sequence[tuple[Any, ...]]) -> None:
        for start in range(0, len(rows), _ROWS_PER_STATEMENT):
            chunk = rows[start : start + _ROWS_PER_STATEMENT]
            values = [value for row in chunk for value in row]
            self._connection.execute(repeated(name, len(chunk)), values)


class Checkpointer:
    """Checkpoints on its own thread and connection whenever enough has been written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log_path = path.with_name(path.name + "-wal")
        self._wake = threading.Event()
        self._is_stopping = False
        self._written_bytes = 0
        self._thread = threading.Thread(target=self._run, name="store-checkpoint", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def note_written(self, size_bytes: int) -> None:
        """Called by the writer after each commit."""
        self._written_bytes += size_bytes
        if self._written_bytes >= _PASSIVE_CHECKPOINT_BYTES:
            self._written_bytes = 0
            self._wake.set()

    def stop(self) -> None:
        """Returns when a checkpoint that is under way has ended."""
        self._is_stopping = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        with closing(_connect(self._path)) as connection:
            while True:
                self._wake.wait()
                self._wake.clear()
                if self._is_stopping:
                    return
                try:
                    self._checkpoint(connection)
                except sqlite3.Error as error:
                    # Nothing is lost: the log holds it all, and the next time may go well.
                    _log.warning("the data file did not take in its log: %s", error)

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        connection.execute("pragma wal_checkpoint(passive)").fetchone()
        # Under steady writes a passive checkpoint never catches up quite, and the log would
        # grow for ever: now and then let writers wait for the little that is left.
        if self._log_path.stat().st_size > _FULL_CHECKPOINT_BYTES:
            connection.execute("pragma wal_checkpoint(truncate)").fetchone()


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path,
        timeout=_BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=4 * _ROWS_PER_STATEMENT,
    )


def _object_row(entry: Entry) -> tuple[Any, ...]:
    return entry.key, entry.revision, entry.create_revision, entry.value


def _log_row(event: StoreEvent) -> tuple[Any, ...]:
    final = event.value if event.type is StoreEventType.DELETED else None
    return event.revision, event.type.value, event.key, event.previous, final
