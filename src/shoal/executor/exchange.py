"""The shared directory between sidecar and container: two files, both written by rename.

    task.json there, result.json not there    the container has a task to do
    both there                                the sidecar has a result to report
    cleared: task.json first, then result.json

A container that looks for the result first and for the task second never sees a task it has
already done, and whatever moment either side dies in, what is left says what was going on.
The JSON is in docs/reference/executor.md.

A container may also say in a third file, `state`, whether it takes another task: `waiting` as long
as it does, `working` from the moment it has taken one, `leaving` when it takes no more. One that
says nothing, as a shell script may, is always given the next task.

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
STATE_FILE = "state"
READY_FILE = ".sidecar-ready"
"""There while the sidecar takes tasks: what the readiness probe looks for."""

COMPLETED = "Completed"
FAILED = "Failed"


WAITING = "waiting"
WORKING = "working"
LEAVING = "leaving"


def exchange_directory() -> Path:
    """The directory of this container."""
    return Path(os.environ.get(DIRECTORY_VARIABLE) or DEFAULT_DIRECTORY)


def write_atomically(path: Path, content: dict[str, Any]) -> None:
    """Whoever looks sees nothing or all of it."""
    _rename_into_place(path, json.dumps(content))


def write_state(directory: Path, state: str) -> None:
    _rename_into_place(directory / STATE_FILE, state)


def read_state(directory: Path) -> str:
    """What the container says of itself; empty if it says nothing."""
    return (read_if_there(directory / STATE_FILE) or b"").decode(errors="replace").strip()


def read_if_there(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def clear(directory: Path) -> None:
    (directory / TASK_FILE).unlink(missing_ok=True)
    (directory / RESULT_FILE).unlink(missing_ok=True)


def _rename_into_place(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.rename(path)
