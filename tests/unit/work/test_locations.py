"""Where a namespace's own queues are, who may write them, and files that lie where they did."""

import os
import sqlite3
import stat
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from shoal.work.locations import make_own, own_path, own_url, prepare_own, remove_own
from shoal.work.protocol import OtherBatch, SourceUnavailable, WorkSource
from shoal.work.sources import open_source
from shoal.work.statements import script


@contextmanager
def queues(data_dir: Path, namespace: str = "team") -> Generator[WorkSource]:
    with closing(open_source(own_url(data_dir, namespace))) as source:
        yield source


def older_file(data_dir: Path, *bodies: str, namespace: str = "team") -> Path:
    """As the control plane left it before there were folders."""
    path = own_path(data_dir, namespace)
    path.parent.mkdir(exist_ok=True)
    with closing(open_source(f"sqlite://{path}")) as source:
        source.put("team/days", bodies)
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_each_namespace_has_a_folder_and_one_name_for_everybody(tmp_path: Path):
    folder = make_own(tmp_path, "team")
    assert folder == tmp_path / "work" / "team" == make_own(tmp_path, "team")
    with queues(tmp_path) as source:
        assert source.size("team/days").ready == 0
        assert not (folder / "team.db").exists()
        source.put("team/days", ["a"])
        # As pods see it, whose `work` is the folder.
        with closing(open_source(f"sqlite://{folder}/team.db")) as inside:
            assert inside.size("team/days").ready == 1
        names = {path.name for path in (tmp_path / "work").iterdir() if not path.is_symlink()}
        assert names == {"team"}


def test_any_user_of_a_pod_may_write_and_nobody_else_may_enter(tmp_path: Path):
    folder = make_own(tmp_path, "team")
    with queues(tmp_path) as source:
        source.put("team/days", ["a"])
        assert {mode(path) for path in folder.iterdir()} == {0o666}
        assert {path.name for path in folder.iterdir()} == {
            "team.db", "team.db-wal", "team.db-shm", "team.db.lock"
        }  # fmt: skip
    assert (mode(tmp_path / "work"), mode(folder)) == (0o700, 0o777)


@pytest.mark.parametrize("folder_mode", [0o755, 0o1777])
def test_a_file_elsewhere_is_its_makers_alone(tmp_path: Path, folder_mode: int):
    tmp_path.chmod(folder_mode)
    with closing(open_source(f"sqlite://{tmp_path}/q.db")) as source:
        source.put("team/days", ["a"])
    assert mode(tmp_path / "q.db") & 0o022 == 0


@pytest.mark.parametrize("name", ["team.db", "team.db.lock"])
def test_a_link_that_anybody_may_have_made_is_not_followed(tmp_path: Path, name: str):
    folder = make_own(tmp_path, "team")
    (folder / name).symlink_to(tmp_path / "others")
    with queues(tmp_path) as source, pytest.raises(SourceUnavailable):
        source.put("team/days", ["a"])
    assert not (tmp_path / "others").exists()


def test_links_in_a_circle_are_refused_in_a_sentence(tmp_path: Path):
    (tmp_path / "q.db").symlink_to("q.db")
    with (
        closing(open_source(f"sqlite://{tmp_path}/q.db")) as source,
        pytest.raises(SourceUnavailable, match="Too many levels"),
    ):
        source.put("team/days", ["a"])


def test_an_older_file_moves_into_its_folder_at_the_start(tmp_path: Path):
    path = older_file(tmp_path, "a", "b")
    prepare_own(tmp_path)
    assert path.is_symlink()
    assert mode(tmp_path / "work" / "team" / "team.db") == 0o666
    with queues(tmp_path) as source:
        assert source.size("team/days").ready == 2


def test_what_was_in_the_log_of_an_older_file_moves_with_it(tmp_path: Path):
    path = older_file(tmp_path, "a")
    # Killed: nobody has brought its write-ahead log into the database.
    if (child := os.fork()) == 0:
        killed = open_source(f"sqlite://{path}")
        killed.put("team/days", ["b", "c"])
        os._exit(0)
    os.waitpid(child, 0)
    assert path.with_name("team.db-wal").exists()
    prepare_own(tmp_path)
    with queues(tmp_path) as source:
        assert source.size("team/days").ready == 3


def test_an_older_file_that_somebody_has_open_stays_until_a_later_start(tmp_path: Path):
    path = older_file(tmp_path, "a")
    with closing(open_source(f"sqlite://{path}")) as open_before:
        open_before.put("team/days", ["b"])
        prepare_own(tmp_path)
        assert not path.is_symlink()
        # Its pods see all of it.
        assert make_own(tmp_path, "team") == tmp_path / "work"
        with queues(tmp_path) as source:
            assert source.size("team/days").ready == 2
    prepare_own(tmp_path)
    assert path.is_symlink()
    with queues(tmp_path) as source:
        assert source.size("team/days").ready == 2


def test_who_opened_an_older_file_while_it_moved_writes_no_second_log(tmp_path: Path):
    path = older_file(tmp_path, "a")
    with closing(sqlite3.connect(path, isolation_level=None)) as late:
        prepare_own(tmp_path)
        assert path.is_symlink()
        with pytest.raises(sqlite3.OperationalError):
            late.execute("pragma journal_mode = wal").fetchall()
            late.execute("insert into queue (name) values ('lost')")
    with queues(tmp_path) as source:
        assert source.size("team/days").ready == 1


def test_a_move_that_was_cut_short_is_ended(tmp_path: Path):
    path = older_file(tmp_path, "a")
    prepare_own(tmp_path)
    path.unlink()
    make_own(tmp_path, "team")
    with queues(tmp_path) as source:
        assert source.size("team/days").ready == 1


def test_a_file_that_is_no_database_stays_where_it_is(tmp_path: Path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "team.db").write_text("no database, but as long as one would be" * 99)
    prepare_own(tmp_path)
    assert not (tmp_path / "work" / "team.db").is_symlink()


def test_the_queues_of_a_namespace_that_is_gone_are_forgotten(tmp_path: Path):
    for namespace in ("team", "other"):
        make_own(tmp_path, namespace)
        with queues(tmp_path, namespace) as source:
            source.put(f"{namespace}/days", ["a"])
    remove_own(tmp_path, "team")
    remove_own(tmp_path, "never-used")
    assert [each.name for each in (tmp_path / "work").glob("team*")] == []
    with queues(tmp_path, "other") as source:
        assert source.size("other/days").ready == 1


def test_a_file_of_the_time_before_batches_had_digests_goes_on(tmp_path: Path):
    path = tmp_path / "q.db"
    with closing(sqlite3.connect(path)) as database:
        schema = script("sql/sqlite_schema.sql").replace("    digest text not null,\n", "")
        assert "digest text" not in schema
        database.executescript(schema)
        database.execute("insert into queue (id, name, added) values (1, 'team/days', 2)")
        database.executemany("insert into item (queue, body) values (1, ?)", [["a"], ["b"]])
        database.execute("insert into batch (queue, name, added) values (1, 'run-1', 2)")
        database.commit()
    with closing(open_source(f"sqlite://{path}")) as source:
        assert source.put("team/days", ["a", "b", "c"], batch_id="run-1") == 1
        assert source.put("team/days", ["a", "b", "c"], batch_id="run-1") == 0
        with pytest.raises(OtherBatch):
            source.put("team/days", ["a", "b", "x"], batch_id="run-1")
        assert source.size("team/days").ready == 3
