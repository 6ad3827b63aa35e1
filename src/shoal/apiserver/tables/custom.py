"""Tables of custom kinds, from the `additionalPrinterColumns` of their CRD.

Source of the cells' conversions: Kubernetes v1.36, apiextensions-apiserver, tableconvertor.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from shoal.api.resource import JsonObject
from shoal.apiserver.served import Column
from shoal.apiserver.tables.age import since
from shoal.apiserver.tables.columns import NAME, name_of
from shoal.apiserver.tables.jsonpath import JsonPath, JsonPathError, parse_json_path

_AGE: JsonObject = {
    "name": "Age",
    "type": "date",
    "jsonPath": ".metadata.creationTimestamp",
    "description": "Time since the object was created.",
}


class _PathColumn(msgspec.Struct, frozen=True):
    column: Column
    path: JsonPath


class CustomTable(msgspec.Struct, frozen=True):
    """A `served.Table` of the name and declared columns."""

    declared: tuple[_PathColumn, ...]

    @property
    def columns(self) -> Sequence[Column]:
        return [NAME, *(declared.column for declared in self.declared)]

    def cells(self, obj: JsonObject, now: datetime) -> list[object]:
        cells: list[object] = [name_of(obj)]
        for declared in self.declared:
            cells.append(_cell(declared.column.type, declared.path.first(obj), now))
        return cells


def custom_table(additional_printer_columns: Sequence[JsonObject]) -> CustomTable:
    """Name and age where no columns are declared.

    A column whose path cannot be read is left out: a definition is accepted with it, and must be
    served.
    """
    columns = (_path_column(column) for column in additional_printer_columns or [_AGE])
    return CustomTable(tuple(column for column in columns if column is not None))


def _path_column(declared: JsonObject) -> _PathColumn | None:
    path = declared["jsonPath"]
    try:
        parsed = parse_json_path(path)
    except JsonPathError:
        return None
    default = f"Custom resource definition column (in JSONPath format): {path}"
    column = Column(
        declared["name"],
        type=declared["type"],
        format=declared.get("format", ""),
        description=declared.get("description") or default,
        priority=declared.get("priority", 0),
    )
    return _PathColumn(column, parsed)


def _cell(type: str, value: Any, now: datetime) -> object:
    """None, shown as nothing, where the value is missing or not of the column's type."""
    match type, value:
        case _, None:
            return None
        case "string", _:
            return _as_text(value)
        case "date", str():
            return since(value, now)
        case "boolean", bool():
            return value
        case (("integer" | "number"), bool()):
            return None
        case "integer", int() | float():
            return int(value)
        case "number", int() | float():
            return float(value)
        case _:
            return None


def _as_text(value: Any) -> str:
    match value:
        case str():
            return value
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return msgspec.json.encode(value).decode()
