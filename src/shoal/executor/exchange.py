"""The shared directory between sidecar and container: two files, both written by rename.

    task.json there, result.json not there    the container has a task to do
    both there                                the sidecar has a result to report
    cleared: task.json first, then result.json

A container that looks for the result first and for the task second never sees a task it has
already done, and whatever moment either side dies in, what is left says what was going on.
The JSON is in docs/reference/executor.md.

Standard library only, for `task_loop` lives in users' containers.
"""

import json
import os
from pathlib import Path
from typing import Any

DIRECTORY_VARIABLE = "PLOTO_DIR"
DEFAULT_DIRECTORY = Path("/ploto")
TASK_FILE = "task.json"
RESULT_FILE = "result.json"
READY_FILE = ".sidecar-ready"
"""There while the sidecar takes tasks: what the readiness probe looks for."""

COMPLETED = "Completed"
FAILED = "Failed"


def exchange_directory() -> Path:
    """The directory of this container."""
    return Path(os.environ.get(DIRECTORY_VARIABLE) or DEFAULT_DIRECTORY)


def write_atomically(path: Path, content: dict[str, Any]) -> None:
    """Whoever looks sees nothing or all of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content), encoding="utf-8")
    temporary.rename(path)


def read_if_there(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def clear(directory: Path) -> None:
    (directory / TASK_FILE).unlink(missing_ok=True)
    (directory / RESULT_FILE).unlink(missing_ok=True)
