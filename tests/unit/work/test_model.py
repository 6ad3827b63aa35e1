"""`SqliteSource` and a model of lists and dictionaries do the same, whatever is asked of them, on
a clock that only the test moves."""

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shoal.base.clock import VirtualClock
from shoal.work.protocol import QueueLimits, QueueSize
from shoal.work.sqlite import SqliteSource

QUEUE = "default/orders"
MAX_ATTEMPTS = 2
LIMITS = QueueLimits(lease_s=10, max_attempts=MAX_ATTEMPTS)
TOKENS = st.integers(0, 30)


@dataclass
class Known:
    """An item as the model knows it."""

    id: int
    due_s: float = 0.0
    attempts: int = 0
    token: str = ""


@dataclass
class Model:
    items: dict[int, Known] = field(default_factory=dict)
    dead: dict[int, Known] = field(default_factory=dict)
    done: int = 0

    def next_items(self, now_s: float) -> list[Known]:
        back = [each for each in self.items.values() if 0 < each.due_s <= now_s]
        fresh = [each for each in self.items.values() if each.due_s == 0]
        return sorted(back, key=lambda each: (each.due_s, each.id)) + fresh

    def held(self, token: str) -> Known | None:
        found = [each for each in self.items.values() if token and each.token == token]
        return found[0] if found else None


class QueueMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = VirtualClock()
        self.source = SqliteSource(Path(self.folder.name) / "q.db", self.clock)
        self.model = Model()
        self.last_id = 0
        self.tokens: list[str] = []

    def teardown(self) -> None:
        self.source.close()
        self.folder.cleanup()

    @property
    def now_s(self) -> float:
        return self.clock.now().timestamp()

    def token(self, number: int) -> str:
        """One that was given out, by its age; or none."""
        return self.tokens[-number] if 0 < number <= len(self.tokens) else ""

    @rule(count=st.integers(0, 3))
    def put(self, count: int) -> None:
        assert self.source.put(QUEUE, ["x"] * count) == count
        for _ in range(count):
            self.last_id += 1
            self.model.items[self.last_id] = Known(self.last_id)

    @rule(count=st.integers(1, 3))
    def lease(self, count: int) -> None:
        expected: list[Known] = []
        for each in self.model.next_items(self.now_s):
            if len(expected) == count:
                break
            if each.due_s and each.attempts >= MAX_ATTEMPTS:
                self.model.dead[each.id] = self.model.items.pop(each.id)
            else:
                expected.append(each)
        leases = self.source.lease(QUEUE, holder="a", count=count, limits=LIMITS)
        assert [lease.item.id for lease in leases] == [each.id for each in expected]
        for lease, each in zip(leases, expected, strict=True):
            each.attempts += 1
            each.due_s, each.token = self.now_s + LIMITS.lease_s, lease.token
            assert (lease.attempt, lease.expires_at_s) == (each.attempts, each.due_s)
            self.tokens.append(lease.token)

    @rule(number=TOKENS)
    def ack(self, number: int) -> None:
        token = self.token(number)
        each = self.model.held(token)
        assert self.source.ack(QUEUE, [token]) == ([token] if each else [])
        if each:
            del self.model.items[each.id]
            self.model.done += 1

    @rule(number=TOKENS)
    def renew(self, number: int) -> None:
        token = self.token(number)
        each = self.model.held(token)
        assert self.source.renew(QUEUE, [token], 20) == ([token] if each else [])
        if each:
            each.due_s = self.now_s + 20

    @rule(number=TOKENS, delay_s=st.sampled_from([0, 5]), uses_attempt=st.booleans())
    def nack(self, number: int, delay_s: float, uses_attempt: bool) -> None:
        token = self.token(number)
        each = self.model.held(token)
        held = self.source.nack(
            QUEUE, [token], reason="no", delay_s=delay_s, uses_attempt=uses_attempt,
            max_attempts=MAX_ATTEMPTS,
        )  # fmt: skip
        assert held == ([token] if each else [])
        if each is None:
            return
        if uses_attempt and each.attempts >= MAX_ATTEMPTS:
            self.model.dead[each.id] = self.model.items.pop(each.id)
            return
        each.due_s, each.token = self.now_s + delay_s, ""
        each.attempts -= not uses_attempt

    @rule()
    def revive(self) -> None:
        assert self.source.revive(QUEUE) == len(self.model.dead)
        for each in self.model.dead:
            self.model.items[each] = Known(each, due_s=self.now_s)
        self.model.dead.clear()

    @rule(seconds=st.sampled_from([1, 5, 10]))
    def wait(self, seconds: float) -> None:
        asyncio.run(self.clock.advance(seconds))

    @rule()
    def open_again(self) -> None:
        self.source.close()

    @invariant()
    def sizes_agree(self) -> None:
        later = [each for each in self.model.items.values() if each.due_s > self.now_s]
        leased = sum(bool(each.token) for each in later)
        expected = QueueSize(
            ready=len(self.model.items) - len(later),
            delayed=len(later) - leased,
            leased=leased,
            done=self.model.done,
            dead=len(self.model.dead),
        )
        assert self.source.size(QUEUE) == expected
        peeked = [item.id for item in self.source.peek(QUEUE, 99)]
        assert peeked == [each.id for each in self.model.next_items(self.now_s)]


QueueMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestQueue = QueueMachine.TestCase
