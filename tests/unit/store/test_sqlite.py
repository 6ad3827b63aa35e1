"""What only the durable store promises: restarts, schema versions, crashes, one process."""

import asyncio
import contextlib
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from shoal.base.clock import VirtualClock
from shoal.store.database import SCHEMA_VERSION
from shoal.store.protocol import (
    Compacted,
    StoreEvent,
    StoreEventType,
    StoreFailed,
    StoreUnusable,
    Watch,
)
from shoal.store.published import Retention
from shoal.store.sqlite import SqliteStore

# Writes until it is killed and prints what has been acknowledged: `+key revision` of a create,
# `-key revision` of a delete.
_WRITER = """
import asyncio, sys
from pathlib import Path
from shoal.store.sqlite import SqliteStore

async def produce(store, producer):
    for number in range(1_000_000):
        key = f"pods/ns/{producer}-{number}"
        entry = await store.create(key, lambda revision: b"%d" % revision * 200)
        print(f"+{key} {entry.revision}", flush=True)
        if number % 3 == 0:
            gone = await store.delete(key, lambda revision: b"gone", expected=entry.revision)
            print(f"-{key} {gone.revision}", flush=True)

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    await asyncio.gather(*(produce(store, producer) for producer in range(8)))

asyncio.run(main())
"""


async def take(watch: Watch, count: int) -> list[StoreEvent]:
    async with asyncio.timeout(5):
        return [await anext(watch) for _ in range(count)]


async def test_values_and_revision_survive_a_restart(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "data.db")
    one = await store.create("pods/ns/a", lambda revision: b"one")
    two = await store.update("pods/ns/a", lambda revision: b"two", expected=one.revision)
    other = await store.create("pods/ns/b", lambda revision: b"other")
    await store.delete("pods/ns/b", lambda revision: b"last", expected=other.revision)
    await store.close()

    store = await SqliteStore.open(tmp_path / "data.db")
    assert store.get("pods/ns/a") == two
    assert store.get("pods/ns/b") is None
    assert store.revision == 4
    assert (await store.create("pods/ns/c", lambda revision: b"new")).revision == 5
    await store.close()


async def test_the_revision_survives_the_deletion_and_compaction_of_everything(
    tmp_path: Path,
) -> None:
    store = await SqliteStore.open(tmp_path / "data.db")
    entry = await store.create("pods/ns/a", lambda revision: b"one")
    await store.delete("pods/ns/a", lambda revision: b"last", expected=entry.revision)
    assert await store.compact(keep=0) == 2
    await store.close()

    store = await SqliteStore.open(tmp_path / "data.db")
    assert store.revision == 2
    with pytest.raises(Compacted):
        store.watch("pods/", after=1)
    await store.close()


async def test_a_watch_resumes_after_a_restart_with_the_same_events(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "data.db")
    before = store.watch("pods/", after=0)
    one = await store.create("pods/ns/a", lambda revision: b"one")
    two = await store.update("pods/ns/a", lambda revision: b"two", expected=one.revision)
    await store.create("pods/ns/b", lambda revision: b"other")
    await store.delete("pods/ns/a", lambda revision: b"last", expected=two.revision)
    again = await store.create("pods/ns/a", lambda revision: b"again")
    await store.update("pods/ns/a", lambda revision: b"newest", expected=again.revision)
    events = await take(before, 6)
    await store.close()

    store = await SqliteStore.open(tmp_path / "data.db")
    assert await take(store.watch("pods/", after=0), 6) == events
    assert await take(store.watch("pods/", after=4), 2) == events[4:]
    await store.close()


async def test_writes_of_one_key_in_one_batch_end_in_the_last_of_them(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "data.db")
    await asyncio.gather(
        store.create("pods/ns/a", lambda revision: b"one"),
        store.update("pods/ns/a", lambda revision: b"two", expected=1),
        store.delete("pods/ns/a", lambda revision: b"last", expected=2),
        store.create("pods/ns/a", lambda revision: b"again"),
        store.create("pods/ns/b", lambda revision: b"short"),
        store.delete("pods/ns/b", lambda revision: b"gone", expected=5),
    )
    await store.close()

    store = await SqliteStore.open(tmp_path / "data.db")
    page = store.list("pods/")
    assert [(entry.key, entry.value, entry.revision) for entry in page.entries] == [
        ("pods/ns/a", b"again", 4)
    ]
    types = [event.type for event in await take(store.watch("pods/", after=0), 6)]
    added, modified, deleted = StoreEventType.ADDED, StoreEventType.MODIFIED, StoreEventType.DELETED
    assert types == [added, modified, deleted, added, added, deleted]
    await store.close()


async def write_many(store: SqliteStore, count: int, name: str) -> None:
    await asyncio.gather(
        *(store.create(f"pods/{name}/{number}", lambda revision: b"x") for number in range(count))
    )


async def test_the_log_is_trimmed_by_count(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "data.db", Retention(log_events=100))
    for round_number in range(3):
        await write_many(store, 1100, str(round_number))
    await store.close()

    store = await SqliteStore.open(tmp_path / "data.db")
    assert store.revision == 3300
    with pytest.raises(Compacted) as refusal:
        store.watch("pods/", after=0)
    assert 1100 <= refusal.value.oldest <= 3200
    oldest = refusal.value.oldest
    assert (await take(store.watch("pods/", after=oldest), 1))[0].revision == oldest + 1
    await store.close()


async def test_the_log_is_trimmed_by_age(tmp_path: Path) -> None:
    clock = VirtualClock()
    retention = Retention(log_events=100_000, log_age_s=60)
    store = await SqliteStore.open(tmp_path / "data.db", retention, clock)
    await write_many(store, 1500, "old")
    await clock.advance(30)
    await write_many(store, 1500, "young")
    await clock.advance(45)
    await write_many(store, 1500, "new")
    await store.close()

    store = await SqliteStore.open(tmp_path / "data.db")
    with pytest.raises(Compacted) as refusal:
        store.watch("pods/", after=0)
    assert 1024 <= refusal.value.oldest <= 1500
    await store.close()


async def test_a_file_of_a_newer_shoal_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    await (await SqliteStore.open(path)).close()
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "update meta set value = ? where key = 'schema_version'", (SCHEMA_VERSION + 1,)
        )
    with pytest.raises(StoreUnusable, match="has schema version 2 and this Shoal knows"):
        await SqliteStore.open(path)


async def test_a_file_that_is_no_database_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "data.db"
    path.write_text("this is a letter to my aunt\n" * 100)
    with pytest.raises(StoreUnusable, match="cannot be used as a data file"):
        await SqliteStore.open(path)


async def test_a_second_opener_of_a_data_file_is_refused_until_the_first_closes(
    tmp_path: Path,
) -> None:
    store = await SqliteStore.open(tmp_path / "data.db")
    with pytest.raises(StoreUnusable, match="is in use by another process"):
        await SqliteStore.open(tmp_path / "data.db")
    await store.close()
    await (await SqliteStore.open(tmp_path / "data.db")).close()


async def test_after_a_failed_commit_every_write_fails_and_reads_go_on(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "data.db")
    kept = await store.create("pods/ns/a", lambda revision: b"one")
    with contextlib.closing(sqlite3.connect(tmp_path / "data.db")) as vandal:
        vandal.execute("alter table obj rename to hidden")
        results = await asyncio.gather(
            store.create("pods/ns/b", lambda revision: b"two"),
            store.update("pods/ns/a", lambda revision: b"new", expected=kept.revision),
            return_exceptions=True,
        )
        vandal.execute("alter table hidden rename to obj")
    assert [type(result) for result in results] == [StoreFailed, StoreFailed]
    # The file is whole again, but the store cannot know what it holds.
    with pytest.raises(StoreFailed):
        await store.create("pods/ns/c", lambda revision: b"three")
    assert store.get("pods/ns/a") == kept
    assert store.revision == kept.revision
    await store.close()


async def test_a_cancelled_writer_does_not_disturb_the_others(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "data.db")
    first = asyncio.create_task(store.create("pods/ns/a", lambda revision: b"one"))
    second = asyncio.create_task(store.create("pods/ns/b", lambda revision: b"two"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).key == "pods/ns/b"
    await store.close()


@pytest.mark.parametrize("seed", range(4))
async def test_acknowledged_writes_survive_a_kill_and_the_revision_never_goes_back(
    tmp_path: Path, seed: int
) -> None:
    path = tmp_path / "data.db"
    alive: dict[str, int] = {}
    gone: set[str] = set()
    high_water = 0
    rng = random.Random(seed)
    for _ in range(2):
        lines = run_writer_and_kill_it(path, after_lines=rng.randrange(1, 600))
        for key, revision in lines:
            high_water = max(high_water, revision)
            if key.startswith("+"):
                alive[key[1:]] = revision
            else:
                gone.add(key[1:])
                alive.pop(key[1:], None)
        store = await SqliteStore.open(path)
        assert store.revision >= high_water
        high_water = store.revision
        for key, revision in alive.items():
            entry = store.get(key)
            # A delete that was committed but not yet acknowledged may have taken it away.
            assert entry is None or entry.revision == revision
            assert entry is not None or was_deleted(store, key)
        assert all(store.get(key) is None for key in gone)
        for entry in store.list("pods/").entries:
            await store.delete(entry.key, lambda revision: b"clean", expected=entry.revision)
        high_water = store.revision
        await store.close()
        alive.clear()


def was_deleted(store: SqliteStore, key: str) -> bool:
    watch = store.watch("pods/", after=0)
    while (event := watch.next_nowait()) is not None:
        if event.key == key and event.type is StoreEventType.DELETED:
            return True
    return False


def run_writer_and_kill_it(path: Path, after_lines: int) -> list[tuple[str, int]]:
    """What the writer had acknowledged; the last line may be cut short and is dropped."""
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(after_lines)]
        process.kill()
        lines += process.stdout.read().splitlines(keepends=True)
    complete = [line.split() for line in lines if line.endswith("\n")]
    assert len(complete) >= after_lines
    return [(key, int(revision)) for key, revision in complete]
