"""`shoal sim --cases`: made-up clusters in, what the scheduler does in each out.

The file is read and answered line by line. With a file of expected outcomes, what differs is
printed instead of the answers.
"""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

import msgspec

from shoal.api.quantity import QuantityError
from shoal.cli.output import CliError, print_rows
from shoal.scheduler.config.loading import ConfigurationError
from shoal.sim.cases import CaseOutcome, CaseUnreadableError, answer, read_case
from shoal.sim.comparing import differences, read_expected

_STDIN = Path("-")


def answer_cases(path: Path) -> bool:
    """Print an outcome for each case of a file; `-` is stdin. A line that is no case costs a
    sentence on stderr. Whether all were answered. Raises CliError where the file cannot be read."""
    is_success = True
    for _, outcome in _outcomes(path):
        if outcome is None:
            is_success = False
            continue
        sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")
        sys.stdout.flush()
    return is_success


def compare_cases(path: Path, expected_path: Path) -> bool:
    """Print a table of what is not as expected. Whether nothing is. Raises CliError where a file
    cannot be read, or where they are not of the same length."""
    expected = [*_lines(expected_path, "--expected")]
    rows: list[tuple[object, ...]] = []
    count = unanswered = 0
    for count, (number, outcome) in enumerate(_outcomes(path), 1):
        if count > len(expected):
            break
        if outcome is None:
            unanswered += 1
            continue
        expected_number, line = expected[count - 1]
        try:
            wanted = read_expected(line)
        except CaseUnreadableError as error:
            where = f"{expected_path}, line {expected_number}"
            raise CliError(f"{where} is no expected outcome: {error}") from error
        rows += ((number, d.what, d.expected, d.actual) for d in differences(outcome, wanted))
    if count != len(expected):
        more = "more" if count > len(expected) else "fewer"
        raise CliError(f"{path} has {more} cases than {expected_path} has outcomes")
    if rows:
        print_rows(("line", "key", "expected", "actual"), rows)
    right = count - unanswered - len({row[0] for row in rows})
    sys.stdout.write(f"{right} of {count} cases as expected\n")
    return right == count


def _outcomes(path: Path) -> Iterator[tuple[int, CaseOutcome | None]]:
    """With the number of the line; None for a line that is no case, of which people are told."""
    for number, line in _lines(path, "--cases"):
        try:
            yield number, answer(read_case(line))
        except (CaseUnreadableError, ConfigurationError, QuantityError) as error:
            why = "; ".join(str(error).splitlines())
            name = "standard input" if path == _STDIN else path
            sys.stderr.write(f"error: {name}, line {number} is not a case: {why}\n")
            yield number, None


def _lines(path: Path, option: str) -> Iterator[tuple[int, bytes]]:
    """Those that are not blank, with their numbers from 1."""
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except OSError as error:
        why = error.strerror or str(error)
        raise CliError(
            f"cannot read {option} {path}: {why}; name a file with a JSON object a line"
        ) from error


def _opened(path: Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if path == _STDIN else path.open("rb")
