"""`RedisSource`: work queues in Redis 6 or newer, or Valkey.

Every call but a put is one Lua script, which the server runs alone; time is the server's. All keys
of a queue bear its name as their hash tag, so that they are in one slot of a cluster. What a crash
of the server keeps is up to its `appendonly` and `appendfsync` (docs/reference/work-queues.md).
"""

import socket
import ssl
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from shoal.work.addresses import address_of, has_password, shown, without_secrets
from shoal.work.chunks import BatchMark, check_end, chunks, kept_reason, missing
from shoal.work.parameters import REDIS, REDIS_TLS, REDIS_TLS_FILES
from shoal.work.protocol import (
    DeadItem,
    Item,
    ItemLease,
    NamedQueue,
    QueueLimits,
    QueueSize,
    SourceUnavailable,
)
from shoal.work.statements import script
from shoal.work.tokens import new_nonce, parts_of, token_of

_KEYS = (
    "ready", "leases", "delayed", "bodies", "nonces", "attempts", "holders", "counts", "dead",
    "reasons", "batches",
)  # fmt: skip
_ANSWER_TIMEOUT_S = 60.0
_CONNECT_TIMEOUT_S = 10.0
_IDS_PER_CALL = 1000
_NEEDS_PASSWORD = (
    "it wants a password; name one in the URL (redis://:PASSWORD@HOST), which a file, a variable "
    "or a Secret may hold"
)
_WRONG_PASSWORD = "it knows no such user with this password; see the URL"


class RedisSource:
    """A `WorkSource`."""

    def __init__(self, url: str, timeout_s: float | None = None) -> None:
        self._url = url
        self._timeout_s = timeout_s or _ANSWER_TIMEOUT_S
        self._client: redis.Redis | None = None
        self._scripts: dict[str, Script] = {}

    def put(self, queue: str, bodies: Iterable[str], *, batch_id: str = "") -> int:
        added, mark, present = 0, BatchMark(), BatchMark()
        for _, run in chunks(bodies):
            if batch_id:
                count, mark, present = self._put_missing(queue, batch_id, run, mark)
                added += count
            else:
                added += self._run("put", queue, "", "", "", *run)
        check_end(mark, present)
        return added

    def _put_missing(
        self, queue: str, batch_id: str, run: Sequence[str], before: BatchMark
    ) -> tuple[int, BatchMark, BatchMark]:
        """How many were put, the mark after the run, and how far the batch was."""
        while True:
            written: str = self._run("read_batch", queue, batch_id)
            count, _, digest = written.partition(" ")
            present = BatchMark(int(count or 0), digest)
            lacking, mark = missing(run, before, present)
            if not lacking:
                return 0, mark, present
            after = f"{mark.items} {mark.digest}"
            # None: somebody else put of the same batch meanwhile.
            added = self._run("put", queue, batch_id, written, after, *lacking)
            if added is not None:
                return added, mark, present

    def lease(
        self, queue: str, *, holder: str, count: int, limits: QueueLimits
    ) -> Sequence[ItemLease]:
        nonce, lease_us = new_nonce(), round(limits.lease_s * 1e6)
        until_us, *rows = self._run(
            "lease", queue, holder, count, lease_us, nonce, limits.max_attempts
        )
        return [
            ItemLease(
                item=Item(id=int(each), body=body),
                token=token_of(int(each), nonce),
                attempt=int(attempt),
                expires_at_s=int(until_us) / 1e6,
            )
            for each, attempt, body in zip(rows[::3], rows[1::3], rows[2::3], strict=True)
        ]

    def renew(self, queue: str, tokens: Sequence[str], lease_s: float) -> Sequence[str]:
        return self._held("renew", queue, tokens, round(lease_s * 1e6))

    def ack(self, queue: str, tokens: Sequence[str]) -> Sequence[str]:
        return self._held("finish", queue, tokens)

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
        delay_us = round(delay_s * 1e6)
        return self._held(
            "give_back",
            queue,
            tokens,
            kept_reason(reason),
            delay_us,
            int(uses_attempt),
            max_attempts,
        )

    def size(self, queue: str) -> QueueSize:
        return self._size(queue)[1]

    def queues(self) -> Sequence[NamedQueue]:
        with self._speaking() as client:
            keys: list[str] = list(client.scan_iter(match=_key("*", "counts"), count=1000))
        head, tail = _key("\n", "counts").split("\n")
        names = sorted({key[len(head) : -len(tail)] for key in keys})
        sizes = [(name, *self._size(name)) for name in names]
        return [NamedQueue(name=name, size=size) for name, added, size in sizes if added]

    def _size(self, queue: str) -> tuple[int, QueueSize]:
        """With it, how many were put since the queue was purged."""
        added, *others = self._run("size", queue)
        return added, QueueSize.of_counts(added, *others)

    def peek(self, queue: str, count: int) -> Sequence[Item]:
        rows = self._run("peek", queue, count)
        return [
            Item(id=int(each), body=body) for each, body in zip(rows[::2], rows[1::2], strict=True)
        ]

    def dead_letters(self, queue: str, count: int) -> Sequence[DeadItem]:
        rows = self._run("dead_letters", queue, count)
        return [
            DeadItem(item=Item(id=int(each), body=body), attempts=attempts, reason=reason)
            for each, body, attempts, reason in zip(
                rows[::4], rows[1::4], rows[2::4], rows[3::4], strict=True
            )
        ]

    def revive(self, queue: str, ids: Sequence[int] | None = None) -> int:
        if ids is not None:
            return self._revive(queue, ids)
        revived = 0
        while dead := self.dead_letters(queue, _IDS_PER_CALL):
            revived += self._revive(queue, [each.item.id for each in dead])
        return revived

    def purge(self, queue: str) -> int:
        return self._run("purge", queue)

    def close(self) -> None:
        self._scripts.clear()
        if self._client is not None:
            self._client.close()
            self._client = None

    def _revive(self, queue: str, ids: Sequence[int]) -> int:
        return sum(
            self._run("revive", queue, *map(_padded, ids[start : start + _IDS_PER_CALL]))
            for start in range(0, len(ids), _IDS_PER_CALL)
        )

    def _held(self, name: str, queue: str, tokens: Sequence[str], *values: Any) -> Sequence[str]:
        """Runs a script about leases; the tokens it found held."""
        parts = parts_of(tokens)
        if not parts:
            return []
        flat = [text for each, nonce in parts for text in (_padded(each), nonce)]
        answers = self._run(name, queue, *values, *flat)
        return [token_of(*part) for part, is_held in zip(parts, answers, strict=True) if is_held]

    def _run(self, name: str, queue: str, *values: Any) -> Any:
        keys = [_key(queue, each) for each in _KEYS]
        with self._speaking() as client:
            found = self._scripts.get(name)
            if found is None:
                text = script("lua/shared.lua") + script(f"lua/{name}.lua")
                found = self._scripts[name] = client.register_script(text)
            return found(keys=keys, args=values)

    @contextmanager
    def _speaking(self) -> Generator[redis.Redis]:
        try:
            if self._client is None:
                self._client = _connect(self._url, self._timeout_s)
            yield self._client
        except (redis.RedisError, ValueError, OSError) as error:
            self.close()
            raise SourceUnavailable(
                f"the work source {shown(self._url)} cannot be used: {_said(error, self._url)}"
            ) from None


def _said(error: Exception, url: str) -> str:
    """What is wrong, and how to mend it."""
    text = without_secrets(str(error), url)
    if isinstance(error, redis.AuthenticationError):
        return _WRONG_PASSWORD if has_password(url) else _NEEDS_PASSWORD
    return f"{text}; see that it runs, and that its URL and the user's rights are right"


def _key(queue: str, what: str) -> str:
    return f"shoal:work:{{{queue}}}:{what}"


class _NamedConnection(redis.SSLConnection):
    """TLS to an address, where the URL says by `server_name` whose certificate is wanted."""

    def __init__(self, *, server_name: str = "", **values: Any) -> None:
        super().__init__(**values)
        self._server_name = server_name

    def _wrap_socket_with_ssl(self, sock: socket.socket) -> ssl.SSLSocket:
        address = self.host
        self.host = self._server_name or address
        try:
            return super()._wrap_socket_with_ssl(sock)
        finally:
            self.host = address


def _connect(url: str, timeout_s: float) -> redis.Redis:
    """Raises ValueError for a URL that the client cannot use."""
    address = address_of(url)
    is_tls = url.startswith("rediss:")
    known = REDIS_TLS | REDIS_TLS_FILES if is_tls else REDIS
    strange = [key for key, _ in address.parameters if key not in known] if address else []
    if strange:
        raise ValueError(f'its URL has a parameter "{strange[0]}", which it does not know')
    return redis.Redis.from_url(
        url,
        connection_class=_NamedConnection if is_tls else redis.Connection,
        decode_responses=True,
        socket_timeout=timeout_s,
        socket_connect_timeout=_CONNECT_TIMEOUT_S,
        socket_keepalive=True,
        # A call whose answer was lost may have happened: whoever called must know.
        retry=Retry(NoBackoff(), 0),
        client_name="shoal",
    )


def _padded(id: int) -> str:
    return f"{id:016d}"
