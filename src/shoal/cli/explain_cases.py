"""`shoal explain --cases`: recorded cases in, one answer a line out.

The file is read and answered line by line, so that a long one needs no more memory than a short
one, and what has been answered is there to be read.
"""

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from shoal.cli.output import CliError
from shoal.scheduler.explaining.cases import (
    CaseError,
    answer_of,
    case_of,
    explain_case,
    preemption_answer_of,
)
from shoal.scheduler.plugins.in_tree import in_tree_registry

_GZIP_MAGIC = b"\x1f\x8b"


def answer_cases(path: Path, *, with_preemption: bool) -> bool:
    """Print an answer for each case of a file, plain or gzipped; `-` is stdin. A line that is no
    case costs a sentence on stderr. Whether all were answered. Raises CliError where the file
    cannot be read."""
    registry = in_tree_registry()
    is_success = True
    with _opened(path) as file:
        for number, line in enumerate(_lines(path, file), 1):
            if not line.strip():
                continue
            try:
                explanation = explain_case(case_of(line, with_preemption=with_preemption), registry)
            except CaseError as error:
                is_success = False
                sys.stderr.write(f"error: {_named(path)}, line {number} is not a case: {error}\n")
                continue
            answer = (preemption_answer_of if with_preemption else answer_of)(explanation)
            sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
            sys.stdout.flush()
    return is_success


def _opened(path: Path) -> AbstractContextManager[BinaryIO]:
    if str(path) == "-":
        return nullcontext(sys.stdin.buffer)
    try:
        return path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error


def _lines(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """Of pipes, too: what is peeked at is read again."""
    try:
        if cast(BufferedReader, file).peek(2)[:2] != _GZIP_MAGIC:
            yield from file
            return
        with gzip.open(file) as unpacked:
            yield from unpacked
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> CliError:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return CliError(f"cannot read --cases {path}: {why}; name a file with a case a line")


def _named(path: Path) -> str:
    return "standard input" if str(path) == "-" else str(path)
