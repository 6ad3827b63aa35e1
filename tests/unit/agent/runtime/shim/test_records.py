"""Records of a shim: whole or not there, and with room for the last one."""

import os
import resource
import stat
from pathlib import Path

import pytest

from shoal.agent.runtime.shim.records import (
    EXIT_FILE,
    SHIM_FILE,
    ExitRecord,
    ShimRecord,
    read_exit_record,
    read_shim_record,
    reserve_exit_record,
    write_record,
)


def ended(message: str = "") -> ExitRecord:
    return ExitRecord(
        exit_code=3,
        signal=0,
        is_oom_killed=False,
        started_ns=1_476_144_009_669_794_202,
        finished_ns=1_476_144_009_669_794_203,
        start_failure=message,
    )


@pytest.fixture
def directory_fd(tmp_path: Path):
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("message", ["", "why " * 1000])
def test_the_end_is_written_into_the_room_that_was_reserved(
    tmp_path: Path, directory_fd: int, message: str
) -> None:
    reserve_exit_record(directory_fd)
    [reserved] = tmp_path.iterdir()
    inode, size_bytes = reserved.stat().st_ino, reserved.stat().st_size
    write_record(directory_fd, EXIT_FILE, ended(message))
    [written] = tmp_path.iterdir()
    assert (written.name, written.stat().st_ino) == (EXIT_FILE, inode)
    assert read_exit_record(tmp_path) == ended(message)
    assert bool(message) or written.stat().st_size <= size_bytes


def test_a_short_record_over_a_long_one_that_was_cut_off_is_whole(
    tmp_path: Path, directory_fd: int
) -> None:
    (tmp_path / f".{EXIT_FILE}").write_text("x" * 5000)
    write_record(directory_fd, EXIT_FILE, ended())
    assert read_exit_record(tmp_path) == ended()


def test_what_was_reserved_is_no_record(tmp_path: Path, directory_fd: int) -> None:
    reserve_exit_record(directory_fd)
    assert read_exit_record(tmp_path) is None


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\0", b"null", b"{}", b'{"pid": 1, "odd": 2}', b"\xff"]
)
def test_what_a_power_cut_left_is_no_record(tmp_path: Path, content: bytes) -> None:
    for name in (SHIM_FILE, EXIT_FILE):
        (tmp_path / name).write_bytes(content)
    assert read_shim_record(tmp_path) is None
    assert read_exit_record(tmp_path) is None


def test_who_a_shim_is_can_be_read_back(tmp_path: Path, directory_fd: int) -> None:
    record = ShimRecord(pid=7, start_ticks=8, boot_id="b", started_ns=9)
    write_record(directory_fd, SHIM_FILE, record)
    assert read_shim_record(tmp_path) == record


@pytest.mark.parametrize("name", [SHIM_FILE, EXIT_FILE])
def test_what_a_program_put_in_the_place_of_a_record_is_no_record(
    tmp_path: Path, name: str
) -> None:
    for container, put in (
        ("directory", Path.mkdir),
        ("circle", lambda path: path.symlink_to(path.name)),
        ("nothing", lambda path: path.parent.rmdir()),
        ("file", lambda path: (path.parent.rmdir(), path.parent.touch())),
    ):
        (tmp_path / container).mkdir()
        put(tmp_path / container / name)
        assert read_shim_record(tmp_path / container) is None
        assert read_exit_record(tmp_path / container) is None


def test_a_record_for_which_there_is_no_descriptor_is_not_taken_for_none(
    tmp_path: Path, directory_fd: int
) -> None:
    write_record(directory_fd, EXIT_FILE, ended())
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            read_exit_record(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert read_exit_record(tmp_path) == ended()


def test_an_end_and_its_name_are_on_disk_before_it_is_told(
    tmp_path: Path, directory_fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, bool]] = []

    def note(fd: int) -> None:
        is_named = (tmp_path / EXIT_FILE).exists()
        synced.append((stat.S_ISDIR(os.fstat(fd).st_mode), is_named))

    monkeypatch.setattr(os, "fsync", note)
    write_record(directory_fd, EXIT_FILE, ended())
    assert synced == [(False, False), (True, True)]
