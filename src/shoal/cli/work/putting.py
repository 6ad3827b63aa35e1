"""`shoal work put`: items from a file or a pipe, in bounded memory, with a progress bar."""

import os
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TextIO

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from shoal.cli.output import CliError
from shoal.cli.work.target import WhichSource, namespace_of
from shoal.work.protocol import OtherBatch, UnfitBody

_SHOW_EVERY = 500


def put(
    which: WhichSource,
    name: str,
    *,
    path: str,
    bodies: Sequence[str],
    batch_id: str,
    is_json: bool,
) -> str:
    """Put the lines of a file, or the bodies; what was done, for people. Raises CliError,
    SourceUnavailable."""
    if bool(path) == bool(bodies):
        raise CliError("name the items with --from FILE (- for standard input), or with --item")
    queue = which.queue(name)
    with (
        closing(which.source(namespace_of(queue), is_putting=True)) as source,
        _opened(path) as file,
    ):
        lines = _shown(file, path) if file is not None else iter(bodies)
        try:
            added = source.put(queue, _items(lines, is_json=is_json), batch_id=batch_id)
        except UnfitBody as error:
            raise CliError(str(error)) from error
        except OtherBatch as error:
            raise CliError(
                f"batch {batch_id} of {queue} holds other items; use another --batch-id"
            ) from error
        except UnicodeDecodeError as error:
            raise CliError(f"{_named(path)} is no UTF-8 text: {error.reason}") from error
    return f"{added} {'item' if added == 1 else 'items'} put into {queue}"


def _items(lines: Iterable[str], *, is_json: bool) -> Iterator[str]:
    """Lines without their ends; empty ones are left out."""
    for number, line in enumerate(lines, start=1):
        body = line.rstrip("\r\n")
        if not body.strip():
            continue
        if is_json:
            try:
                msgspec.json.decode(body)
            except msgspec.DecodeError as error:
                raise CliError(
                    f"line {number} is not JSON: {error}; the lines before it may be in the queue"
                ) from error
        yield body


@contextmanager
def _opened(path: str) -> Generator[TextIO | None]:
    if not path:
        yield None
    elif path == "-":
        sys.stdin.reconfigure(encoding="utf-8", errors="strict")  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        yield sys.stdin
    else:
        with _open(path) as file:
            yield file


def _open(path: str) -> TextIO:
    try:
        return Path(path).open(encoding="utf-8")
    except OSError as error:
        raise CliError(f"{path} cannot be read: {error.strerror}") from error


def _shown(file: TextIO, path: str) -> Iterator[str]:
    """The lines, while a bar on stderr tells how far it is: by bytes where the size is known."""
    total = os.fstat(file.fileno()).st_size if path != "-" else None
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn() if total else MofNCompleteColumn(),
        TextColumn("{task.fields[items]:,} items"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    ) as progress:
        task = progress.add_task("putting", total=total, items=0)
        done_bytes = 0
        for number, line in enumerate(file, start=1):
            yield line
            done_bytes += len(line.encode(errors="replace"))
            if number % _SHOW_EVERY == 0:
                progress.update(task, completed=done_bytes if total else number, items=number)


def _named(path: str) -> str:
    return "standard input" if path == "-" else path
