"""How the command line prints: tables, YAML, JSON, errors.

Colour and live views come from rich and vanish where the output is not a terminal. Tables keep
kubectl's shape (no borders, upper-case heads), because people pipe them into the same scripts.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, NoReturn

import typer

from shoal.api.resource import JsonObject


class OutputFormat(StrEnum):
    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


DATA_FORMATS = (OutputFormat.JSON, OutputFormat.YAML)
"""For programs."""


class CliError(Exception):
    """What a user can mend; the text is one sentence."""


def reason_of(error: OSError | UnicodeDecodeError) -> str:
    """Why a file could not be used, without numbers and the file's name again."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it is no UTF-8 text"


def sentence_of(error: OSError) -> str:
    """The same with the name of the file, where it is about one."""
    return f"{error.filename}: {reason_of(error)}" if error.filename else reason_of(error)


_GOOD = {"Running", "Completed", "Succeeded", "Ready", "Active", "Bound", "True"}
_BAD = {"Failed", "Error", "CrashLoopBackOff", "OOMKilled", "NotReady", "Evicted", "False"}
_WAITING = {"Pending", "ContainerCreating", "Terminating", "Unknown", "PodInitializing"}


def style_of(cell: str) -> str:
    """The colour of a status word; empty for anything else."""
    if cell in _GOOD:
        return "green"
    if cell in _BAD or cell.startswith("Err") or cell.endswith("Error"):
        return "red"
    return "yellow" if cell in _WAITING else ""


def fail(message: str) -> NoReturn:
    """Print one sentence to stderr and exit with 1."""
    sys.stderr.write(f"error: {message}\n")
    raise typer.Exit(1)


def print_rows(
    heads: Sequence[str], rows: Iterable[Sequence[Any]], *, is_upper: bool = True
) -> None:
    """Columns padded to their widest cell, three spaces apart. `is_upper` is False where heads
    hold names, which keep their case."""
    texts = [[str(cell) for cell in row] for row in rows]
    lines = [[head.upper() if is_upper else head for head in heads], *texts]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    is_terminal = sys.stdout.isatty()
    for line in lines:
        padded = [
            _paint(cell, width, is_terminal) for cell, width in zip(line, widths, strict=True)
        ]
        sys.stdout.write("   ".join(padded).rstrip() + "\n")
    sys.stdout.flush()


_ANSI = {"green": "32", "red": "31", "yellow": "33"}


def _paint(cell: str, width: int, is_terminal: bool) -> str:
    text = cell.ljust(width)
    colour = _ANSI.get(style_of(cell)) if is_terminal else None
    return f"\x1b[{colour}m{text}\x1b[0m" if colour else text


def print_json(obj: Any) -> None:
    sys.stdout.write(json.dumps(obj, indent=4, ensure_ascii=False) + "\n")


def print_yaml(obj: Any) -> None:
    sys.stdout.write(to_yaml(obj))


def to_yaml(obj: Any) -> str:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(obj, Dumper=dumper, sort_keys=False, allow_unicode=True))


def print_object(obj: JsonObject, output: OutputFormat) -> None:
    if output is OutputFormat.JSON:
        print_json(obj)
    else:
        print_yaml(obj)
