"""TCP: a listener, and pairs of connections that pass on to each other what they get."""

import asyncio
from typing import cast

from shoal.agent.network.proxy.balancing import Balancer

_CONNECT_TIMEOUT_S = 3.0
_BACKLOG = 1024


class _End(asyncio.Protocol):
    """One of two connections. Reads no faster than the other can write."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._other: _End | None = None
        self._has_ended = False
        """No more will come; the other direction goes on."""
        self._early: list[bytes] = []
        """What came before there was another end: uvloop reads once whatever it is told."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's class.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.pause_reading()

    def join(self, other: "_End") -> None:
        """Begin to pass on."""
        self._other = other
        other.transport.writelines(self._early)
        self._early.clear()
        if self._has_ended:
            other.transport.write_eof()
        self.transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._other is None:
            self._early.append(data)
        else:
            self._other.transport.write(data)

    def eof_received(self) -> bool:
        self._has_ended = True
        if self._other is None:
            return True
        if self._other._has_ended:
            self._other.transport.close()
            return False
        if not self._other.transport.is_closing():
            self._other.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        if self._other is not None:
            self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._other is not None and not self._other.transport.is_closing():
            self._other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._other is None:
            return
        if exc is None:
            self._other.transport.close()
        else:
            self._other.transport.abort()


class _Accepted(_End):
    """A client's connection: looks for a target first."""

    def __init__(self, balancer: Balancer, tasks: set[asyncio.Task[None]]) -> None:
        super().__init__()
        self._balancer = balancer
        self._tasks = tasks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        task = asyncio.create_task(self._connect(transport.get_extra_info("peername")[0]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, client: str) -> None:
        loop = asyncio.get_running_loop()
        for target in self._balancer.targets(client, loop.time()):
            try:
                async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                    _, far = await loop.create_connection(_End, *target)
            except OSError:
                # It went a moment ago, or is about to listen: the next may do better.
                continue
            if self.transport.is_closing():
                far.transport.abort()
                return
            self._balancer.chosen(client, target, loop.time())
            far.join(self)
            self.join(far)
            return
        self.transport.abort()


async def listen_tcp(address: str, port: int, balancer: Balancer) -> asyncio.Server:
    """Raises OSError where the machine refuses the address or port. Connections outlive the
    listener."""
    tasks: set[asyncio.Task[None]] = set()
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: _Accepted(balancer, tasks), address, port, backlog=_BACKLOG
    )
