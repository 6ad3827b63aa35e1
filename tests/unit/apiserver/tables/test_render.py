"""Tables on the wire: rows, their objects, headers in watches."""

from datetime import UTC, datetime
from typing import Any

from shoal.apiserver.tables.builtin import builtin_table
from shoal.apiserver.tables.render import IncludeObject, render_table

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
OBJ: dict[str, Any] = {
    "metadata": {"name": "x", "creationTimestamp": "2026-01-01T11:00:00Z"},
    "data": {"a": "1"},
}
TABLE = builtin_table("", "ConfigMap")


def render(**options: Any) -> dict[str, Any]:
    return render_table(TABLE, [OBJ], metadata={"resourceVersion": "7"}, now=NOW, **options)


def test_rows_hold_the_metadata_of_their_objects() -> None:
    table = render()
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert table["metadata"] == {"resourceVersion": "7"}
    assert table["columnDefinitions"][0] == {
        "name": "Name",
        "type": "string",
        "format": "name",
        "description": "Name of the object.",
        "priority": 0,
    }
    assert table["rows"] == [
        {
            "cells": ["x", 1, "60m"],
            "object": {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": OBJ["metadata"],
            },
        }
    ]


def test_rows_may_hold_whole_objects_or_none() -> None:
    assert render(include_object=IncludeObject.OBJECT)["rows"][0]["object"] is OBJ
    assert render(include_object=IncludeObject.NONE)["rows"][0]["object"] is None


def test_later_tables_of_a_watch_come_without_headers() -> None:
    assert render(no_headers=True)["columnDefinitions"] is None
