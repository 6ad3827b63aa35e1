"""The contract of `shoal.store.protocol.Store`, for every implementation."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shoal.store.memory import MemoryStore
from shoal.store.protocol import (
    Compacted,
    Encoder,
    FutureRevision,
    KeyExists,
    KeyMissing,
    RevisionMismatch,
    SlowWatcher,
    Store,
    StoreEvent,
    StoreEventType,
    StoreFailed,
    Watch,
)
from shoal.store.published import Retention
from shoal.store.sqlite import SqliteStore

RETENTION = Retention(ring_events=50, watch_events=20, log_events=1000)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        opened: Store = MemoryStore(RETENTION)
    else:
        opened = await SqliteStore.open(tmp_path / "data.db", RETENTION)
    yield opened
    await opened.close()


def text(value: str) -> Encoder:
    return lambda revision: f"{value}@{revision}".encode()


def broken(revision: int) -> bytes:
    raise ValueError("not encodable")


async def take(watch: Watch, count: int) -> list[StoreEvent]:
    async with asyncio.timeout(5):
        return [await anext(watch) for _ in range(count)]


async def test_a_created_value_holds_its_own_revision(store: Store) -> None:
    entry = await store.create("pods/ns/a", text("one"))
    assert (entry.revision, entry.create_revision, entry.value) == (1, 1, b"one@1")
    assert store.get("pods/ns/a") == entry
    assert store.revision == 1


async def test_a_missing_key_reads_as_none(store: Store) -> None:
    assert store.get("pods/ns/a") is None
    assert store.list("pods/").entries == ()
    assert store.revision == 0


async def test_creating_a_key_twice_is_refused_and_uses_no_revision(store: Store) -> None:
    await store.create("pods/ns/a", text("one"))
    with pytest.raises(KeyExists):
        await store.create("pods/ns/a", text("two"))
    assert store.revision == 1


async def test_an_update_with_the_right_revision_keeps_the_create_revision(store: Store) -> None:
    created = await store.create("pods/ns/a", text("one"))
    updated = await store.update("pods/ns/a", text("two"), expected=created.revision)
    assert (updated.revision, updated.create_revision, updated.value) == (2, 1, b"two@2")
    assert store.get("pods/ns/a") == updated


async def test_an_update_with_a_stale_revision_is_told_the_current_entry(store: Store) -> None:
    created = await store.create("pods/ns/a", text("one"))
    updated = await store.update("pods/ns/a", text("two"), expected=created.revision)
    with pytest.raises(RevisionMismatch) as refusal:
        await store.update("pods/ns/a", text("three"), expected=created.revision)
    assert refusal.value.current == updated


async def test_updating_or_deleting_a_missing_key_is_refused(store: Store) -> None:
    with pytest.raises(KeyMissing):
        await store.update("pods/ns/a", text("one"), expected=1)
    with pytest.raises(KeyMissing):
        await store.delete("pods/ns/a", text("one"), expected=1)


async def test_a_delete_takes_a_revision_of_its_own(store: Store) -> None:
    created = await store.create("pods/ns/a", text("one"))
    with pytest.raises(RevisionMismatch):
        await store.delete("pods/ns/a", text("last"), expected=created.revision + 1)
    deleted = await store.delete("pods/ns/a", text("last"), expected=created.revision)
    assert (deleted.revision, deleted.value) == (2, b"last@2")
    assert store.get("pods/ns/a") is None
    assert store.revision == 2


async def test_a_key_that_is_created_again_has_a_new_create_revision(store: Store) -> None:
    created = await store.create("pods/ns/a", text("one"))
    await store.delete("pods/ns/a", text("last"), expected=created.revision)
    again = await store.create("pods/ns/a", text("two"))
    assert (again.revision, again.create_revision) == (3, 3)


async def test_an_encoder_that_raises_fails_only_its_own_write(store: Store) -> None:
    results = await asyncio.gather(
        store.create("pods/ns/a", text("one")),
        store.create("pods/ns/b", broken),
        store.create("pods/ns/c", text("three")),
        return_exceptions=True,
    )
    assert isinstance(results[1], ValueError)
    assert store.get("pods/ns/b") is None
    assert [entry.revision for entry in store.list("pods/").entries] == [1, 2]


async def test_a_list_shows_the_keys_of_its_prefix_in_order(store: Store) -> None:
    for key in ["pods/b/2", "pods/a/1", "pods/b/1", "pods/bb/1", "nodes/n", "podsets/x/1"]:
        await store.create(key, text(key))
    assert [entry.key for entry in store.list("pods/b/").entries] == ["pods/b/1", "pods/b/2"]
    everything = store.list("pods/")
    assert [e.key for e in everything.entries] == ["pods/a/1", "pods/b/1", "pods/b/2", "pods/bb/1"]
    assert (everything.revision, everything.has_more, everything.remaining) == (6, False, 0)


async def test_a_list_is_read_page_by_page(store: Store) -> None:
    for number in range(5):
        await store.create(f"pods/ns/{number}", text("x"))
    first = store.list("pods/ns/", limit=2)
    assert [entry.key for entry in first.entries] == ["pods/ns/0", "pods/ns/1"]
    assert (first.has_more, first.remaining) == (True, 3)
    last = store.list("pods/ns/", after="pods/ns/2", limit=2)
    assert [entry.key for entry in last.entries] == ["pods/ns/3", "pods/ns/4"]
    assert (last.has_more, last.remaining) == (False, 0)
    beyond = store.list("pods/ns/", after="pods/z", limit=2)
    assert (list(beyond.entries), beyond.has_more, beyond.remaining) == ([], False, 0)


async def test_of_concurrent_compare_and_sets_exactly_one_wins(store: Store) -> None:
    created = await store.create("pods/ns/a", text("one"))
    results = await asyncio.gather(
        *(store.update("pods/ns/a", text(f"w{n}"), expected=created.revision) for n in range(10)),
        return_exceptions=True,
    )
    losers = [result for result in results if isinstance(result, RevisionMismatch)]
    current = store.get("pods/ns/a")
    assert len(losers) == 9
    assert all(loser.current == current for loser in losers)


async def test_a_loser_sees_the_winner_as_soon_as_it_is_told(store: Store) -> None:
    created = await store.create("pods/ns/a", text("one"))

    async def increment() -> None:
        entry = store.get("pods/ns/a")
        while entry is not None:
            try:
                await store.update("pods/ns/a", text("more"), expected=entry.revision)
            except RevisionMismatch as refusal:
                seen = store.get("pods/ns/a")
                assert seen is not None
                assert seen.revision >= refusal.current.revision
                entry = seen
            else:
                return

    await asyncio.gather(*(increment() for _ in range(8)))
    assert store.revision == created.revision + 8


async def test_concurrent_writers_get_consecutive_revisions_in_the_order_published(
    store: Store,
) -> None:
    watch = store.watch("pods/", after=0)
    entries = await asyncio.gather(
        *(store.create(f"pods/ns/{number}", text("x")) for number in range(20))
    )
    assert sorted(entry.revision for entry in entries) == list(range(1, 21))
    assert [event.revision for event in await take(watch, 20)] == list(range(1, 21))


async def test_an_acknowledged_write_is_visible_at_once(store: Store) -> None:
    async def write_and_read(number: int) -> bool:
        entry = await store.create(f"pods/ns/{number}", text("x"))
        return store.get(entry.key) == entry and store.revision >= entry.revision

    assert all(await asyncio.gather(*(write_and_read(number) for number in range(50))))


async def test_a_watch_replays_what_came_after_its_revision_and_goes_on(store: Store) -> None:
    one = await store.create("pods/ns/a", text("one"))
    two = await store.update("pods/ns/a", text("two"), expected=one.revision)
    watch = store.watch("pods/ns/", after=one.revision)
    await store.create("nodes/n", text("other bucket"))
    await store.delete("pods/ns/a", text("last"), expected=two.revision)
    assert await take(watch, 2) == [
        StoreEvent(StoreEventType.MODIFIED, "pods/ns/a", 2, b"two@2", b"one@1"),
        StoreEvent(StoreEventType.DELETED, "pods/ns/a", 4, b"last@4", b"two@2"),
    ]


async def test_a_watch_sees_only_its_prefix(store: Store) -> None:
    watch = store.watch("pods/a/", after=0)
    for key in ["pods/b/1", "pods/a/1", "pods/aa/1", "pods/a/2"]:
        await store.create(key, text(key))
    assert [event.key for event in await take(watch, 2)] == ["pods/a/1", "pods/a/2"]
    assert watch.next_nowait() is None


async def test_what_waits_for_a_watch_is_taken_without_waiting(store: Store) -> None:
    watch = store.watch("pods/", after=0)
    await store.create("pods/ns/a", text("one"))
    event = watch.next_nowait()
    assert event is not None
    assert event.type is StoreEventType.ADDED
    assert event.previous is None
    assert watch.next_nowait() is None


async def test_a_reader_may_wait_for_what_it_then_takes(store: Store) -> None:
    watch = store.watch("pods/", after=0)
    waiting = asyncio.create_task(watch.wait())
    await store.create("pods/ns/a", text("one"))
    assert await waiting
    assert await watch.wait()
    assert watch.next_nowait() is not None


async def test_a_reader_that_waits_can_be_interrupted(store: Store) -> None:
    watch = store.watch("pods/", after=0)
    waiting = asyncio.create_task(watch.wait())
    await asyncio.sleep(0)
    watch.interrupt()
    assert await waiting
    assert watch.next_nowait() is None


async def test_a_reader_that_waits_sees_the_end(store: Store) -> None:
    watch = store.watch("pods/", after=0)
    waiting = asyncio.create_task(watch.wait())
    await asyncio.sleep(0)
    watch.close()
    assert not await waiting
    assert not await watch.wait()


async def test_a_watch_knows_up_to_where_it_has_delivered(store: Store) -> None:
    watch = store.watch("pods/", after=0)
    await store.create("nodes/n", text("elsewhere"))
    assert watch.revision == 1
    await store.create("pods/ns/a", text("one"))
    await store.create("pods/ns/b", text("two"))
    assert watch.revision == 1
    await take(watch, 1)
    assert watch.revision == 2
    await take(watch, 1)
    assert watch.revision == 3


async def test_a_watch_from_the_future_is_refused(store: Store) -> None:
    with pytest.raises(FutureRevision) as refusal:
        store.watch("pods/", after=1)
    assert refusal.value.current == 0


async def test_a_watch_from_a_compacted_revision_is_refused(store: Store) -> None:
    for number in range(10):
        await store.create(f"pods/ns/{number}", text("x"))
    assert await store.compact(keep=4) == 6
    with pytest.raises(Compacted) as refusal:
        store.watch("pods/", after=5)
    assert refusal.value.oldest == 6
    assert [event.revision for event in await take(store.watch("pods/", after=6), 4)] == [
        7,
        8,
        9,
        10,
    ]


async def test_the_ring_forgets_the_oldest_events_by_itself(store: Store) -> None:
    for number in range(RETENTION.ring_events + 5):
        await store.create(f"pods/ns/{number}", text("x"))
    with pytest.raises(Compacted):
        store.watch("pods/", after=4)
    events = await take(store.watch("pods/", after=5), RETENTION.ring_events)
    assert [event.revision for event in events] == list(range(6, RETENTION.ring_events + 6))


async def test_compaction_of_an_empty_store_forgets_nothing(store: Store) -> None:
    assert await store.compact(keep=0) == 0


async def test_a_slow_watcher_is_told_so_and_others_are_not_disturbed(store: Store) -> None:
    slow, quick = store.watch("pods/", after=0), store.watch("pods/", after=0)
    seen: list[StoreEvent] = []
    for number in range(RETENTION.watch_events + 1):
        await store.create(f"pods/ns/{number}", text("x"))
        seen += await take(quick, 1)
    with pytest.raises(SlowWatcher):
        await take(slow, 1)
    assert len(seen) == RETENTION.watch_events + 1


async def test_events_that_were_replayed_do_not_make_a_watcher_slow(store: Store) -> None:
    for number in range(RETENTION.watch_events + 5):
        await store.create(f"pods/ns/{number}", text("x"))
    watch = store.watch("pods/", after=0)
    await store.create("pods/ns/last", text("x"))
    assert len(await take(watch, RETENTION.watch_events + 6)) == RETENTION.watch_events + 6


async def test_a_closed_watch_ends_its_reader(store: Store) -> None:
    watch = store.watch("pods/", after=0)

    async def read() -> list[StoreEvent]:
        return [event async for event in watch]

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    watch.close()
    watch.close()
    async with asyncio.timeout(5):
        assert await reader == []


async def test_closing_the_store_ends_watches_and_refuses_writes(store: Store) -> None:
    watch = store.watch("pods/", after=0)
    writes = [asyncio.create_task(store.create(f"pods/ns/{n}", text("x"))) for n in range(10)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await store.close()
        entries = await asyncio.gather(*writes)
        assert [event async for event in watch] == []
        assert [event async for event in store.watch("pods/", after=0)] == []
    assert len(entries) == 10
    with pytest.raises(StoreFailed):
        await store.create("pods/ns/late", text("x"))
    await store.close()
