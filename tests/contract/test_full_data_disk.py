"""A data folder whose disk has no room left. Needs root, for a small disk."""

import asyncio
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shoal.agent.runtime.shim.syscalls import mount, unmount_lazily
from shoal.api.core import CONFIG_MAPS
from shoal.api.status import ApiError
from shoal.standalone.server import LogFile
from shoal.store.protocol import StoreFull
from shoal.store.sqlite import SqliteStore
from shoal.testing.cluster import memory_cluster

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")

_BLOCK = b"x" * 4096


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount("tmpfs", str(place), "tmpfs", 0, "size=4m")
    yield place
    unmount_lazily(str(place))


def fill_up(disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"), (disk / "filler").open("wb", 0) as filler:
        while True:
            filler.write(_BLOCK)


def make_room(disk: Path) -> None:
    (disk / "filler").unlink()


async def test_what_finds_no_room_is_refused_until_there_is_room_and_nothing_is_lost(
    disk: Path,
) -> None:
    store = await SqliteStore.open(disk / "data.db")
    watch = store.watch("pods/", after=0)
    one = await store.create("pods/ns/one", lambda revision: b"%d" % revision)
    two = await store.create("pods/ns/two", lambda revision: b"%d" % revision)
    for _ in range(2):
        fill_up(disk)
        refused = await asyncio.gather(
            store.create("pods/ns/new", lambda revision: b"n" * 9000),
            store.update("pods/ns/new", lambda revision: b"m" * 9000, expected=3),
            store.update("pods/ns/one", lambda revision: b"o" * 9000, expected=one.revision),
            store.delete("pods/ns/two", lambda revision: b"t" * 9000, expected=two.revision),
            return_exceptions=True,
        )
        assert any(isinstance(answer, StoreFull) for answer in refused)
        assert all(isinstance(answer, Exception) for answer in refused)
        assert store.revision == two.revision
        make_room(disk)
        one = await store.update("pods/ns/one", lambda revision: b"1", expected=one.revision)
        assert one.revision == two.revision + 1
        two = await store.update("pods/ns/two", lambda revision: b"2", expected=two.revision)
    entries = store.list("pods/").entries
    seen = [(event := await anext(watch)).revision for _ in range(store.revision)]
    assert seen == [1, 2, 3, 4, 5, 6]
    assert event.value == two.value
    await store.close()

    store = await SqliteStore.open(disk / "data.db")
    assert (list(entries), store.revision) == ([one, two], 6)
    assert list(store.list("pods/").entries) == [one, two]
    await store.close()


async def test_every_write_through_all_lacks_of_room_is_kept_or_refused(disk: Path) -> None:
    """Room for some pages more each time, so that it runs out at many places of a commit."""
    store = await SqliteStore.open(disk / "data.db")
    expected: dict[str, bytes] = {}
    refusals = 0
    for pages in range(24):
        fill_up(disk)
        os.truncate(disk / "filler", (disk / "filler").stat().st_size - pages * len(_BLOCK))
        for number in range(8):
            key, value = f"pods/ns/{pages}-{number}", b"%d" % number * 3000
            try:
                await store.create(key, lambda revision, value=value: value)
            except StoreFull:
                refusals += 1
            else:
                expected[key] = value
        make_room(disk)
    assert refusals
    assert len(expected) > 8
    assert {entry.key: entry.value for entry in store.list("pods/").entries} == expected
    await store.close()
    store = await SqliteStore.open(disk / "data.db")
    assert {entry.key: entry.value for entry in store.list("pods/").entries} == expected
    assert store.revision == len(expected)
    await store.close()


async def test_a_client_is_told_that_the_disk_is_full(disk: Path) -> None:
    store = await SqliteStore.open(disk / "data.db")
    async with memory_cluster(store=store) as cluster:
        body = {"metadata": {"name": "a", "namespace": "default"}, "data": {"a": "a" * 20000}}
        await cluster.client.create(CONFIG_MAPS, body, "default")
        large = {**body, "metadata": {"name": "b", "namespace": "default"}}
        fill_up(disk)
        with pytest.raises(ApiError, match="the disk of the data folder is full") as of_create:
            await cluster.client.create(CONFIG_MAPS, large, "default")
        with pytest.raises(ApiError, match="make room there, then try again"):
            await cluster.client.patch(CONFIG_MAPS, "a", {"data": {"b": "b" * 20000}}, "default")
        with pytest.raises(ApiError, match="the disk of the data folder is full"):
            await cluster.client.delete(CONFIG_MAPS, "a", "default")
        assert (of_create.value.code, of_create.value.reason) == (500, "InternalError")
        make_room(disk)
        await cluster.client.create(CONFIG_MAPS, large, "default")
        await cluster.client.delete(CONFIG_MAPS, "a", "default")


def test_a_log_without_room_says_so_once_and_goes_on_when_there_is_room(
    disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = LogFile(disk / "shoal.log", maxBytes=6000, backupCount=1)
    fill_up(disk)
    for _ in range(100):
        log.handle(logging.makeLogRecord({"msg": "x" * 1000}))
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "shoal.log cannot be written: " in told
    make_room(disk)
    log.handle(logging.makeLogRecord({"msg": "room again"}))
    log.handle(logging.makeLogRecord({"msg": "indeed"}))
    log.close()
    assert (disk / "shoal.log").read_text().endswith("indeed\n")
