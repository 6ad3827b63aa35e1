"""Runs the API server under uvicorn, inside the event loop of whoever starts it.

server = ApiServer(core, endpoints, authenticator, files, host="127.0.0.1", port=0)
await server.start()      # server.url answers from here on
await server.stop()       # ends open watches and logs, then connections
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Generator, Iterator, Sequence

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shoal.apiserver.app import AsgiApp
from shoal.apiserver.auth import Authenticator
from shoal.apiserver.certificates import ServingFiles
from shoal.apiserver.core import Core
from shoal.apiserver.exchange import Endpoint

_log = logging.getLogger(__name__)

_BACKLOG = 512
_KEEP_ALIVE_S = 75
_SHUTDOWN_S = 5


class _HttpProtocol(HttpToolsProtocol):
    """Who asks for a websocket or SPDY (`kubectl exec`) is refused by the answer to the request;
    uvicorn's advice to install a library for it is no business of whoever reads the log."""

    def _unsupported_upgrade_warning(self) -> None:
        pass


class _Uvicorn(uvicorn.Server):
    """A uvicorn that leaves signals to the process, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


class ApiServer:
    def __init__(
        self,
        core: Core,
        endpoints: Endpoint,
        authenticator: Authenticator,
        files: ServingFiles,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        more: Sequence[tuple[str, int]] = (),
    ) -> None:
        """`port` 0 takes a free one. `more` are addresses and ports to listen on as well, where
        that is allowed; their port 0 is the one of `host`."""
        self._core = core
        self._app = AsgiApp(endpoints, authenticator)
        self._files = files
        self._host = host
        self._port = port
        self._more = more
        self._uvicorn: _Uvicorn | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"https://{self._host}:{self._port}"

    async def start(self) -> None:
        """Returns when the server answers. Raises OSError where the address cannot be had."""
        listener = socket.create_server((self._host, self._port), backlog=_BACKLOG)
        self._port = listener.getsockname()[1]
        self._uvicorn = _Uvicorn(self._config())
        sockets = [listener, *self._listen_elsewhere()]
        self._serving = asyncio.create_task(self._uvicorn.serve(sockets=sockets))
        await self._uvicorn.listening.wait()

    def _listen_elsewhere(self) -> Iterator[socket.socket]:
        for host, port in self._more:
            try:
                yield socket.create_server((host, port or self._port), backlog=_BACKLOG)
            except OSError as error:
                _log.info("not reachable at %s:%s: %s", host, port or self._port, error.strerror)

    async def stop(self) -> None:
        """Ends streams first: uvicorn waits for the responses that are under way."""
        if self._uvicorn is None or self._serving is None:
            return
        self._core.streams.close()
        self._uvicorn.should_exit = True
        await self._serving
        self._uvicorn = self._serving = None

    def _config(self) -> uvicorn.Config:
        return uvicorn.Config(
            self._app,
            http=_HttpProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ssl_certfile=str(self._files.certificate),
            ssl_keyfile=str(self._files.key),
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_SHUTDOWN_S,
        )
