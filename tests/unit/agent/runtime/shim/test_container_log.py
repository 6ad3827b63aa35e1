"""Log files in CRI format: entries, partial lines, rotation."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from shoal.agent.runtime.shim.container_log import (
    MAX_LINE_BYTES,
    RotatingLog,
    StreamEntries,
    entry_time,
)

NOW_NS = 1_476_144_009_669_794_202


def read_back(entries: bytes) -> bytes:
    """What the container wrote, as a reader of the format puts it together."""
    text = b""
    for entry in entries.split(b"\n")[:-1]:
        _, _, tag, content = entry.split(b" ", 3)
        text += content + (b"\n" if tag == b"F" else b"")
    return text


def test_times_have_nine_digits_and_are_utc() -> None:
    assert entry_time(NOW_NS) == b"2016-10-11T00:00:09.669794202Z"
    assert entry_time(NOW_NS - 669_794_200) == b"2016-10-11T00:00:09.000000002Z"


def test_a_line_is_an_entry() -> None:
    entries = StreamEntries(b"stdout").feed(b"one\ntwo\n", NOW_NS)
    stamp = entry_time(NOW_NS)
    assert entries == stamp + b" stdout F one\n" + stamp + b" stdout F two\n"


def test_a_line_waits_for_its_end() -> None:
    stream = StreamEntries(b"stderr")
    assert stream.feed(b"unfin", NOW_NS) == b""
    assert stream.feed(b"ished\n", NOW_NS).endswith(b" stderr F unfinished\n")
    assert stream.finish(NOW_NS) == b""


def test_a_long_line_is_cut_into_partial_entries() -> None:
    stream = StreamEntries(b"stdout")
    entries = stream.feed(b"x" * (MAX_LINE_BYTES + 5), NOW_NS) + stream.feed(b"\n", NOW_NS)
    tags = [entry.split(b" ")[2] for entry in entries.splitlines()]
    assert tags == [b"P", b"F"]
    assert read_back(entries) == b"x" * (MAX_LINE_BYTES + 5) + b"\n"


@given(st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"x", b"x" * 9000))))
def test_whatever_is_written_is_read_back(writes: list[bytes]) -> None:
    stream = StreamEntries(b"stdout")
    entries = b"".join(stream.feed(data, NOW_NS) for data in writes) + stream.finish(NOW_NS)
    written = b"".join(writes)
    if written and not written.endswith(b"\n"):
        written += b"\n"
    assert read_back(entries) == written
    longest = MAX_LINE_BYTES + len(entry_time(NOW_NS) + b" stdout F ")
    assert all(len(entry) <= longest for entry in entries.split(b"\n"))


def test_a_full_file_is_rotated_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    log = RotatingLog(str(path), max_file_bytes=10, kept_files=3)
    for number in range(5):
        log.write(b"entry-%d\n" % number)
    assert path.read_bytes() == b"entry-4\n"
    assert (tmp_path / "0.log.1").read_bytes() == b"entry-3\n"
    assert (tmp_path / "0.log.2").read_bytes() == b"entry-2\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0.log", "0.log.1", "0.log.2"]


def test_while_no_other_file_can_be_made_the_full_one_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    log = RotatingLog(str(path), max_file_bytes=10, kept_files=3)
    in_the_way = tmp_path / "0.log.new"
    in_the_way.mkdir()
    for number in range(3):
        log.write(b"entry-%d\n" % number)
    assert path.read_bytes() == b"entry-0\nentry-1\nentry-2\n"
    in_the_way.rmdir()
    log.write(b"entry-3\n")
    assert path.read_bytes() == b"entry-3\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0.log", "0.log.1"]


def test_a_log_is_continued_by_who_opens_it_again(tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    RotatingLog(str(path)).write(b"one\n")
    RotatingLog(str(path)).write(b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"
