"""`SqliteSource`: work queues in a SQLite file that processes of one machine share.

Writers take turns by a lock file, whose waiters look again within a millisecond; SQLite's own
waiting sleeps up to 100 times as long, which with eight writers is most of their time.

Puts are on the disk when they return (`synchronous = full`). Leases and acknowledgements reach the
operating system (`normal`): killed processes lose nothing, and a power cut at most makes items
that were acknowledged in the last moments be delivered once more.
"""

import fcntl
import sqlite3
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from shoal.base.clock import Clock
from shoal.work.chunks import BatchMark, check_end, chunks, kept_reason, missing
from shoal.work.protocol import (
    DeadItem,
    Item,
    ItemLease,
    NamedQueue,
    QueueLimits,
    QueueSize,
    SourceUnavailable,
)
from shoal.work.shared_files import make_shared, open_lock, past_links
from shoal.work.statements import script, statements
from shoal.work.tokens import new_nonce, parts_of, token_of

PATIENCE_S = 60.0
"""How long a writer waits for its turn; a transaction takes milliseconds."""
_LOOK_AGAIN_S = 0.0005
_SQL = "sqlite.sql"

_Row = tuple[int, int, str | None, str]


class SqliteSource:
    """A `WorkSource`. Only a put makes the file; without it there is nothing in any queue."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._database: sqlite3.Connection | None = None
        self._turn: TextIOWrapper | None = None
        self._ids: dict[str, int] = {}

    def put(self, queue: str, bodies: Iterable[str], *, batch_id: str = "") -> int:
        added, mark, present = 0, BatchMark(), BatchMark()
        for _, run in chunks(bodies):
            with self._writing(is_durable=True) as run_sql:
                run_sql("add_queue", queue)
                number, lacking = self._number(queue), run
                if batch_id:
                    row = run_sql("read_batch", number, batch_id).fetchone()
                    present = BatchMark(*row) if row else BatchMark()
                    lacking, mark = missing(run, mark, present)
                    if lacking:
                        run_sql("write_batch", number, batch_id, *mark)
                for body in lacking:
                    run_sql("add_item", number, body)
                run_sql("count_added", len(lacking), number)
            added += len(lacking)
        check_end(mark, present)
        return added

    def lease(
        self, queue: str, *, holder: str, count: int, limits: QueueLimits
    ) -> Sequence[ItemLease]:
        if not self._is_there():
            return []
        with self._writing() as run_sql:
            number = self._number(queue)
            now_s = self._now_s()
            taken = self._returned(number, now_s, count, limits.max_attempts)
            if len(taken) < count:
                taken += run_sql("fresh", number, count - len(taken)).fetchall()
            until_s, nonce = now_s + limits.lease_s, new_nonce()
            for row in taken:
                run_sql("lease", until_s, nonce, holder, row[0])
        return [
            ItemLease(
                item=Item(id=each, body=body),
                token=token_of(each, nonce),
                attempt=attempts + 1,
                expires_at_s=until_s,
            )
            for each, attempts, _, body in taken
        ]

    def renew(self, queue: str, tokens: Sequence[str], lease_s: float) -> Sequence[str]:
        if not self._is_there():
            return []
        with self._writing() as run_sql:
            number = self._number(queue)
            until_s = self._now_s() + lease_s
            return [
                token_of(each, nonce)
                for each, nonce in parts_of(tokens)
                if run_sql("renew", until_s, each, nonce, number).rowcount
            ]

    def ack(self, queue: str, tokens: Sequence[str]) -> Sequence[str]:
        if not self._is_there():
            return []
        with self._writing() as run_sql:
            number = self._number(queue)
            done = [
                token_of(each, nonce)
                for each, nonce in parts_of(tokens)
                if run_sql("finish", each, nonce, number).rowcount
            ]
            if done:
                run_sql("count_done", len(done), number)
        return done

    def nack(
        self,
        queue: str,
        tokens: Sequence[str],
        *,
        reason: str,
        delay_s: float = 0.0,
        uses_attempt: bool = True,
        max_attempts: int = 3,
    ) -> Sequence[str]:
        held: list[str] = []
        if not self._is_there():
            return held
        with self._writing() as run_sql:
            number = self._number(queue)
            due_s = self._now_s() + delay_s
            for each, nonce in parts_of(tokens):
                row = run_sql("find_lease", each, nonce, number).fetchone()
                if row is None:
                    continue
                attempts, body = row
                held.append(token_of(each, nonce))
                if uses_attempt and attempts >= max_attempts:
                    self._bury(number, each, attempts, kept_reason(reason), body)
                else:
                    run_sql("give_back", due_s, attempts - (not uses_attempt), each)
        return held

    def size(self, queue: str) -> QueueSize:
        if not self._is_there():
            return QueueSize()
        with self._speaking():
            row = self._run("size", self._now_s(), queue).fetchone()
        return QueueSize.of_counts(*row) if row else QueueSize()

    def queues(self) -> Sequence[NamedQueue]:
        if not self._is_there():
            return []
        with self._speaking():
            rows = self._run("sizes", self._now_s()).fetchall()
        return [
            NamedQueue(name=name, size=QueueSize.of_counts(*figures)) for name, *figures in rows
        ]

    def peek(self, queue: str, count: int) -> Sequence[Item]:
        if not self._is_there():
            return []
        with self._speaking():
            number = self._number(queue)
            rows: list[_Row] = self._run("returned", number, self._now_s(), count).fetchall()
            rows += self._run("fresh", number, count - len(rows)).fetchall()
        return [Item(id=each, body=body) for each, _, _, body in rows]

    def dead_letters(self, queue: str, count: int) -> Sequence[DeadItem]:
        if not self._is_there():
            return []
        with self._speaking():
            rows = self._run("dead_letters", self._number(queue), count).fetchall()
        return [
            DeadItem(item=Item(id=each, body=body), attempts=attempts, reason=reason)
            for each, body, attempts, reason in rows
        ]

    def revive(self, queue: str, ids: Sequence[int] | None = None) -> int:
        if not self._is_there():
            return 0
        with self._writing() as run_sql:
            number = self._number(queue)
            if ids is None:
                ids = [row[0] for row in run_sql("dead_letters", number, -1)]
            revived = 0
            for each in ids:
                run_sql("revive", self._now_s(), number, each)
                revived += run_sql("drop_dead", number, each).rowcount
            run_sql("count_dead", -revived, number)
        return revived

    def purge(self, queue: str) -> int:
        if not self._is_there():
            return 0
        with self._writing() as run_sql:
            number = self._number(queue)
            gone = run_sql("purge_items", number).rowcount + run_sql("purge_dead", number).rowcount
            run_sql("purge_batches", number)
            run_sql("purge_counts", number)
        return gone

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
        if self._turn is not None:
            self._turn.close()
            self._turn = None

    def _returned(self, queue: int, now_s: float, count: int, max_attempts: int) -> list[_Row]:
        """Items that came back and have attempts left; the others are buried."""
        found: list[_Row] = []
        while len(found) < count:
            # None has been leased yet, so what was found before is found again.
            rows: list[_Row] = self._run("returned", queue, now_s, count).fetchall()
            found = [row for row in rows if row[1] < max_attempts]
            for each, attempts, holder, body in rows:
                if attempts >= max_attempts:
                    reason = f"the lease of {holder} ran out" if holder else "no attempt is left"
                    self._bury(queue, each, attempts, reason, body)
            if len(found) == len(rows):
                break
        return found

    def _bury(self, queue: int, id: int, attempts: int, reason: str, body: str) -> None:
        self._run("drop_item", id)
        self._run("bury", id, queue, attempts, reason, body)
        self._run("count_dead", 1, queue)

    def _number(self, queue: str) -> int:
        """Of the queue; 0, which none has, for one that nobody has put into."""
        if queue not in self._ids:
            row = self._run("find_queue", queue).fetchone()
            if row is None:
                return 0
            self._ids[queue] = row[0]
        return self._ids[queue]

    def _is_there(self) -> bool:
        if self._database is not None:
            return True
        with self._speaking():
            return self._path.exists()

    def _now_s(self) -> float:
        return self._clock.now().timestamp()

    def _run(self, name: str, *values: Any) -> sqlite3.Cursor:
        return self._connection().execute(statements(_SQL)[name], values)

    @contextmanager
    def _writing(self, *, is_durable: bool = False) -> Generator[Any]:
        """One transaction, in this process' turn."""
        with self._speaking():
            connection = self._connection()
            self._take_turn()
            try:
                connection.execute(f"pragma synchronous = {'full' if is_durable else 'normal'}")
                connection.execute("begin immediate")
                try:
                    yield self._run
                    connection.execute("commit")
                except BaseException:
                    # A queue that this transaction made has no id after all.
                    self._ids.clear()
                    if connection.in_transaction:
                        connection.execute("rollback")
                    raise
            finally:
                self._end_turn()

    def _take_turn(self) -> None:
        """Raises SourceUnavailable when others have not given it up in time."""
        assert self._turn is not None
        give_up_s = self._clock.monotonic() + PATIENCE_S
        while True:
            try:
                fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if self._clock.monotonic() > give_up_s:
                    raise SourceUnavailable(
                        f"the work source {self._path} has been locked by another process for "
                        f"{PATIENCE_S:.0f} s; look for one that is stopped"
                    ) from None
                time.sleep(_LOOK_AGAIN_S)

    def _end_turn(self) -> None:
        if self._turn is not None:
            fcntl.flock(self._turn, fcntl.LOCK_UN)

    @contextmanager
    def _speaking(self) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self.close()
            said = error.strerror if isinstance(error, OSError) else error
            raise SourceUnavailable(
                f"the work source {self._path} cannot be used: {said}; "
                "it must be a file of work queues in a folder that is there and that this user "
                "may write"
            ) from error

    def _connection(self) -> sqlite3.Connection:
        if self._database is None:
            path = past_links(self._path)
            self._turn = open_lock(path.with_name(path.name + ".lock"))
            self._take_turn()
            try:
                make_shared(path)
                database = sqlite3.connect(
                    path, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False
                )
                try:
                    prepare(database)
                except BaseException:
                    database.close()
                    raise
            finally:
                self._end_turn()
            self._database = database
        return self._database


def prepare(database: sqlite3.Connection) -> None:
    """The file as the statements need it; made where it is not there."""
    with closing(database.execute("pragma journal_mode = wal")):
        pass
    database.executescript(script("sql/sqlite_schema.sql"))
    columns = {row[1] for row in database.execute("pragma table_info(batch)").fetchall()}
    if "digest" not in columns:
        # A file of the time before batches were told apart by what they hold.
        database.execute("alter table batch add column digest text not null default ''")
