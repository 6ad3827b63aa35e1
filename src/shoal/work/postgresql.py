"""`PostgresqlSource`: work queues in a PostgreSQL database, version 12 or newer.

Every call but a put and a purge is one statement, so that a holder costs the server one round trip
and one commit; time is the server's. What a crash of the server keeps is up to its
`synchronous_commit`.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from shoal.work.addresses import shown, without_secrets
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
from shoal.work.statements import script, statements
from shoal.work.tokens import new_nonce, parts_of, token_of

_SQL = "postgresql.sql"
_CALLS_WITH_A_HINT = 50
_CONNECTION: dict[str, Any] = {
    "connect_timeout": 10,
    # A server that vanished without a word is noticed within a minute.
    "keepalives_idle": 15,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    "application_name": "shoal",
}


class _Hint:
    """Where a queue's items that have never been leased begin, for all this process knows: the
    index before that is full of rows that are dead until they are swept. Now and then, and when
    too few are found, the search begins at the front, where others may have left some."""

    def __init__(self) -> None:
        self.last_id = 0
        self._calls = 0

    def start(self) -> int:
        self._calls += 1
        return self.last_id if self._calls % _CALLS_WITH_A_HINT else 0


class PostgresqlSource:
    """A `WorkSource`."""

    def __init__(self, url: str, timeout_s: float | None = None) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._session: psycopg.Connection[TupleRow] | None = None
        self._hints: dict[str, _Hint] = {}

    def put(self, queue: str, bodies: Iterable[str], *, batch_id: str = "") -> int:
        added, mark, present = 0, BatchMark(), BatchMark()
        for _, run in chunks(bodies):
            with self._writing("share_queue", queue) as connection:
                lacking = run
                if batch_id:
                    batch: dict[str, Any] = {"queue": queue, "batch": batch_id}
                    [row] = self._rows(connection, "lock_batch", batch)
                    present = BatchMark(*row)
                    lacking, mark = missing(run, mark, present)
                    if lacking:
                        batch |= {"added": mark.items, "digest": mark.digest}
                        connection.execute(_statement("write_batch"), batch)
                if lacking:
                    values = {"queue": queue, "bodies": list(lacking)}
                    connection.execute(_statement("put"), values)
            added += len(lacking)
        check_end(mark, present)
        return added

    def lease(
        self, queue: str, *, holder: str, count: int, limits: QueueLimits
    ) -> Sequence[ItemLease]:
        nonce = new_nonce()
        values = {
            "queue": queue,
            "holder": holder,
            "nonce": nonce,
            "lease_s": limits.lease_s,
            "max_attempts": limits.max_attempts,
        }
        found: list[Any] = []
        hint = self._hints.setdefault(queue, _Hint())
        after = hint.start()
        with self._speaking() as connection:
            while len(found) < count:
                places = {"count": count - len(found), "after": after}
                rows = self._rows(connection, "lease", {**values, **places})
                taken = [row for row in rows if not row[5]]
                found += sorted(taken, key=lambda row: (row[4] == 0, row[4], row[0]))
                # Those that had no attempt left took the places of others.
                if len(taken) == len(rows) and not after:
                    break
                after = 0 if len(taken) == len(rows) else after
        hint.last_id = max((row[0] for row in found if row[4] == 0), default=0)
        return [
            ItemLease(
                item=Item(id=each, body=body),
                token=token_of(each, nonce),
                attempt=attempts,
                expires_at_s=until_s,
            )
            for each, attempts, body, until_s, _, _ in found
        ]

    def renew(self, queue: str, tokens: Sequence[str], lease_s: float) -> Sequence[str]:
        return self._held("renew", queue, tokens, {"lease_s": lease_s})

    def ack(self, queue: str, tokens: Sequence[str]) -> Sequence[str]:
        return self._held("finish", queue, tokens, {})

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
        values = {
            "reason": kept_reason(reason),
            "delay_s": delay_s,
            "uses_attempt": uses_attempt,
            "max_attempts": max_attempts,
        }
        return self._held("give_back", queue, tokens, values)

    def size(self, queue: str) -> QueueSize:
        [row] = self._asked("size", {"queue": queue})
        return QueueSize.of_counts(*row)

    def queues(self) -> Sequence[NamedQueue]:
        rows = self._asked("sizes", {})
        return [
            NamedQueue(name=name, size=QueueSize.of_counts(*figures)) for name, *figures in rows
        ]

    def peek(self, queue: str, count: int) -> Sequence[Item]:
        rows = self._asked("peek", {"queue": queue, "count": count})
        return [Item(id=each, body=body) for each, body in rows]

    def dead_letters(self, queue: str, count: int) -> Sequence[DeadItem]:
        rows = self._asked("dead_letters", {"queue": queue, "count": count})
        return [
            DeadItem(item=Item(id=each, body=body), attempts=attempts, reason=reason)
            for each, body, attempts, reason in rows
        ]

    def revive(self, queue: str, ids: Sequence[int] | None = None) -> int:
        wanted = None if ids is None else list(ids)
        [(revived,)] = self._asked("revive", {"queue": queue, "ids": wanted})
        return revived

    def purge(self, queue: str) -> int:
        with self._writing("take_queue", queue) as connection:
            [(gone,)] = self._rows(connection, "purge", {"queue": queue})
        return gone

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _held(
        self, name: str, queue: str, tokens: Sequence[str], values: Mapping[str, Any]
    ) -> Sequence[str]:
        """Runs a statement about leases; the tokens it found, in the order they were given."""
        parts = parts_of(tokens)
        if not parts:
            return []
        ids, nonces = [each for each, _ in parts], [nonce for _, nonce in parts]
        rows = self._asked(name, {**values, "queue": queue, "ids": ids, "nonces": nonces})
        found = {token_of(each, nonce) for each, nonce in rows}
        return [token for token in tokens if token in found]

    def _asked(self, name: str, values: Mapping[str, Any]) -> list[Any]:
        with self._speaking() as connection:
            return self._rows(connection, name, values)

    def _rows(
        self, connection: psycopg.Connection[TupleRow], name: str, values: Mapping[str, Any]
    ) -> list[Any]:
        return connection.execute(_statement(name), values).fetchall()

    @contextmanager
    def _writing(self, turn: str, queue: str) -> Generator[psycopg.Connection[TupleRow]]:
        """A transaction that begins with a lock of the queue."""
        with self._speaking() as connection, connection.transaction():
            connection.execute(_statement(turn), {"queue": queue})
            yield connection

    @contextmanager
    def _speaking(self) -> Generator[psycopg.Connection[TupleRow]]:
        """The connection; after an error it is made anew by the next call."""
        try:
            yield self._connection()
        except psycopg.Error as error:
            self.close()
            said = without_secrets(str(error), self._url)
            raise SourceUnavailable(
                f"the work source {shown(self._url)} cannot be used: {said}; see that it runs, and "
                "that its URL and the user's rights are right"
            ) from None

    def _connection(self) -> psycopg.Connection[TupleRow]:
        if self._session is None:
            session = psycopg.connect(self._url, autocommit=True, **_CONNECTION)
            try:
                if self._timeout_s is not None:
                    session.execute(_statement("limit_time"), {"timeout_s": self._timeout_s})
                _prepare(session)
            except BaseException:
                session.close()
                raise
            self._session = session
        return self._session


def _prepare(session: psycopg.Connection[TupleRow]) -> None:
    """Makes the tables where they are not there; whoever comes second finds them."""
    session.execute(_statement("plan_by_index"))
    [(has_schema,)] = session.execute(_statement("has_schema")).fetchall()
    if not has_schema:
        with session.transaction():
            session.execute(_statement("lock_schema"))
            session.execute(script("sql/postgresql_schema.sql").encode())


def _statement(name: str) -> bytes:
    return statements(_SQL)[name].encode()
