"""A pod's log as the API server asks for it, read from log files."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from shoal.agent.pod_logs import POLL_S, AgentPodLogs, find_attempt
from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.protocol import ContainerKey
from shoal.api.pod import Pod
from shoal.api.status import ApiError
from shoal.base.clock import VirtualClock
from shoal.client.protocol import LogOptions

FIRST = ContainerKey("u", "c", 0)
SECOND = ContainerKey("u", "c", 1)


def pod(current=FIRST, last=None):
    status = {
        "name": "c",
        "containerID": f"shoal://{current.container_id}",
        "restartCount": current.attempt,
    }
    if last is not None:
        ended = {"exitCode": 1, "containerID": f"shoal://{last.container_id}"}
        status["lastState"] = {"terminated": ended}
    body = {
        "metadata": {"uid": "u", "name": "p"},
        "status": {"containerStatuses": [status]},
    }
    return msgspec.convert(body, Pod)


class Logs:
    def __init__(self, root):
        self.root = root
        self.clock = VirtualClock()
        self.running = set()
        self.served = AgentPodLogs(root, self.clock, lambda key: key in self.running)

    def write(self, text, key=FIRST, age=0):
        paths = PodPaths(self.root, key.pod_uid)
        path = paths.rotated_log(key, age) if age else paths.log(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(text)

    def rotate(self):
        paths = PodPaths(self.root, "u")
        paths.log(FIRST).rename(paths.rotated_log(FIRST, 1))

    async def read(self, of=None, **options):
        pieces = self.served.open(of or pod(), LogOptions(container="c", **options))
        return b"".join([piece async for piece in pieces]).decode()


@pytest.fixture
def logs(tmp_path):
    return Logs(tmp_path)


def line(text, second=0, tag="F"):
    return f"2026-01-01T00:00:{second:02}.123456789Z stdout {tag} {text}\n"


async def test_entries_are_shown_as_they_were_written(logs):
    logs.write(line("one") + line("") + line("  two words"))
    assert await logs.read() == "one\n\n  two words\n"


async def test_parts_of_a_long_line_are_put_together(logs):
    logs.write(line("ab", tag="P") + line("cd", tag="F"))
    assert await logs.read() == "abcd\n"


async def test_timestamps_are_shown_where_asked_for(logs):
    logs.write(line("one"))
    assert await logs.read(timestamps=True) == "2026-01-01T00:00:00.123456789Z one\n"


async def test_rotated_files_come_first(logs):
    logs.write(line("3"))
    logs.write(line("2"), age=1)
    logs.write(line("1"), age=2)
    assert await logs.read() == "1\n2\n3\n"


async def test_the_older_files_are_shown_while_they_move_up(logs):
    """Between two steps of a rotation one place is empty."""
    logs.write(line("4"))
    logs.write(line("2"), age=2)
    logs.write(line("1"), age=4)
    assert await logs.read() == "1\n2\n4\n"


async def test_a_file_that_is_met_again_as_it_moved_up_is_shown_once(logs):
    logs.write(line("2"))
    logs.write(line("1"), age=2)
    paths = PodPaths(logs.root, "u")
    paths.rotated_log(FIRST, 1).hardlink_to(paths.log(FIRST))
    paths.rotated_log(FIRST, 3).hardlink_to(paths.rotated_log(FIRST, 2))
    assert await logs.read() == "1\n2\n"


@pytest.mark.parametrize(("tail", "shown"), [(0, ""), (1, "3\n"), (2, "2\n3\n"), (9, "1\n2\n3\n")])
async def test_a_tail_reaches_over_rotated_files(logs, tail, shown):
    logs.write(line("3"))
    logs.write(line("1") + line("2"), age=1)
    assert await logs.read(tail_lines=tail) == shown


async def test_only_what_was_written_since_is_shown(logs):
    logs.write(line("old", 0) + line("new", 50))
    await logs.clock.advance(60)
    assert await logs.read(since_s=30) == "new\n"
    assert await logs.read(since_time=logs.clock.now() - timedelta(seconds=30)) == "new\n"


async def test_a_limit_cuts_in_the_middle_of_a_line(logs):
    logs.write(line("abc") + line("def"))
    assert await logs.read(limit_bytes=5) == "abc\nd"


async def test_the_previous_attempt_has_a_log_of_its_own(logs):
    logs.write(line("first"), FIRST)
    logs.write(line("second"), SECOND)
    restarted = pod(SECOND, last=FIRST)
    assert await logs.read(restarted) == "second\n"
    assert await logs.read(restarted, previous=True) == "first\n"


async def test_a_container_without_a_log_file_has_said_nothing(logs):
    assert await logs.read() == ""


def test_a_container_that_never_ran_has_no_previous_log():
    with pytest.raises(ApiError) as error:
        find_attempt(pod(), LogOptions(container="c", previous=True))
    assert error.value.message == ('previous terminated container "c" in pod "p" is not available')


async def test_a_follower_sees_lines_as_they_come_past_rotation_until_the_end(logs):
    logs.running.add(FIRST)
    logs.write(line("1"))
    seen = []

    async def follow():
        async for piece in logs.served.open(pod(), LogOptions(container="c", follow=True)):
            seen.append(piece.decode())

    async def until(text):
        async with asyncio.timeout(10):
            while "".join(seen) != text:
                await logs.clock.advance(POLL_S)
                await asyncio.sleep(0.001)

    task = asyncio.create_task(follow())
    await until("1\n")
    logs.write(line("2"))
    await until("1\n2\n")
    logs.write(line("3"))
    logs.rotate()
    logs.write(line("4"))
    await until("1\n2\n3\n4\n")
    logs.write("2026-01-01T00:00:00.1Z stdout F hal")
    logs.write("f\n")
    logs.running.clear()
    await until("1\n2\n3\n4\nhalf\n")
    await logs.clock.advance(POLL_S)
    async with asyncio.timeout(10):
        await task
