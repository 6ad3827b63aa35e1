"""Kubernetes quantities (`500m`, `1Gi`, `2`) to exact numbers and back.

Source of the format: Kubernetes v1.36, apimachinery/pkg/api/resource/quantity.go.
"""

import re
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_DECIMAL = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
}
_SUFFIXES = {-9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}
_EXPONENT = re.compile(r"[eE][+-]?[0-9]+$")

RawQuantity = str | int | float


class QuantityError(ValueError):
    """Not a quantity. The text is the server's."""

    def __init__(self) -> None:
        pattern = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
        super().__init__(f"quantities must match the regular expression '{pattern}'")


@lru_cache(maxsize=4096)
def parse(text: RawQuantity) -> Decimal:
    """The exact value. Raises QuantityError."""
    raw = str(text)
    number, factor = raw, Decimal(1)
    if raw[-2:] in _BINARY:
        number, factor = raw[:-2], Decimal(_BINARY[raw[-2:]])
    elif raw[-1:] in _DECIMAL and raw[-1:]:
        number, factor = raw[:-1], _DECIMAL[raw[-1:]]
    if _NUMBER.fullmatch(number) is None:
        raise QuantityError
    return Decimal(number) * factor


def value(text: RawQuantity) -> int:
    """Whole units, rounded up: bytes of memory, a count of devices."""
    return int(parse(text).to_integral_value(ROUND_CEILING))


def millis(text: RawQuantity) -> int:
    """Thousandths, rounded up: cpu."""
    return int((parse(text) * 1000).to_integral_value(ROUND_CEILING))


def format_bytes(size_bytes: int) -> str:
    """The largest binary suffix that divides exactly: `1073741824` -> `1Gi`."""
    for suffix, factor in reversed(_BINARY.items()):
        if size_bytes and size_bytes % factor == 0:
            return f"{size_bytes // factor}{suffix}"
    return str(size_bytes)


@lru_cache(maxsize=4096)
def canonical(text: RawQuantity) -> str:
    """The text the server answers for a quantity: `0.5` -> `500m`, `1024Mi` -> `1Gi`.

    The family of the suffix is kept; what is finer than a nano, or than a whole unit of a binary
    quantity, is rounded up. Raises QuantityError.
    """
    number, raw = parse(text), str(text)
    is_binary = raw[-2:] in _BINARY
    if is_binary and not -1024 < number < 1024:
        return format_bytes(int(number.to_integral_value(ROUND_CEILING)))
    nanos = int((number * 10**9).to_integral_value(ROUND_CEILING))
    if nanos == 0:
        return "0"
    exponent = -9
    while nanos % 1000 == 0 and exponent < 18:
        nanos //= 1000
        exponent += 3
    if not is_binary and _EXPONENT.search(raw):
        return f"{nanos}e{exponent}" if exponent else str(nanos)
    return f"{nanos}{_SUFFIXES[exponent]}"
