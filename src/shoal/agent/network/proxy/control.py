"""Whom the proxy listens to: one control plane at a time, the one that came last.

A control plane that goes away changes nothing: what it said last holds until another one comes.
"""

import asyncio
import socket
from pathlib import Path

import msgspec

from shoal.agent.network.proxy.listeners import Listeners
from shoal.agent.network.proxy.wire import (
    MAX_LINE_BYTES,
    PROTOCOL,
    ForwardTable,
    Instruction,
    ProxyHello,
    ProxyRefusal,
)

LOOK_S = 5.0
_PATIENCE_S = 60.0
"""Without anything to do; whoever starts a proxy says at once what for."""


class Control:
    def __init__(
        self, listeners: Listeners, door: socket.socket, path: Path, *, look_s: float = LOOK_S
    ) -> None:
        """Control planes come to `door`, which they know as `path`: whether that is still there is
        looked at every `look_s`."""
        self._look_s = look_s
        self._listeners = listeners
        self._door = door
        self._path = path
        self._current: asyncio.StreamWriter | None = None
        self._has_table = False

    async def run(self) -> None:
        """Returns when nobody can come any more, because the socket went with its data folder or
        in favour of another, or when nobody came at all."""
        own = self._path.stat().st_ino
        began_s = asyncio.get_running_loop().time()
        server = await asyncio.start_unix_server(self._hear, sock=self._door, limit=MAX_LINE_BYTES)
        async with server:
            while self._current is not None or self._is_wanted(own, began_s):
                await asyncio.sleep(self._look_s)

    def _is_wanted(self, own: int, began_s: float) -> bool:
        if not self._has_table:
            return asyncio.get_running_loop().time() - began_s < _PATIENCE_S
        try:
            return self._path.stat().st_ino == own
        except FileNotFoundError:
            return False

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _say(writer, ProxyHello(PROTOCOL))
        try:
            # Who says nothing only looks who is here.
            if (line := await _next_line(reader)) is not None:
                await self._obey(reader, writer, msgspec.json.decode(line, type=ForwardTable))
        finally:
            writer.close()
            if self._current is writer:
                self._current = None

    async def _obey(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, table: ForwardTable
    ) -> None:
        if self._current is not None:
            self._current.close()
        self._current = writer
        self._has_table = True
        for refusal in await self._listeners.follow_table(table):
            _say(writer, refusal)
        while (line := await _next_line(reader)) is not None and self._current is writer:
            instruction = msgspec.json.decode(line, type=Instruction)
            if (refusal := await self._listeners.follow(instruction)) is not None:
                _say(writer, refusal)


async def _next_line(reader: asyncio.StreamReader) -> bytes | None:
    """None where there will be none: a control plane that is killed may leave half a line."""
    try:
        line = await reader.readline()
    except ConnectionError:
        return None
    return line if line.endswith(b"\n") else None


def _say(writer: asyncio.StreamWriter, message: ProxyHello | ProxyRefusal) -> None:
    writer.write(msgspec.json.encode(message) + b"\n")
