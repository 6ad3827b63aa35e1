"""The part of Kubernetes' JSONPath that printer columns are written in.

    .spec.replicas   .metadata.labels['app']   .metadata.labels.app\\.kubernetes\\.io/name
    .status.conditions[?(@.type=="Ready")].status   .spec.items[0].name   .spec.items[*].name

A path is parsed once into steps; each step turns the values found so far into the next ones, and
what is missing gives no value. Source of the grammar: Kubernetes v1.36, client-go/util/jsonpath.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, assert_never

import msgspec

_FIELD = re.compile(r"\.((?:\\.|[^.\[\]\s\\=!<>()@?*])+)")
_QUOTED = re.compile(r"""\[(?:'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)")\]""")
_INDEX = re.compile(r"\[(-?\d+)\]")
_SLICE = re.compile(r"\[(-?\d*):(-?\d*)\]")
_FILTER = re.compile(r"\[\?\(\s*@(.*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.*?)\s*)?\)\]")

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        "==": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
    }
)


class JsonPathError(ValueError):
    """Not a path of this grammar; the text says where."""


class _Field(msgspec.Struct, frozen=True):
    name: str


class _All(msgspec.Struct, frozen=True):
    pass


class _Slice(msgspec.Struct, frozen=True):
    """`[n]` and `[n:m]`."""

    start: int | None
    stop: int | None


class _Filter(msgspec.Struct, frozen=True):
    path: "tuple[_Step, ...]"
    operator: str
    """Empty: the path only has to be there."""
    operand: Any


_Step = _Field | _All | _Slice | _Filter


class JsonPath(msgspec.Struct, frozen=True):
    """A path that has been parsed, to be asked of many objects."""

    steps: tuple[_Step, ...]

    def find(self, obj: Any) -> list[Any]:
        """All values at the path, in document order."""
        return _find(self.steps, obj)

    def first(self, obj: Any) -> Any:
        """The first value, None where there is none."""
        return next(iter(self.find(obj)), None)


@lru_cache(maxsize=1024)
def parse_json_path(text: str) -> JsonPath:
    """Raises JsonPathError."""
    return JsonPath(tuple(_steps(text.strip().removeprefix("$"), text)))


def _steps(path: str, whole: str) -> Iterator[_Step]:
    position = 0
    while position < len(path):
        step, position = _step(path, position, whole)
        yield step


def _step(path: str, position: int, whole: str) -> tuple[_Step, int]:
    if path.startswith((".*", "[*]"), position):
        return _All(), position + (2 if path[position] == "." else 3)
    if match := _FIELD.match(path, position):
        return _Field(_unescaped(match[1])), match.end()
    if match := _QUOTED.match(path, position):
        return _Field(_unescaped(match[1] if match[2] is None else match[2])), match.end()
    if match := _INDEX.match(path, position):
        start = int(match[1])
        return _Slice(start, start + 1 or None), match.end()
    if match := _SLICE.match(path, position):
        start, stop = (int(bound) if bound else None for bound in match.groups())
        return _Slice(start, stop), match.end()
    if match := _FILTER.match(path, position):
        inner = tuple(_steps(match[1], whole))
        operand = _operand(match[3], whole) if match[2] else None
        return _Filter(inner, match[2] or "", operand), match.end()
    raise JsonPathError(f"unrecognized JSONPath {whole!r} at {path[position:]!r}")


def _unescaped(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name)


def _operand(text: str, whole: str) -> Any:
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return _unescaped(text[1:-1])
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise JsonPathError(f"unrecognized value {text!r} in JSONPath {whole!r}") from error


def _find(steps: tuple[_Step, ...], obj: Any) -> list[Any]:
    values = [obj]
    for step in steps:
        values = [found for value in values for found in _take(step, value)]
    return values


def _take(step: _Step, value: Any) -> list[Any]:
    match step:
        case _Field(name):
            return [value[name]] if isinstance(value, dict) and name in value else []
        case _All():
            if isinstance(value, dict):
                return list(value.values())
            return value if isinstance(value, list) else []
        case _Slice(start, stop):
            return value[start:stop] if isinstance(value, list) else []
        case _Filter():
            return [item for item in value if _holds(step, item)] if isinstance(value, list) else []
        case _:
            assert_never(step)


def _holds(test: _Filter, item: Any) -> bool:
    found = _find(test.path, item)
    if not test.operator:
        return bool(found)
    try:
        return bool(found) and _COMPARISONS[test.operator](found[0], test.operand)
    except TypeError:
        # Of two types that have no order, such as text and number.
        return False
