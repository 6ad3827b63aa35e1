"""The log file of a container, in the format of the CRI that kubectl's readers expect:

    2016-10-06T00:17:09.669794202Z stdout F the line
    2016-10-06T00:17:09.669794203Z stderr P the first 16 KiB of a longer one

`P` says that the line goes on in the next entry of the same stream. A file that is full is
renamed to `<name>.1`, the older ones move up, the oldest goes. While there is no room for another
file, the one that is full goes on.
"""

import os
import time

MAX_LINE_BYTES = 16 * 1024
MAX_FILE_BYTES = 10 * 1024 * 1024
KEPT_FILES = 5
"""The one being written included, as the kubelet keeps them."""


def entry_time(now_ns: int) -> bytes:
    seconds, nanoseconds = divmod(now_ns, 1_000_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)).encode() + (
        b".%09dZ" % nanoseconds
    )


class StreamEntries:
    """Turns the bytes of one stream into log entries; keeps the line that is not ended yet."""

    def __init__(self, stream: bytes) -> None:
        self._stream = stream
        self._rest = b""

    def feed(self, data: bytes, now_ns: int) -> bytes:
        *lines, rest = (self._rest + data).split(b"\n")
        head = entry_time(now_ns) + b" " + self._stream
        entries = [entry for line in lines for entry in _entries(head, line)]
        while len(rest) >= MAX_LINE_BYTES:
            entries.append(b"%s P %s\n" % (head, rest[:MAX_LINE_BYTES]))
            rest = rest[MAX_LINE_BYTES:]
        self._rest = rest
        return b"".join(entries)

    def finish(self, now_ns: int) -> bytes:
        """The last line, if it had no end."""
        rest, self._rest = self._rest, b""
        if not rest:
            return b""
        return b"%s %s F %s\n" % (entry_time(now_ns), self._stream, rest)


def _entries(head: bytes, line: bytes) -> list[bytes]:
    cuts = [line[at : at + MAX_LINE_BYTES] for at in range(0, len(line), MAX_LINE_BYTES)] or [b""]
    return [b"%s P %s\n" % (head, cut) for cut in cuts[:-1]] + [b"%s F %s\n" % (head, cuts[-1])]


class RotatingLog:
    """An append-only file and its older ones, held by the descriptor of their directory."""

    def __init__(
        self, path: str, max_file_bytes: int = MAX_FILE_BYTES, kept_files: int = KEPT_FILES
    ) -> None:
        directory, self._name = os.path.split(path)
        self._directory_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        self._max_file_bytes = max_file_bytes
        self._kept_files = kept_files
        self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._fd = os.open(self._name, flags, 0o644, dir_fd=self._directory_fd)
        self._size_bytes = os.fstat(self._fd).st_size

    def write(self, entries: bytes) -> None:
        """Append whole entries. What a full disk refuses is lost: the container goes on."""
        if self._size_bytes and self._size_bytes + len(entries) > self._max_file_bytes:
            try:
                self._rotate()
            except OSError:
                # The next entries try again.
                pass
        try:
            self._size_bytes += os.write(self._fd, entries)
        except OSError:
            return

    def _rotate(self) -> None:
        """Raises OSError, mostly before anything has changed: where no file can be made."""
        new = f"{self._name}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        fd = os.open(new, flags, 0o644, dir_fd=self._directory_fd)
        try:
            for age in range(self._kept_files - 1, 1, -1):
                self._rename_if_present(f"{self._name}.{age - 1}", f"{self._name}.{age}")
            self._rename_if_present(self._name, f"{self._name}.1")
            self._rename_if_present(new, self._name)
        except OSError:
            os.close(fd)
            raise
        os.close(self._fd)
        self._fd, self._size_bytes = fd, 0

    def _rename_if_present(self, old: str, new: str) -> None:
        try:
            os.rename(old, new, src_dir_fd=self._directory_fd, dst_dir_fd=self._directory_fd)
        except FileNotFoundError:
            return
