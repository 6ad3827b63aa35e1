"""`for task in tasks()` as users' programs run it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shoal.executor import Task, exchange, tasks


def give(directory: Path, name: str = "a", para: str = "p", attempt: int = 1) -> None:
    content = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "para": para,
        "attempt": attempt,
    }
    exchange.write_atomically(directory / exchange.TASK_FILE, content)


def result(directory: Path) -> dict[str, str]:
    return json.loads((directory / exchange.RESULT_FILE).read_bytes())


@pytest.fixture(params=[True, False], ids=["inotify", "polling"])
def loop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Task]:
    return tasks(tmp_path, use_inotify=request.param)


def test_going_on_with_the_loop_completes_the_task(loop: Iterator[Task], tmp_path: Path) -> None:
    give(tmp_path, "first")
    task = next(loop)
    assert (task.name, task.para, task.attempt) == ("first", "p", 1)

    seen: list[str] = []
    follower = threading.Thread(target=lambda: seen.append(next(loop).name))
    follower.start()
    wait_until((tmp_path / exchange.RESULT_FILE).exists)
    assert result(tmp_path) == {"phase": "Completed", "message": "", "output": ""}
    exchange.clear(tmp_path)
    give(tmp_path, "second")
    follower.join(timeout=10)
    assert seen == ["second"]


def test_a_task_with_a_result_is_not_taken_again(loop: Iterator[Task], tmp_path: Path) -> None:
    give(tmp_path, "done")
    (tmp_path / exchange.RESULT_FILE).write_text("{}")
    seen: list[str] = []
    follower = threading.Thread(target=lambda: seen.append(next(loop).name))
    follower.start()
    exchange.clear(tmp_path)
    give(tmp_path, "next")
    follower.join(timeout=10)
    assert seen == ["next"]


def test_leaving_the_loop_fails_the_task(tmp_path: Path) -> None:
    give(tmp_path)
    for _ in tasks(tmp_path):
        break
    assert result(tmp_path)["phase"] == "Failed"


def test_an_exception_in_the_loop_fails_the_task_and_goes_on_its_way(tmp_path: Path) -> None:
    give(tmp_path)
    with pytest.raises(ValueError, match="bad para"):
        for _ in tasks(tmp_path):
            raise ValueError("bad para")
    assert "loop ended" in result(tmp_path)["message"]


def test_an_exception_that_ends_the_program_is_told(tmp_path: Path) -> None:
    give(tmp_path)
    program = "from shoal.executor import tasks\nfor task in tasks(): raise ValueError('oops')"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PLOTO_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert result(tmp_path)["message"] == (
        "the executor's loop ended before the task was done;"
        " its program ended with ValueError: oops"
    )
    assert "Traceback" in done.stderr


def test_the_sidecar_is_told_when_no_more_tasks_are_taken(tmp_path: Path) -> None:
    give(tmp_path)
    states: list[str] = []
    for _ in tasks(tmp_path):
        states.append(exchange.read_state(tmp_path))
        break
    states.append(exchange.read_state(tmp_path))
    assert states == ["working", "leaving"]


def test_a_loop_that_waits_says_so(loop: Iterator[Task], tmp_path: Path) -> None:
    follower = threading.Thread(target=lambda: next(loop))
    follower.start()
    wait_until(lambda: exchange.read_state(tmp_path) == "waiting")
    give(tmp_path)
    follower.join(timeout=10)
    assert exchange.read_state(tmp_path) == "working"


def test_the_first_report_counts(tmp_path: Path, loop: Iterator[Task]) -> None:
    give(tmp_path)
    task = next(loop)
    task.fail("no disk")
    task.complete("late")
    assert result(tmp_path) == {"phase": "Failed", "message": "no disk", "output": ""}


def test_with_a_task_an_exception_is_the_message(tmp_path: Path, loop: Iterator[Task]) -> None:
    give(tmp_path)
    with pytest.raises(ValueError, match="bad para"), next(loop):
        raise ValueError("bad para")
    assert result(tmp_path)["message"] == "ValueError: bad para"


def test_importing_the_loop_loads_nothing_heavy() -> None:
    check = "import sys; from shoal.executor import tasks; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, check=True, text=True)
    assert not {"msgspec", "aiohttp", "asyncio", "ssl"} & set(done.stdout.split())


@pytest.mark.parametrize("is_at_work", [True, False])
def test_sigterm_ends_the_loop_after_the_present_task(tmp_path: Path, is_at_work: bool) -> None:
    program = """
from shoal.executor import tasks
print("up", flush=True)
for task in tasks():
    print(task.name, flush=True)
    input()
print("bye", flush=True)
"""
    if is_at_work:
        give(tmp_path, "last")
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PLOTO_DIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    if is_at_work:
        assert process.stdout.readline() == "last\n"
    else:
        wait_for_handler(process.pid)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate("go on\n", timeout=10)
    assert output == "bye\n"
    assert process.returncode == 0
    assert (tmp_path / exchange.RESULT_FILE).exists() is is_at_work


def wait_for_handler(pid: int) -> None:
    """Until the process catches SIGTERM."""
    mask = 1 << (signal.SIGTERM - 1)

    def is_caught() -> bool:
        status = Path(f"/proc/{pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
        return bool(int(caught.split()[1], 16) & mask)

    wait_until(is_caught)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline_s
        time.sleep(0.001)
