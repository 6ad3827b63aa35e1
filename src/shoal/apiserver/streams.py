"""The streams that are open, so that a stopping server can end them.

An HTTP server waits for its responses; a watch or a followed log would keep it waiting for ever.
"""

from typing import Protocol


class Closable(Protocol):
    def close(self) -> None: ...


class OpenStreams:
    def __init__(self) -> None:
        self._open: set[Closable] = set()
        self._is_closed = False

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
