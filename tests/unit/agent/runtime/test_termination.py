"""The termination message: a file, or the end of the log."""

from pathlib import Path

from shoal.agent.runtime.termination import read_termination_message


def entries(*lines: str, tag: str = "F") -> str:
    return "".join(f"2026-01-01T00:00:00.000000000Z stdout {tag} {line}\n" for line in lines)


def read(directory: Path, exit_code: int = 1, falls_back_to_logs: bool = True) -> str:
    return read_termination_message(
        directory / "words", directory / "log", exit_code, falls_back_to_logs
    )


def test_the_end_of_a_long_message_is_kept(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("x" * 5000 + "end")
    message = read(tmp_path)
    assert len(message) == 4096
    assert message.endswith("xend")


def test_the_log_speaks_only_for_a_failure_without_words_and_by_policy(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(entries("oh no"))
    assert read(tmp_path) == "oh no\n"
    assert read(tmp_path, exit_code=0) == ""
    assert read(tmp_path, falls_back_to_logs=False) == ""
    (tmp_path / "words").write_text("own words")
    assert read(tmp_path) == "own words"


def test_at_most_80_lines_and_2048_bytes_of_the_log(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(entries(*(f"line {number}" for number in range(100))))
    lines = read(tmp_path).splitlines()
    assert (len(lines), lines[0], lines[-1]) == (80, "line 20", "line 99")
    (tmp_path / "log").write_text(entries(*("y" * 100 for _ in range(100))))
    assert len(read(tmp_path)) == 2048


def test_partial_entries_are_joined(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(entries("one ", tag="P") + entries("line"))
    assert read(tmp_path) == "one line\n"


def test_nothing_is_said_where_nothing_was_written(tmp_path: Path) -> None:
    assert read(tmp_path) == ""
