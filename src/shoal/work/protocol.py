"""`WorkSource`: where the items of a work queue are kept, and who works on which.

    put ──> ready ──lease──> leased ──ack──> done
              ^                │ nack, or the lease ran out
              ├── attempts left┤
              └── (after a delay)   no attempts left ──> dead

An item is delivered at least once: to one holder at a time, and again only where its holder gave
it back or its lease ran out. A lease is known by its token, so that a holder whose lease ran out
can neither acknowledge nor renew what somebody else has by now.

A source is used from one thread at a time. Every call is one transaction: when it returns, what it
says has happened; when it raises `SourceUnavailable`, it may have happened or not.
One contract suite holds for all sources.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, Self

import msgspec


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done, as text; the source does not look into it."""

    id: int
    """Of the queue, in the order of putting."""
    body: str


class ItemLease(msgspec.Struct, frozen=True, kw_only=True):
    """An item that one holder works on until `expires_at_s`."""

    item: Item
    token: str
    """Tells this delivery from every other one."""
    attempt: int
    """From 1: how often the item has been delivered."""
    expires_at_s: float
    """Seconds since the epoch by the clock of the source."""


class DeadItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item that used up its attempts."""

    item: Item
    attempts: int
    reason: str
    """Of the last one, for people."""


class QueueSize(msgspec.Struct, frozen=True, kw_only=True):
    """How many items are where."""

    ready: int = 0
    """To be leased now; items whose lease ran out are among them."""
    delayed: int = 0
    """Given back, and not to be leased before some time."""
    leased: int = 0
    done: int = 0
    dead: int = 0

    @classmethod
    def of_counts(cls, added: int, done: int, dead: int, leased: int, delayed: int) -> Self:
        """By what databases count: what is left of the items that were put is ready."""
        ready = added - done - dead - leased - delayed
        return cls(ready=ready, delayed=delayed, leased=leased, done=done, dead=dead)

    @property
    def is_drained(self) -> bool:
        """Nothing is left to do and nothing can come back: the test by which a pod that drains
        the queue ends. A queue that only looks empty because others hold its last items is not."""
        return not (self.ready or self.delayed or self.leased)

    @property
    def total(self) -> int:
        return self.ready + self.delayed + self.leased + self.done + self.dead


class QueueLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a queue does with items that fail."""

    lease_s: float = 60.0
    max_attempts: int = 3


class SourceUnavailable(Exception):
    """The source does not answer, or not with what was asked. The text is a sentence for people
    and never bears credentials."""


class UnfitBody(Exception):
    """The text of an item that no source can keep. A sentence for people."""


class OtherBatch(Exception):
    """Under the name of the batch there are other items than those given. A sentence for people."""


class NamedQueue(msgspec.Struct, frozen=True, kw_only=True):
    """A queue of a source."""

    name: str
    """`<namespace>/<name>`."""
    size: QueueSize


class WorkSource(Protocol):
    """The queues of one database. `queue` is `<namespace>/<name>`; one that nobody has put into
    is empty."""

    def put(self, queue: str, bodies: Iterable[str], *, batch_id: str = "") -> int:
        """Add items; how many were. Bodies are taken as they come, in bounded memory and in one
        transaction for some hundreds of them, so an interruption leaves a part there. With a
        `batch_id` the same batch, put again, adds only what is missing, and one that has grown
        what has come to its end. What was put is durable when this returns. Raises UnfitBody for
        an item with a NUL character, OtherBatch where other items came under this `batch_id`."""
        ...

    def lease(
        self, queue: str, *, holder: str, count: int, limits: QueueLimits
    ) -> Sequence[ItemLease]:
        """Up to `count` items; none is no error. Those that came back (given back, revived, or
        their lease ran out) are first, in the order in which they did; then the others, oldest
        first. Items that come back with all their attempts used up are put with the dead on the
        way."""
        ...

    def renew(self, queue: str, tokens: Sequence[str], lease_s: float) -> Sequence[str]:
        """Make leases last `lease_s` from now; the tokens of those that are still held: a lease
        that ran out is, until somebody else has leased the item."""
        ...

    def ack(self, queue: str, tokens: Sequence[str]) -> Sequence[str]:
        """The items are done; the tokens of those that were still held. The others' items belong
        to somebody else by now, who will acknowledge them."""
        ...

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
        """Give items back, the tokens of those that were still held. Without `uses_attempt` the
        delivery does not count: the holder had to go before it was done."""
        ...

    def size(self, queue: str) -> QueueSize:
        """Exact, as of one moment; costs the same for a million items as for one."""
        ...

    def queues(self) -> Sequence[NamedQueue]:
        """All that somebody has put into since they were purged, by name."""
        ...

    def peek(self, queue: str, count: int) -> Sequence[Item]:
        """The next items, leased by nobody."""
        ...

    def dead_letters(self, queue: str, count: int) -> Sequence[DeadItem]:
        """Oldest first."""
        ...

    def revive(self, queue: str, ids: Sequence[int] | None = None) -> int:
        """Put dead items back with all their attempts; all of them without `ids`. How many."""
        ...

    def purge(self, queue: str) -> int:
        """Forget the queue, its figures and batches. How many items were not done."""
        ...

    def close(self) -> None: ...
