"""Printer columns of custom kinds."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shoal.apiserver.tables.custom import custom_table
from shoal.apiserver.tables.jsonpath import JsonPathError, parse_json_path

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
OBJ = {
    "metadata": {
        "name": "x",
        "creationTimestamp": "2026-01-01T11:00:00Z",
        "labels": {"app.kubernetes.io/name": "web"},
    },
    "spec": {
        "count": 3,
        "ratio": 0.5,
        "on": False,
        "items": [{"name": "a", "n": 1}, {"name": "b", "n": 2}],
        "empty": "",
    },
    "status": {
        "conditions": [
            {"type": "Synced", "status": "False"},
            {"type": "Ready", "status": "True"},
        ]
    },
}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (".spec.count", [3]),
        ("$.spec.count", [3]),
        (".spec['count']", [3]),
        ('.spec["count"]', [3]),
        (".metadata.labels.app\\.kubernetes\\.io/name", ["web"]),
        (".metadata.labels['app.kubernetes.io/name']", ["web"]),
        (".spec.items[1].name", ["b"]),
        (".spec.items[-1].name", ["b"]),
        (".spec.items[5].name", []),
        (".spec.items[*].name", ["a", "b"]),
        (".spec.items[0:1].name", ["a"]),
        (".spec.items[1:].name", ["b"]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type == 'Ready')].status", ["True"]),
        (".status.conditions[?(@.type!='Ready')].status", ["False"]),
        (".spec.items[?(@.n>=2)].name", ["b"]),
        (".spec.items[?(@.n>'x')].name", []),
        (".spec.items[?(@.name)].n", [1, 2]),
        (".spec.missing.deeper", []),
        (".spec.count.deeper", []),
        (".spec.items.name", []),
        (".metadata.labels.*", ["web"]),
    ],
)
def test_paths_find_values(path: str, values: list[Any]) -> None:
    assert parse_json_path(path).find(OBJ) == values


@pytest.mark.parametrize(
    "path", ["spec", ".spec[", ".spec[?(@.a=x)]", ".a..b", ".spec[?(@.a==x)]", ".a b"]
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(JsonPathError):
        parse_json_path(path)


@pytest.mark.parametrize(
    ("type", "path", "cell"),
    [
        ("integer", ".spec.count", 3),
        ("integer", ".spec.ratio", 0),
        ("number", ".spec.count", 3.0),
        ("boolean", ".spec.on", False),
        ("boolean", ".spec.count", None),
        ("integer", ".spec.on", None),
        ("integer", ".metadata.name", None),
        ("string", ".metadata.name", "x"),
        ("string", ".spec.count", "3"),
        ("string", ".spec.on", "false"),
        ("string", ".spec.empty", ""),
        ("string", ".spec.items[0]", '{"name":"a","n":1}'),
        ("string", ".spec.items[*].name", "a"),
        ("string", ".spec.missing", None),
        ("date", ".metadata.creationTimestamp", "60m"),
        ("date", ".metadata.name", "<invalid>"),
        ("date", ".spec.empty", "<unknown>"),
        ("date", ".spec.count", None),
    ],
)
def test_cells_have_the_columns_type(type: str, path: str, cell: object) -> None:
    table = custom_table([{"name": "C", "type": type, "jsonPath": path}])
    assert table.cells(OBJ, NOW) == ["x", cell]


def test_columns_keep_what_the_definition_declares() -> None:
    declared = {
        "name": "Ready",
        "type": "string",
        "format": "byte",
        "priority": 1,
        "jsonPath": ".a",
    }
    name, column = custom_table([declared]).columns
    assert (name.name, name.format) == ("Name", "name")
    assert (column.name, column.type, column.format, column.priority) == (
        "Ready",
        "string",
        "byte",
        1,
    )
    assert column.description == "Custom resource definition column (in JSONPath format): .a"


def test_without_columns_name_and_age_are_shown() -> None:
    table = custom_table([])
    assert [column.name for column in table.columns] == ["Name", "Age"]
    assert table.cells(OBJ, NOW) == ["x", "60m"]


def test_a_column_whose_path_cannot_be_read_is_left_out() -> None:
    broken = {"name": "Broken", "type": "string", "jsonPath": ".spec[[["}
    size = {"name": "Count", "type": "integer", "jsonPath": ".spec.count"}
    table = custom_table([broken, size])
    assert [column.name for column in table.columns] == ["Name", "Count"]
    assert table.cells(OBJ, NOW) == ["x", 3]
