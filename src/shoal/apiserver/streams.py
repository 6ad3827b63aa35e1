"""The streams that are open, so that a stopping server can end them.

An HTTP server waits for its responses; a watch or a followed log would keep it waiting for ever.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol


class Closable(Protocol):
    """A stream that can be ended by somebody else."""

    def close(self) -> None: ...


class OpenStreams:
    """All that are open, to be ended together."""

    def __init__(self) -> None:
        self._open: set[Closable] = set()
        self._is_closed = False

    @property
    def count(self) -> int:
        return len(self._open)

    def add(self, stream: Closable) -> None:
        """A stream that comes after `close` is closed at once."""
        if self._is_closed:
            stream.close()
        else:
            self._open.add(stream)

    def remove(self, stream: Closable) -> None:
        self._open.discard(stream)

    def close(self) -> None:
        self._is_closed = True
        for stream in tuple(self._open):
            stream.close()
        self._open.clear()


class _Stop:
    def __init__(self) -> None:
        self.asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def close(self) -> None:
        if not self.asked.done():
            self.asked.set_result(None)


async def until_closed(streams: OpenStreams, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """`pieces`, up to their end or that of the server."""
    stop = _Stop()
    streams.add(stop)
    upcoming: asyncio.Future[bytes] | None = None
    try:
        while True:
            upcoming = asyncio.ensure_future(anext(pieces))
            await asyncio.wait((upcoming, stop.asked), return_when=asyncio.FIRST_COMPLETED)
            if not upcoming.done():
                return
            try:
                piece = upcoming.result()
            except StopAsyncIteration:
                return
            yield piece
    finally:
        streams.remove(stop)
        if upcoming is not None and not upcoming.done():
            upcoming.cancel()
