"""All paths of the server: the resources, and what describes the server itself."""

from collections.abc import Sequence

from shoal.api.status import ApiError, bad_request, method_not_allowed
from shoal.apiserver.content import read_object
from shoal.apiserver.core import METRICS_TYPE, Core, MetricsSource
from shoal.apiserver.discovery import Discovery
from shoal.apiserver.exchange import Request, Response, json_response, refusal
from shoal.apiserver.openapi.endpoint import OpenApiEndpoint
from shoal.apiserver.requests import Target
from shoal.apiserver.resource_endpoint import ResourceEndpoint
from shoal.apiserver.reviews import REVIEWS, answer_review
from shoal.apiserver.routing import (
    ResourcePath,
    find_target,
    not_served,
    parse_path,
    unknown_path,
)
from shoal.apiserver.version import version_info

PUBLIC_PATHS = frozenset({"/version", "/healthz", "/livez", "/readyz"})
_ROOT_PATHS = (
    "/api",
    "/apis",
    "/healthz",
    "/livez",
    "/metrics",
    "/openapi/v2",
    "/openapi/v3",
    "/readyz",
)


class ApiEndpoints:
    """Implements `exchange.Endpoint`."""

    def __init__(self, core: Core, metrics: MetricsSource) -> None:
        self._core = core
        self._metrics = metrics
        self._resources = ResourceEndpoint(core)
        self._discovery = Discovery(core)
        self._openapi = OpenApiEndpoint(core.registry.all)

    async def answer(self, request: Request) -> Response:
        try:
            return await self._answer(request)
        except ApiError as error:
            return refusal(error)

    async def _answer(self, request: Request) -> Response:
        parts = [part for part in request.path.split("/") if part]
        match parts:
            case ["api" | "apis", *_]:
                return await self._answer_api(request, parts)
            case ["openapi", *rest]:
                return _found(request, self._openapi.answer(request, rest))
            case []:
                return json_response({"paths": [*_ROOT_PATHS, "/version"]})
            case ["version"]:
                return json_response(version_info())
            case ["metrics"]:
                rendered = Response(body=self._metrics.render(), content_type=METRICS_TYPE)
                return _found(request, rendered)
            case ["healthz" | "livez" | "readyz", *_]:
                return Response(body=b"ok", content_type="text/plain; charset=utf-8")
            case _:
                raise unknown_path()

    async def _answer_api(self, request: Request, parts: Sequence[str]) -> Response:
        path = parse_path(list(parts))
        if path is None:
            return _found(request, self._discovery.answer(request, parts))
        target = find_target(self._core.registry, path)
        if target is not None:
            answer = self._resources.answer(request, target)
            return await self._core.requests.counted(request, target, answer)
        return await self._answer_virtual(request, path)

    async def _answer_virtual(self, request: Request, path: ResourcePath) -> Response:
        """Resources that take a POST and store nothing of their own."""
        review = REVIEWS.get((path.group, path.plural))
        if review is not None and path.version == "v1" and not path.name:
            if request.method != "POST":
                raise method_not_allowed()
            answer = answer_review(self._core, review, request.user, read_object(request))
            return json_response(answer, 201)
        if (path.group, path.version, path.plural) == ("", "v1", "bindings") and not path.name:
            return await self._bind(request, path)
        raise not_served(path)

    async def _bind(self, request: Request, path: ResourcePath) -> Response:
        """The older form of `pods/NAME/binding`: the name is in the body."""
        pods = self._core.registry.find("", "v1", "pods")
        assert pods is not None
        name = (read_object(request).get("metadata") or {}).get("name")
        if not name:
            raise bad_request("a Binding must name its pod in metadata.name")
        target = Target(pods, path.namespace, name, "binding")
        return await self._resources.answer(request, target)


def _found(request: Request, document: Response | None) -> Response:
    """A document that can only be read."""
    if document is None:
        raise unknown_path()
    if request.method != "GET":
        raise method_not_allowed()
    return document
