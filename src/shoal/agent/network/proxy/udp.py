"""UDP: a listener, and for each client a socket to its target through which answers come back."""

import asyncio

from shoal.agent.network.proxy.balancing import Balancer
from shoal.agent.network.proxy.wire import Target

_IDLE_S = 60.0
"""A client that is silent for that long is forgotten."""
_MAX_WAITING = 64
"""Datagrams of a client whose socket is not there yet."""

Client = tuple[str, int]


class _Session(asyncio.DatagramProtocol):
    """What comes back for one client."""

    def __init__(self, listener: asyncio.DatagramTransport, client: Client, target: Target) -> None:
        self._listener = listener
        self._client = client
        self.target = target
        self._is_closed = False
        self._transport: asyncio.DatagramTransport | None = None
        self._waiting: list[bytes] = []
        self.last_used_s = 0.0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport
        for data in self._waiting:
            transport.sendto(data)
        self._waiting.clear()
        if self._is_closed:
            transport.close()

    def send(self, data: bytes, now_s: float) -> None:
        self.last_used_s = now_s
        if self._transport is not None:
            self._transport.sendto(data)
        elif len(self._waiting) < _MAX_WAITING:
            self._waiting.append(data)

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.last_used_s = asyncio.get_running_loop().time()
        self._listener.sendto(data, self._client)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there: datagrams may be lost."""

    def close(self) -> None:
        self._is_closed = True
        if self._transport is not None:
            self._transport.close()


class UdpListener(asyncio.DatagramProtocol):
    def __init__(self, balancer: Balancer) -> None:
        self._balancer = balancer
        self._sessions: dict[Client, _Session] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport
        self._forget_idle()

    def datagram_received(self, data: bytes, addr: Client) -> None:
        assert self._transport is not None
        now_s = asyncio.get_running_loop().time()
        session = self._sessions.get(addr)
        if session is not None and not self._balancer.has(session.target):
            # A client that never pauses would else talk to a pod that has gone for ever.
            self._sessions.pop(addr).close()
            session = None
        if session is None:
            targets = self._balancer.targets(addr[0], now_s)
            if not targets:
                return
            self._balancer.chosen(addr[0], targets[0], now_s)
            session = self._sessions[addr] = _Session(self._transport, addr, targets[0])
            task = asyncio.create_task(self._open(addr, session))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        session.send(data, now_s)

    def error_received(self, exc: Exception) -> None:
        """A client is gone: its session will be idle."""

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()

    async def _open(self, client: Client, session: _Session) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_datagram_endpoint(lambda: session, remote_addr=session.target)
        except OSError:
            # There are too many, or no way there: the client's next datagram tries again.
            if self._sessions.get(client) is session:
                del self._sessions[client]

    def _forget_idle(self) -> None:
        loop = asyncio.get_running_loop()
        limit_s = loop.time() - _IDLE_S
        for client, session in list(self._sessions.items()):
            if session.last_used_s < limit_s:
                self._sessions.pop(client).close()
        if self._transport is not None and not self._transport.is_closing():
            loop.call_later(_IDLE_S / 4, self._forget_idle)


async def listen_udp(address: str, port: int, balancer: Balancer) -> UdpListener:
    """Raises OSError where the machine refuses the address or port."""
    loop = asyncio.get_running_loop()
    _, listener = await loop.create_datagram_endpoint(
        lambda: UdpListener(balancer), local_addr=(address, port)
    )
    return listener
