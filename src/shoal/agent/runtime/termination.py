"""The last words of a container, as the kubelet reads them."""

import os
from pathlib import Path

MAX_MESSAGE_BYTES = 4096
_MAX_LOG_BYTES = 2048
_MAX_LOG_LINES = 80


def read_termination_message(
    file: Path, log: Path, exit_code: int, falls_back_to_logs: bool
) -> str:
    """The end of the message file; of the log if that is empty, the container failed and its
    policy is FallbackToLogsOnError."""
    message = _tail(file, MAX_MESSAGE_BYTES)
    if not message and falls_back_to_logs and exit_code != 0:
        # Each entry has some 40 bytes that are not the container's.
        entries = _tail(log, _MAX_LOG_BYTES + 64 * _MAX_LOG_LINES).splitlines()
        lines = b"".join(_content(entry) for entry in entries[-_MAX_LOG_LINES:])
        message = lines[-_MAX_LOG_BYTES:]
    return message.decode(errors="replace")


def _tail(path: Path, size_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size_bytes))
            return file.read(size_bytes)
    except FileNotFoundError:
        return b""


def _content(entry: bytes) -> bytes:
    """What the container wrote. An entry cut at its beginning has fewer fields, and is skipped."""
    fields = entry.split(b" ", 3)
    if len(fields) < 4:
        return b""
    return fields[3] + (b"\n" if fields[2] == b"F" else b"")
