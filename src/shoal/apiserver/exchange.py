"""One HTTP request and its response, as values: what endpoints work with.

The ASGI application makes requests from what uvicorn gives it and sends the responses; the local
client makes them for raw paths.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec
import orjson

from shoal.api.status import ApiError

JSON = "application/json"


class User(msgspec.Struct, frozen=True):
    """Who asks."""

    name: str
    uid: str = ""
    groups: tuple[str, ...] = ()


ADMIN = User("shoal-admin", groups=("system:masters", "system:authenticated"))


class Request(msgspec.Struct, frozen=True):
    """What came in, with who sent it."""

    method: str
    path: str
    query_string: str = ""
    headers: Mapping[str, str] = {}
    """Names in lower case."""
    body: bytes = b""
    user: User = ADMIN

    @property
    def accept(self) -> str:
        return self.headers.get("accept", "")

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def query(self) -> dict[str, str]:
        """The first value of each parameter."""
        if not self.query_string:
            return {}
        parsed = parse_qs(self.query_string, keep_blank_values=True)
        return {name: values[0] for name, values in parsed.items()}


class Response(msgspec.Struct, frozen=True):
    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    stream: AsyncIterator[bytes] | None = None
    """Pieces to send as they come, in place of a body."""


class Endpoint(Protocol):
    """What answers requests: the whole server, or a part of it."""

    async def answer(self, request: Request) -> Response:
        """Never raises ApiError: refusals are answers too."""
        ...


def json_response(obj: Any, status: int = 200) -> Response:
    return Response(status, orjson.dumps(obj))


def refusal(error: ApiError) -> Response:
    headers: tuple[tuple[str, str], ...] = ()
    retry_after_s = error.details.get("retryAfterSeconds")
    if retry_after_s:
        headers = (("Retry-After", str(retry_after_s)),)
    return Response(error.code, orjson.dumps(error.to_status()), headers=headers)
