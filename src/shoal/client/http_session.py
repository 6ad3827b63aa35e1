"""HTTP requests to anything but an API server: one shared session, opened on first need.

aiohttp takes longer to import than any other library here, as it reads the machine's certificate
authorities meanwhile; a control plane that probes nothing over HTTP and asks no webhook starts
without it.
"""

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from aiohttp import ClientSession


class HttpSession:
    """To be used in an `async with` block."""

    def __init__(self) -> None:
        self._session: ClientSession | None = None

    def open(self) -> "ClientSession":
        """The same session each time."""
        if self._session is None:
            from aiohttp import ClientSession

            self._session = ClientSession()
        return self._session

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
