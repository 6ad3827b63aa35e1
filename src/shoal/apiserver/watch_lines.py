"""A watch on the wire: one JSON document a line, everything that waits in one piece."""

from collections.abc import AsyncIterator

import orjson

from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.apiserver.core import Core
from shoal.apiserver.encoding import load, present
from shoal.apiserver.served import Served
from shoal.apiserver.tables.render import IncludeObject, render_table
from shoal.apiserver.watching import Change, ObjectWatch

_INITIAL_END = {"k8s.io/initial-events-end": "true"}


async def object_lines(served: Served, watch: ObjectWatch) -> AsyncIterator[bytes]:
    """The stored bytes themselves, with no decoding between store and socket."""
    try:
        async for batch in watch.batches():
            yield b"".join([_object_line(served, change) for change in batch])
    except ApiError as error:
        yield _error_line(error)


async def table_lines(
    core: Core, served: Served, watch: ObjectWatch, include: IncludeObject
) -> AsyncIterator[bytes]:
    """A table of one row for each event; the columns only with the first."""
    has_headers = True
    try:
        async for batch in watch.batches():
            lines: list[bytes] = []
            for change in batch:
                lines.append(_table_line(core, served, change, include, not has_headers))
                has_headers = has_headers and not change.value
            yield b"".join(lines)
    except ApiError as error:
        yield _error_line(error)


def _object_line(served: Served, change: Change) -> bytes:
    value = present(served, change.value) if change.value else _bookmark(served, change)
    return b'{"type":"%b","object":%b}\n' % (change.type.value.encode(), value)


def _bookmark(served: Served, change: Change) -> bytes:
    resource = served.resource
    return orjson.dumps(
        {
            "kind": resource.kind,
            "apiVersion": resource.api_version,
            "metadata": _bookmark_metadata(change),
        }
    )


def _bookmark_metadata(change: Change) -> JsonObject:
    metadata: JsonObject = {"resourceVersion": str(change.revision)}
    if change.is_initial_end:
        metadata["annotations"] = _INITIAL_END
    return metadata


def _table_line(
    core: Core, served: Served, change: Change, include: IncludeObject, no_headers: bool
) -> bytes:
    if change.value:
        obj = load(served, change.value)
        metadata: JsonObject = {"resourceVersion": str(change.revision)}
    else:
        # A bookmark's row carries its annotations, which say that the initial events are over.
        obj, metadata = {"metadata": _bookmark_metadata(change)}, _bookmark_metadata(change)
    table = render_table(
        served.table,
        [obj],
        metadata=metadata,
        now=core.clock.now(),
        include_object=include,
        no_headers=no_headers,
    )
    return orjson.dumps({"type": change.type.value, "object": table}) + b"\n"


def _error_line(error: ApiError) -> bytes:
    line = {"type": "ERROR", "object": error.to_status()}
    return orjson.dumps(line) + b"\n"
