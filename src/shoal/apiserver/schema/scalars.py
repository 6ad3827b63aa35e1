"""Values with a form of their own: times, base64 bytes, quantities, whole numbers.

Each form checks one value and gives its canonical text, as Kubernetes answers it. Texts of errors
are Go's, since users meet them in the answers of the real server.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from datetime import datetime
from typing import Any

from shoal.api.meta import micro_timestamp, timestamp
from shoal.api.quantity import QuantityError, canonical


class UnreadableError(ValueError):
    """A value of the wrong JSON type, or text that does not parse.

    While it travels up, the places it came through are put in front of `fields`.
    """

    def __init__(self, message: str = "", found: str = "", go_type: str = "") -> None:
        super().__init__(message)
        self.found = found
        self.go_type = go_type
        self.struct = ""
        self.fields: list[str] = []

    def through(self, struct: str, field: str) -> None:
        self.struct = self.struct or struct
        self.fields.insert(0, field)

    def __str__(self) -> str:
        if not self.go_type:
            return super().__str__()
        place = ".".join([self.struct, *self.fields])
        into = f"Go struct field {place}" if self.fields else "Go value"
        return f"json: cannot unmarshal {self.found} into {into} of type {self.go_type}"


def wrong_type(value: Any, go_type: str) -> UnreadableError:
    return UnreadableError(found=json_type(value), go_type=go_type)


def json_type(value: Any) -> str:
    """What Go calls a JSON value's type."""
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "array"
        case _:
            return "object"


class Leaf:
    """Text, a boolean or a decimal number: nothing to check but the JSON type."""

    __slots__ = ("_types", "go_type", "zero")

    def __init__(self, go_type: str, zero: str | bool | float, *types: type) -> None:
        self.go_type = go_type
        self.zero = zero
        self._types = types

    def check(self, value: Any) -> None:
        if type(value) not in self._types:
            raise wrong_type(value, self.go_type)

    def tidy(self, value: Any, dropped: list[str]) -> Any:
        return value


class Integer:
    """A whole number of 32 or 64 bits."""

    __slots__ = ("_limit", "go_type", "zero")

    def __init__(self, bits: int) -> None:
        self.go_type = f"int{bits}"
        self.zero = 0
        self._limit = 1 << (bits - 1)

    def check(self, value: Any) -> None:
        if type(value) is int and -self._limit <= value < self._limit:
            return
        error = wrong_type(value, self.go_type)
        if error.found == "number":
            error.found = f"number {value}"
        raise error

    def tidy(self, value: Any, dropped: list[str]) -> Any:
        return value


class Quantity:
    """A quantity, kept in its canonical form."""

    go_type = "resource.Quantity"
    zero = "0"

    def check(self, value: Any) -> None:
        if type(value) is not str and (type(value) is bool or not isinstance(value, int | float)):
            raise UnreadableError(str(QuantityError()))
        try:
            canonical(value)
        except QuantityError as error:
            raise UnreadableError(str(error)) from error

    def tidy(self, value: Any, dropped: list[str]) -> Any:
        try:
            return canonical(value)
        except (QuantityError, TypeError):
            return value


class IntOrString:
    """A whole number or any text: ports, percentages."""

    go_type = "intstr.IntOrString"
    zero = 0

    def check(self, value: Any) -> None:
        if type(value) is not str:
            Integer(32).check(value)

    def tidy(self, value: Any, dropped: list[str]) -> Any:
        return value


_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_CANONICAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_CANONICAL_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


class Time:
    """meta/v1 Time (whole seconds) or MicroTime (six decimals), RFC 3339."""

    __slots__ = ("_canonical", "_layout", "_write", "go_type", "zero")

    def __init__(self, is_micro: bool) -> None:
        self.go_type = "v1.MicroTime" if is_micro else "v1.Time"
        self.zero = None
        self._canonical = _CANONICAL_MICRO_TIME if is_micro else _CANONICAL_TIME
        self._layout = "2006-01-02T15:04:05" + (".000000" if is_micro else "") + "Z07:00"
        self._write = micro_timestamp if is_micro else timestamp

    def check(self, value: Any) -> None:
        if type(value) is not str:
            raise wrong_type(value, "string")
        if _parse_time(value) is None:
            raise UnreadableError(
                f'parsing time "{value}" as "{self._layout}": cannot parse "{value}" as "2006"'
            )

    def tidy(self, value: Any, dropped: list[str]) -> Any:
        if type(value) is not str or self._canonical.fullmatch(value):
            return value
        moment = _parse_time(value)
        return self._write(moment) if moment else value


def _parse_time(text: str) -> datetime | None:
    if not _RFC_3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


class Bytes:
    """Base64 text."""

    go_type = "[]uint8"
    zero = ""

    def check(self, value: Any) -> None:
        if type(value) is not str:
            raise wrong_type(value, self.go_type)
        text = value.replace("\n", "").replace("\r", "")
        try:
            a2b_base64(text, strict_mode=True)
        except (Base64Error, ValueError) as error:
            position = next(
                (
                    i
                    for i, c in enumerate(value)
                    if not (c.isascii() and (c.isalnum() or c in "+/\r\n"))
                ),
                len(value),
            )
            raise UnreadableError(f"illegal base64 data at input byte {position}") from error

    def tidy(self, value: Any, dropped: list[str]) -> Any:
        return value
