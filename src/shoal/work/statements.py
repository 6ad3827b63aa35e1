"""Reads the SQL and Lua that the sources run, from the files beside this one."""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_COMMENT = re.compile(r"^--.*\n", re.MULTILINE)


@cache
def statements(file: str) -> Mapping[str, str]:
    """Of `sql/<file>`: name -> text. A name stands on a line of its own, `-- name: lease`."""
    _, *parts = _NAME.split(script(f"sql/{file}"))
    texts = (_COMMENT.sub("", part).strip().rstrip(";") for part in parts[1::2])
    return dict(zip(parts[::2], texts, strict=True))


@cache
def script(path: str) -> str:
    """The whole text of a file of this package."""
    return (resources.files("shoal.work") / path).read_text("utf-8")
