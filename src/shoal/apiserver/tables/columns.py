"""What a table is made of, and the reads that most kinds share."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from shoal.api.resource import JsonObject
from shoal.apiserver.served import Column


class KindTable(msgspec.Struct, frozen=True):
    """Columns, and the function that fills a row of them: a `served.Table`."""

    columns: tuple[Column, ...]
    read: Callable[[JsonObject, datetime], list[object]]

    def cells(self, obj: JsonObject, now: datetime) -> list[object]:
        return self.read(obj, now)


NAME = Column("Name", format="name", description="Name of the object.")
AGE = Column("Age", description="Time since the object was created.")
NONE = "<none>"


def count(name: str, description: str) -> Column:
    return Column(name, type="integer", description=description)


def text(name: str, description: str) -> Column:
    return Column(name, description=description)


def wide(name: str, description: str) -> Column:
    """Shown only with `-o wide`."""
    return Column(name, description=description, priority=1)


def section(obj: JsonObject, *path: str) -> JsonObject:
    """The object at a path, empty where there is none."""
    place: Any = obj
    for key in path:
        place = place.get(key)
        if not place:
            return {}
    return place


def items(obj: JsonObject, field: str) -> list[Any]:
    """A list, empty where there is none."""
    return obj.get(field) or []


def name_of(obj: JsonObject) -> str:
    return obj["metadata"].get("name", "")
