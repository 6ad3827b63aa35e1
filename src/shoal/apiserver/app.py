"""The ASGI application: bytes of HTTP to requests, and responses back.

It reads bodies up to a limit, asks who the sender is, and sends streams until they end or the
client goes. No framework: an API server's paths are data, and this is the hot path.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from shoal.api.status import ApiError, internal_error, request_too_large, unauthorized
from shoal.apiserver.auth import Authenticator
from shoal.apiserver.endpoints import PUBLIC_PATHS
from shoal.apiserver.exchange import ADMIN, Endpoint, Request, Response, refusal
from shoal.base.supervision import contained

MAX_BODY_BYTES = 3 * 1024 * 1024

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_READ_HEADERS = {
    b"accept": "accept",
    b"authorization": "authorization",
    b"content-type": "content-type",
    b"if-none-match": "if-none-match",
}


class _ClientGone(Exception):
    """the client hung up before its request was read"""


class AsgiApp:
    def __init__(self, endpoints: Endpoint, authenticator: Authenticator) -> None:
        self._endpoints = endpoints
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            request = await self._read(scope, receive)
        except _ClientGone:
            return
        except ApiError as error:
            await _send_whole(refusal(error), send)
            return
        what = f"{request.method} {request.path}"
        response = await contained(what, self._endpoints.answer(request))
        if response is None:
            response = refusal(internal_error("the server's log says why"))
        if response.stream is None:
            await _send_whole(response, send)
        else:
            await contained(what, _send_stream(response, response.stream, receive, send))

    async def _read(self, scope: Scope, receive: Receive) -> Request:
        """Raises ApiError for a sender that is unknown, or says too much."""
        headers = {
            _READ_HEADERS[name]: value.decode("latin-1")
            for name, value in scope["headers"]
            if name in _READ_HEADERS
        }
        path: str = scope["path"]
        user = self._authenticator.user_of(headers.get("authorization", ""))
        if user is None and path not in PUBLIC_PATHS:
            raise unauthorized()
        body = await _read_body(receive)
        query = scope["query_string"].decode("latin-1")
        return Request(scope["method"], path, query, headers, body, user or ADMIN)


async def _read_body(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _ClientGone
        piece: bytes = message.get("body", b"")
        size_bytes += len(piece)
        if size_bytes > MAX_BODY_BYTES:
            raise request_too_large(MAX_BODY_BYTES)
        pieces.append(piece)
        if not message.get("more_body"):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _start(response: Response, *more: tuple[bytes, bytes]) -> Message:
    headers = [(b"content-type", response.content_type.encode()), *more]
    headers += [(name.encode(), value.encode("latin-1")) for name, value in response.headers]
    return {"type": "http.response.start", "status": response.status, "headers": headers}


async def _send_whole(response: Response, send: Send) -> None:
    length = (b"content-length", str(len(response.body)).encode())
    await send(_start(response, length))
    await send({"type": "http.response.body", "body": response.body})


async def _send_stream(
    response: Response, stream: AsyncIterator[bytes], receive: Receive, send: Send
) -> None:
    await send(_start(response))
    sending = asyncio.create_task(_send_pieces(stream, send))
    leaving = asyncio.create_task(_wait_for_leave(receive))
    try:
        await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not sending.done():
            sending.cancel()
    # A stream that failed says so here; one whose client has gone was only cancelled.
    await asyncio.wait((sending,))
    if not sending.cancelled():
        sending.result()


async def _send_pieces(stream: AsyncIterator[bytes], send: Send) -> None:
    async for piece in stream:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _wait_for_leave(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
