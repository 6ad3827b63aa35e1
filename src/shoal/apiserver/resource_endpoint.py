"""HTTP to verbs: which verb a method and a path mean, and how its result is sent."""

from shoal.api.resource import JsonObject
from shoal.api.status import bad_request, method_not_allowed
from shoal.apiserver import query as reading_query
from shoal.apiserver.accept import check_acceptable, wants_table
from shoal.apiserver.content import read_object, read_options, read_patch
from shoal.apiserver.core import Core
from shoal.apiserver.creating import create
from shoal.apiserver.deleting import delete, delete_collection
from shoal.apiserver.encoding import list_body, load, present
from shoal.apiserver.exchange import Request, Response, json_response
from shoal.apiserver.patching import patch
from shoal.apiserver.query import Query
from shoal.apiserver.reading import get, get_entry, list_objects, list_values
from shoal.apiserver.requests import Target, Written
from shoal.apiserver.subresources.actions import call_subresource
from shoal.apiserver.subresources.logs import open_log
from shoal.apiserver.subresources.scale import get_scale, patch_scale, replace_scale
from shoal.apiserver.tables.render import IncludeObject, render_table
from shoal.apiserver.updating import replace
from shoal.apiserver.watch_lines import object_lines, table_lines
from shoal.apiserver.watching import ObjectWatch

_ACTIONS = {"binding", "eviction", "token"}


class ResourceEndpoint:
    def __init__(self, core: Core) -> None:
        self._core = core

    async def answer(self, request: Request, target: Target) -> Response:
        """Raises ApiError."""
        check_acceptable(request.accept)
        query = request.query()
        if target.subresource == "log":
            return self._log(request, target, query)
        if target.subresource in _ACTIONS:
            return await self._call(request, target, query)
        if target.name:
            return await self._answer_object(request, target, query)
        return await self._answer_collection(request, target, query)

    async def _answer_collection(self, request: Request, target: Target, query: Query) -> Response:
        match request.method:
            case "GET" if reading_query.is_true(query, "watch"):
                return self._watch(request, target, query)
            case "GET":
                return self._list(request, target, query)
            case "POST" if target.namespace or not target.served.resource.namespaced:
                options = reading_query.write_options(query, "CreateOptions")
                body = read_object(request)
                return _written(await create(self._core, target, body, options))
            case "DELETE" if target.namespace or not target.served.resource.namespaced:
                return await self._delete_collection(request, target, query)
            case _:
                raise method_not_allowed()

    async def _answer_object(self, request: Request, target: Target, query: Query) -> Response:
        is_scale = target.subresource == "scale"
        match request.method:
            case "GET" if target.subresource != "finalize":
                return self._get(request, target, query)
            case "PUT":
                options = reading_query.write_options(query, "UpdateOptions")
                verb = replace_scale if is_scale else replace
                return _written(await verb(self._core, target, read_object(request), options))
            case "PATCH" if target.subresource != "finalize":
                options = reading_query.write_options(query, "PatchOptions")
                patch_type, body = read_patch(request)
                patch_verb = patch_scale if is_scale else patch
                return _written(await patch_verb(self._core, target, patch_type, body, options))
            case "DELETE" if not target.subresource:
                return await self._delete(request, target, query)
            case _:
                raise method_not_allowed()

    def _get(self, request: Request, target: Target, query: Query) -> Response:
        if target.subresource == "scale":
            return Response(body=get_scale(self._core, target))
        if not wants_table(request.accept):
            return Response(body=get(self._core, target))
        obj = load(target.served, get_entry(self._core, target).value)
        metadata = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        return self._table(target, query, [obj], metadata)

    def _list(self, request: Request, target: Target, query: Query) -> Response:
        options = reading_query.list_options(target.served, query)
        if not wants_table(request.accept):
            return Response(body=list_objects(self._core, target, options))
        listed = list_values(self._core, target, options)
        objects = [load(target.served, value) for value in listed.values]
        return self._table(target, query, objects, listed.metadata)

    def _table(
        self, target: Target, query: Query, objects: list[JsonObject], metadata: JsonObject
    ) -> Response:
        table = render_table(
            target.served.table,
            objects,
            metadata=metadata,
            now=self._core.clock.now(),
            include_object=_include_object(query),
        )
        return json_response(table)

    def _watch(self, request: Request, target: Target, query: Query) -> Response:
        options = reading_query.watch_options(target, query)
        watch = ObjectWatch(self._core, target, options)
        if wants_table(request.accept):
            include = _include_object(query)
            return Response(stream=table_lines(self._core, target.served, watch, include))
        return Response(stream=object_lines(target.served, watch))

    async def _delete(self, request: Request, target: Target, query: Query) -> Response:
        deletion = reading_query.deletion(query, read_options(request))
        deleted = await delete(self._core, target, deletion)
        if not deleted.is_gone:
            return Response(body=present(target.served, deleted.value))
        resource = target.served.resource
        details: JsonObject = {"name": target.name, "kind": resource.plural, "uid": deleted.uid}
        if resource.group:
            details["group"] = resource.group
        status: JsonObject = {"kind": "Status", "apiVersion": "v1", "metadata": {}}
        return json_response(status | {"status": "Success", "details": details})

    async def _delete_collection(self, request: Request, target: Target, query: Query) -> Response:
        deletion = reading_query.deletion(query, read_options(request))
        selection = reading_query.selection(target.served, query)
        values = await delete_collection(self._core, target, selection, deletion)
        metadata = {"resourceVersion": str(self._core.store.revision)}
        return Response(body=list_body(target.served, values, metadata))

    async def _call(self, request: Request, target: Target, query: Query) -> Response:
        if request.method != "POST":
            raise method_not_allowed()
        body = read_object(request)
        options = reading_query.write_options(query, "CreateOptions")
        is_dry_run = options.dry_run or bool(body.get("dryRun"))
        answer = await call_subresource(self._core, target, body, dry_run=is_dry_run)
        return json_response(answer, 201)

    def _log(self, request: Request, target: Target, query: Query) -> Response:
        if request.method != "GET":
            raise method_not_allowed()
        stream = open_log(self._core, target, reading_query.log_options(query))
        return Response(content_type="text/plain", stream=stream)


def _include_object(query: Query) -> IncludeObject:
    wanted = query.get("includeObject") or IncludeObject.METADATA
    if wanted not in set(IncludeObject):
        raise bad_request(f'unrecognized includeObject value: "{wanted}"')
    return IncludeObject(wanted)


def _written(written: Written) -> Response:
    headers = tuple(("Warning", f"299 - {_quoted(text)}") for text in written.warnings)
    return Response(201 if written.is_new else 200, written.value, headers=headers)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
