"""Where the control plane of one machine keeps its work queues: a SQLite file for each namespace,
beside its other data.

    <data folder>/work/            nobody else on the machine may enter it
        team.db -> team/team.db    by this name the control plane, and programs without a sandbox
        team/                      all that pods of the namespace see, in a sandbox, as `work/`
            team.db ...            and SQLite's files beside it

So `<data folder>/work/team.db` means the same file to everybody. Any user of a pod may write the
folder and what is in it, as SQLite needs both.
"""

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

_COMPANIONS = ("-wal", "-shm", ".lock")
_PRIVATE, _ANYBODY, _ANYBODY_FILE = 0o700, 0o777, 0o666


def own_path(data_dir: Path, namespace: str) -> Path:
    """The file with the queues of a namespace."""
    return data_dir.absolute() / "work" / f"{namespace}.db"


def own_url(data_dir: Path, namespace: str) -> str:
    """The same for `open_source`."""
    return own_path(data_dir, namespace).as_uri().replace("file:", "sqlite:", 1)


def make_own(data_dir: Path, namespace: str) -> Path:
    """The folder that holds the queues of a namespace, ready for the sources, which make none.
    Raises OSError."""
    path = own_path(data_dir, namespace)
    _make_folder(path.parent, _PRIVATE)
    folder = path.parent / namespace
    if _is_older(path) and not _move(path, folder):
        return path.parent
    _make_folder(folder, _ANYBODY)
    for suffix in ("", *_COMPANIONS):
        _link(path.with_name(path.name + suffix), folder)
    return folder


def prepare_own(data_dir: Path) -> None:
    """Before there is any namespace; files of the time before there were folders get one each.
    Raises OSError."""
    work = own_path(data_dir, "default").parent
    _make_folder(work, _PRIVATE)
    for path in sorted(work.glob("*.db")):
        if _is_older(path):
            make_own(data_dir, path.stem)


def remove_own(data_dir: Path, namespace: str) -> None:
    """Forget the queues of a namespace that is gone: one of the same name begins anew."""
    path = own_path(data_dir, namespace)
    for suffix in ("", *_COMPANIONS):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.rmtree(path.parent / namespace, ignore_errors=True)


def _make_folder(path: Path, mode: int) -> None:
    path.mkdir(exist_ok=True)
    if path.stat().st_mode & 0o777 != mode:
        # Also of one that was made by somebody who was killed then.
        path.chmod(mode)


def _link(path: Path, folder: Path) -> None:
    """Under the old name of a file: to the new one."""
    with suppress(FileExistsError):
        path.symlink_to(Path(folder.name, path.name))


def _is_older(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _move(path: Path, folder: Path) -> bool:
    """False where somebody has it open: it stays in its place until a later start.

    The file is alone then, without a write-ahead log, and locked: whoever opens it by its old name
    meanwhile waits, and finds links where SQLite would make companions, which it refuses to
    follow; so nobody writes a second log. One who is killed here leaves a file and no link at
    worst, which the next call makes.
    """
    try:
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as database:
            database.execute("pragma locking_mode = exclusive")
            database.execute("pragma journal_mode = delete").fetchall()
            database.execute("begin exclusive")
            _make_folder(folder, _ANYBODY)
            path.with_name(path.name + ".lock").unlink(missing_ok=True)
            for suffix in _COMPANIONS:
                _link(path.with_name(path.name + suffix), folder)
            path.chmod(_ANYBODY_FILE)
            path.rename(folder / path.name)
            _link(path, folder)
    except sqlite3.Error:
        return False
    return True
