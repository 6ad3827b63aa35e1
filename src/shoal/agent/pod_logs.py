"""Read the logs of containers back: the agent's half of `kubectl logs`.

Files are in the CRI format, one entry a line: `<time> stdout F <text>`, with `P` for a part of a
line that was too long. The newest file is `<attempt>.log`; rotation renames it to
`<attempt>.log.1`, and so on (`runtime.paths`). A follower keeps the file that it has open, so it
reads to the end what was renamed before it goes on to the new one.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from shoal.agent.lifecycle.container import CONTAINER_ID_SCHEME
from shoal.agent.runtime.paths import PodPaths
from shoal.agent.runtime.protocol import ContainerKey
from shoal.agent.runtime.shim.container_log import KEPT_FILES
from shoal.api.pod import ContainerStatus, Pod
from shoal.api.status import bad_request
from shoal.base.clock import Clock
from shoal.client.protocol import LogOptions

POLL_S = 0.2
_PIECE_BYTES = 64 * 1024


class AgentPodLogs:
    """Serves the API server's `PodLogs`. `is_running` says whether an attempt may still write."""

    def __init__(
        self, pods_dir: Path, clock: Clock, is_running: Callable[[ContainerKey], bool]
    ) -> None:
        self._pods_dir = pods_dir
        self._clock = clock
        self._is_running = is_running

    def open(self, pod: Pod, options: LogOptions) -> AsyncIterator[bytes]:
        """Raises ApiError where there is no such log."""
        key = find_attempt(pod, options)
        return self._limited(self._read(key, options), options.limit_bytes)

    async def _limited(
        self, pieces: AsyncIterator[bytes], limit_bytes: int | None
    ) -> AsyncIterator[bytes]:
        left = limit_bytes
        async for piece in pieces:
            if left is None:
                yield piece
                continue
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                return

    async def _read(self, key: ContainerKey, options: LogOptions) -> AsyncIterator[bytes]:
        paths = PodPaths(self._pods_dir, key.pod_uid)
        since = options.since_time
        if options.since_s is not None:
            since = self._clock.now() - timedelta(seconds=options.since_s)
        show = Presentation(since, with_timestamps=options.timestamps)
        tail = Tail(paths.log(key))
        try:
            older, newest = await asyncio.to_thread(_read_files, paths, key, tail)
            lines = [*older, *newest]
            if options.tail_lines is not None:
                lines = lines[-options.tail_lines :] if options.tail_lines > 0 else []
            for piece in _pieces(show.lines(lines)):
                yield piece
            while options.follow:
                is_last_look = not self._is_running(key)
                lines = await asyncio.to_thread(tail.read_lines)
                for piece in _pieces(show.lines(lines)):
                    yield piece
                if is_last_look and not lines:
                    return
                if not lines:
                    await self._clock.sleep(POLL_S)
        finally:
            tail.close()


def find_attempt(pod: Pod, options: LogOptions) -> ContainerKey:
    """Which attempt's log is meant. Raises ApiError."""
    statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    status = next((s for s in statuses if s.name == options.container), None)
    wanted = _container_id(status, previous=options.previous) if status is not None else ""
    if status is not None and wanted:
        for attempt in range(status.restart_count, -1, -1):
            key = ContainerKey(pod.metadata.uid, options.container, attempt)
            if key.container_id == wanted:
                return key
    which = "previous terminated container" if options.previous else "container"
    raise bad_request(
        f'{which} "{options.container}" in pod "{pod.metadata.name}" is not available'
    )


def _container_id(status: ContainerStatus, *, previous: bool) -> str:
    last = status.last_state.terminated
    full = (last.container_id if last is not None else "") if previous else status.container_id
    return full.removeprefix(CONTAINER_ID_SCHEME)


class Tail:
    """Reads a growing file from its start, line by line, past its rotation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""

    def read_lines(self) -> list[bytes]:
        """Whole lines that were written since the last call."""
        if self._file is None and not self._open():
            return []
        lines = self._drain()
        # Look for rotation only at the end of the old file: nothing of it is left out.
        if not lines and self._is_rotated():
            # What was written between the look at its end and the rotation.
            lines = self._drain()
            self.close()
            self._open()
            lines += self._drain()
        return lines

    def inode(self) -> int | None:
        """Of the file that is open."""
        return os.fstat(self._file.fileno()).st_ino if self._file is not None else None

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> bool:
        try:
            self._file = self._path.open("rb")
        except FileNotFoundError:
            return False
        return True

    def _drain(self) -> list[bytes]:
        if self._file is None:
            return []
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        return lines

    def _is_rotated(self) -> bool:
        assert self._file is not None
        try:
            return self._path.stat().st_ino != os.fstat(self._file.fileno()).st_ino
        except FileNotFoundError:
            return False


class Presentation:
    """Turns log entries into what is shown of them."""

    def __init__(self, since: datetime | None, *, with_timestamps: bool) -> None:
        self._since = since
        self._with_timestamps = with_timestamps

    def lines(self, entries: Iterable[bytes]) -> Iterator[bytes]:
        for entry in entries:
            time, _, rest = entry.partition(b" ")
            _, _, rest = rest.partition(b" ")
            tag, _, text = rest.partition(b" ")
            if not tag or (self._since is not None and parse_time(time) < self._since):
                continue
            if self._with_timestamps:
                text = time + b" " + text
            yield text if tag.startswith(b"P") else text + b"\n"


def parse_time(text: bytes) -> datetime:
    """RFC 3339 with up to nine decimals, UTC, to the microsecond; the epoch for anything else."""
    seconds, _, fraction = text.decode(errors="replace").rstrip("Z").partition(".")
    try:
        whole = datetime.fromisoformat(seconds)
        micros = int(fraction[:6].ljust(6, "0"))
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
    return whole.replace(tzinfo=UTC, microsecond=micros)


def _read_files(paths: PodPaths, key: ContainerKey, tail: Tail) -> tuple[list[bytes], list[bytes]]:
    """Entries of rotated files, oldest first, and of the newest file.

    The files may be rotated meanwhile. Each moves up by one, and the look goes the same way from
    the newest on, so it meets every file, some twice; a place in between may be empty for a
    moment."""
    newest = tail.read_lines()
    older: list[bytes] = []
    seen = {tail.inode()}
    for age in range(1, KEPT_FILES):
        try:
            file = paths.rotated_log(key, age).open("rb")
        except FileNotFoundError:
            continue
        with file:
            inode = os.fstat(file.fileno()).st_ino
            if inode not in seen:
                seen.add(inode)
                older = file.read().split(b"\n")[:-1] + older
    return older, newest


def _pieces(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines together, in pieces of a good size to send."""
    piece = bytearray()
    for line in lines:
        piece += line
        if len(piece) >= _PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)
