"""Loads the named queries of `sql/queries.sql`."""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)
_ROW = re.compile(r"\((?:\?, )*\?\)")


@cache
def schema() -> str:
    return _read("schema.sql")


@cache
def queries() -> Mapping[str, str]:
    """Name -> text."""
    _, *parts = _NAME.split(_read("queries.sql"))
    texts = (_COMMENT.sub("", part).strip() for part in parts[1::2])
    return dict(zip(parts[::2], texts, strict=True))


@cache
def repeated(name: str, rows: int) -> str:
    """The query `name` with its row of values, `values (?, ...)`, `rows` times."""
    head, separator, rest = queries()[name].partition("values ")
    row = _ROW.match(rest)
    if row is None:
        raise ValueError(f"query {name} has no row of values")
    return head + separator + ", ".join([row.group()] * rows) + rest[row.end() :]


def _read(name: str) -> str:
    return (resources.files("shoal.store") / "sql" / name).read_text("utf-8")
