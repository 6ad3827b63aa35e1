"""/openapi/v2 and /openapi/v3.

A document is fetched by its hash and marked as never changing, so that a client that keeps files
asks once; kubectl would otherwise fetch it anew for each apply.
"""

from collections.abc import Callable, Sequence

from shoal.api.status import ApiError
from shoal.apiserver.accept import parse_accept
from shoal.apiserver.exchange import Request, Response, json_response
from shoal.apiserver.openapi.documents import (
    document_hash,
    group_versions,
    openapi_v2_document,
    openapi_v3_document,
    openapi_v3_index,
)
from shoal.apiserver.served import Served

_YEAR_S = 365 * 24 * 3600

V2_PROTOBUF_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
EMPTY_V2_PROTOBUF = b"\n\x032.0\x12\x0e\n\x05Shoal\x12\x05v1.36B\x00J\x00"
"""A gnostic `openapi.v2.Document` with swagger, info, no paths and no definitions.

kubectl reads nothing but this form before it applies a `v1 List`. Without definitions it checks
nothing by itself and leaves that to the server, where it belongs."""


class OpenApiEndpoint:
    """Answers from what is served when asked."""

    def __init__(self, served: Callable[[], Sequence[Served]]) -> None:
        self._served = served

    def answer(self, request: Request, parts: Sequence[str]) -> Response | None:
        """`parts` are the path's segments after `openapi`. None: no such document."""
        match parts:
            case ["v3"]:
                return json_response(openapi_v3_index(self._served()))
            case ["v3", *rest]:
                return self._v3(request, "/".join(rest))
            case ["v2"]:
                return self._v2(request)
            case _:
                return None

    def _v3(self, request: Request, path: str) -> Response | None:
        kinds = group_versions(self._served()).get(path)
        if kinds is None:
            return None
        current = document_hash(kinds)
        headers = _cache_headers(current, is_immutable=request.query().get("hash") == current)
        if request.headers.get("if-none-match") == f'"{current}"':
            return Response(304, headers=headers)
        made = json_response(openapi_v3_document(kinds))
        return Response(body=made.body, headers=headers)

    def _v2(self, request: Request) -> Response:
        types = parse_accept(request.accept)
        if types and not any(entry.type in ("application/json", "*/*") for entry in types):
            if not any("proto-openapi.spec.v2" in entry.type for entry in types):
                raise ApiError(406, "NotAcceptable", "only application/json is served")
            return Response(body=EMPTY_V2_PROTOBUF, content_type=V2_PROTOBUF_TYPE)
        served = self._served()
        current = document_hash(served)
        headers = _cache_headers(current, is_immutable=False)
        if request.headers.get("if-none-match") == f'"{current}"':
            return Response(304, headers=headers)
        return Response(body=json_response(openapi_v2_document(served)).body, headers=headers)


def _cache_headers(current: str, *, is_immutable: bool) -> tuple[tuple[str, str], ...]:
    control = f"public, immutable, max-age={_YEAR_S}" if is_immutable else "no-cache, private"
    return (("ETag", f'"{current}"'), ("Vary", "Accept"), ("Cache-Control", control))
