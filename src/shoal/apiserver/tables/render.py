"""Objects to a meta/v1 Table, for clients that accept `as=Table;v=v1;g=meta.k8s.io`."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from shoal.api.resource import JsonObject
from shoal.apiserver.served import Table

_GROUP_VERSION = "meta.k8s.io/v1"


class IncludeObject(StrEnum):
    """Of the query parameter `includeObject`: what a row holds beside its cells."""

    NONE = "None"
    METADATA = "Metadata"
    OBJECT = "Object"


def render_table(
    table: Table,
    objects: Iterable[JsonObject],
    *,
    metadata: JsonObject,
    now: datetime,
    include_object: IncludeObject = IncludeObject.METADATA,
    no_headers: bool = False,
) -> JsonObject:
    """`metadata` is the list's or the one object's: its resourceVersion and continue token.

    A watch sends a table of one row for each event, and the headers only with the first.
    """
    rendered: JsonObject = {"kind": "Table", "apiVersion": _GROUP_VERSION, "metadata": metadata}
    rendered["columnDefinitions"] = None if no_headers else _definitions(table)
    rendered["rows"] = [
        {"cells": table.cells(obj, now), "object": _row_object(obj, include_object)}
        for obj in objects
    ]
    return rendered


def _definitions(table: Table) -> list[JsonObject]:
    return [
        {
            "name": column.name,
            "type": column.type,
            "format": column.format,
            "description": column.description,
            "priority": column.priority,
        }
        for column in table.columns
    ]


def _row_object(obj: JsonObject, include_object: IncludeObject) -> JsonObject | None:
    match include_object:
        case IncludeObject.NONE:
            return None
        case IncludeObject.OBJECT:
            return obj
        case IncludeObject.METADATA:
            return {
                "kind": "PartialObjectMetadata",
                "apiVersion": _GROUP_VERSION,
                "metadata": obj["metadata"],
            }
