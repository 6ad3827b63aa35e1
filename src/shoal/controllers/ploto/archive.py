"""Where finished tasks go before they are removed."""

import asyncio
import os
from pathlib import Path
from typing import Protocol

import msgspec

from shoal.api.resource import JsonObject


class ArchiveSink(Protocol):
    """Where tasks are kept for good."""

    async def append(self, task: JsonObject) -> None:
        """Keep the task for good; raises OSError. A task may come twice: its uid tells."""
        ...


class FileArchive:
    """A JSON document a line, appended to one file. What was appended survives a power cut: the
    task that it is a copy of is removed next."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def append(self, task: JsonObject) -> None:
        line = msgspec.json.encode(task) + b"\n"
        await asyncio.to_thread(self._write, line)

    def _write(self, line: bytes) -> None:
        with self._path.open("ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
