"""Random writes, reads, watches and restarts against a plain dict."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shoal.store.memory import MemoryStore
from shoal.store.protocol import (
    Entry,
    KeyExists,
    KeyMissing,
    RevisionMismatch,
    Store,
    StoreEvent,
    StoreEventType,
    Watch,
)
from shoal.store.sqlite import SqliteStore

KEYS = st.sampled_from([f"{bucket}/ns/{name}" for bucket in ("pods", "nodes") for name in "abc"])
VALUES = st.binary(max_size=8)
STALENESS = st.sampled_from([0, 0, 0, 1])


class StoreModel(RuleBasedStateMachine):
    """The expectation: a dict of entries, a list of all events, a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.entries: dict[str, Entry] = {}
        self.events: list[StoreEvent] = []
        self.revision = 0
        self.store = self.runner.run(self.open())
        self.watch: Watch = self.store.watch("pods/", after=0)
        self.watched: list[StoreEvent] = []

    async def open(self) -> Store:
        return MemoryStore()

    def teardown(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()

    @rule(key=KEYS, value=VALUES)
    def create(self, key: str, value: bytes) -> None:
        try:
            entry = self.runner.run(self.store.create(key, lambda revision: value))
        except KeyExists:
            assert key in self.entries
        else:
            assert key not in self.entries
            self.expect(StoreEventType.ADDED, entry, value)

    @rule(key=KEYS, value=VALUES, staleness=STALENESS, is_delete=st.booleans())
    def change(self, key: str, value: bytes, staleness: int, is_delete: bool) -> None:
        known = self.entries.get(key)
        expected = known.revision - staleness if known else 1
        write = self.store.delete if is_delete else self.store.update
        try:
            entry = self.runner.run(write(key, lambda revision: value, expected=expected))
        except KeyMissing:
            assert known is None
        except RevisionMismatch as refusal:
            assert staleness and refusal.current == known
        else:
            assert known is not None and not staleness
            self.expect(
                StoreEventType.DELETED if is_delete else StoreEventType.MODIFIED, entry, value
            )

    def expect(self, type: StoreEventType, entry: Entry, value: bytes) -> None:
        known = self.entries.pop(entry.key, None)
        self.revision += 1
        created = known.create_revision if known else self.revision
        assert entry == Entry(entry.key, value, self.revision, created)
        if type is not StoreEventType.DELETED:
            self.entries[entry.key] = entry
        previous = known.value if known else None
        self.events.append(StoreEvent(type, entry.key, self.revision, value, previous))

    @rule(prefix=st.sampled_from(["pods/", "nodes/ns/"]), limit=st.integers(0, 4))
    def page_through(self, prefix: str, limit: int) -> None:
        listed: list[Entry] = []
        page = self.store.list(prefix, limit=limit)
        while True:
            listed += page.entries
            expected = sum(key.startswith(prefix) for key in self.entries) - len(listed)
            assert page.remaining == expected
            assert page.has_more == (expected > 0)
            if not page.has_more:
                break
            page = self.store.list(prefix, after=listed[-1].key, limit=limit)
        matching = sorted(key for key in self.entries if key.startswith(prefix))
        assert listed == [self.entries[key] for key in matching]

    @rule(data=st.data())
    def watch_from_the_past(self, data: st.DataObject) -> None:
        after = data.draw(st.integers(0, self.revision))
        watch = self.store.watch("nodes/", after=after)
        seen: list[StoreEvent] = []
        while (event := watch.next_nowait()) is not None:
            seen.append(event)
        watch.close()
        assert seen == [e for e in self.events if e.revision > after and e.key.startswith("nodes/")]

    @invariant()
    def reads_show_the_model(self) -> None:
        assert self.store.revision == self.revision
        for key in ("pods/ns/a", "nodes/ns/b"):
            assert self.store.get(key) == self.entries.get(key)

    @invariant()
    def the_open_watch_misses_nothing(self) -> None:
        while (event := self.watch.next_nowait()) is not None:
            self.watched.append(event)
        assert self.watched == [e for e in self.events if e.key.startswith("pods/")]
        assert self.watch.revision == self.revision


class SqliteModel(StoreModel):
    """The same, on disk, with restarts."""

    async def open(self) -> Store:
        self.folder = tempfile.TemporaryDirectory()
        return await SqliteStore.open(Path(self.folder.name) / "data.db")

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()

    @precondition(lambda self: self.revision > 3)
    @rule()
    def restart(self) -> None:
        self.runner.run(self.store.close())
        path = Path(self.folder.name) / "data.db"
        self.store = self.runner.run(SqliteStore.open(path))
        self.watch = self.store.watch("pods/", after=0)
        self.watched = []


TestMemoryModel = StoreModel.TestCase
TestMemoryModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSqliteModel = SqliteModel.TestCase
TestSqliteModel.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
