"""Kubernetes quantities (`500m`, `1Gi`, `2`) to exact numbers and back.

Source of the format: Kubernetes v1.36, apimachinery/pkg/api/resource/quantity.go.
"""

from decimal import ROUND_CEILING, Decimal, InvalidOperation
from functools import lru_cache

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
    if not number or not (number[0].isdigit() or number[0] in "+-."):
        raise QuantityError
    try:
        value = Decimal(number)
    except InvalidOperation as error:
        raise QuantityError from error
    if not value.is_finite():
        raise QuantityError
    return value * factor


def value(text: RawQuantity) -> int:
    """Whole units, rounded up: bytes of memory, a count of devices."""
    return int(parse(text).to_integral_value(ROUND_CEILING))


def millis(text: RawQuantity) -> int:
    """Thousandths, rounded up: cpu."""
    return int((parse(text) * 1000).to_integral_value(ROUND_CEILING))


def format_millis(cpu_millis: int) -> str:
    """`1500` -> `1500m`, `2000` -> `2`."""
    whole, rest = divmod(cpu_millis, 1000)
    return f"{cpu_millis}m" if rest else str(whole)


def format_bytes(size_bytes: int) -> str:
    """The largest binary suffix that divides exactly: `1073741824` -> `1Gi`."""
    for suffix, factor in reversed(_BINARY.items()):
        if size_bytes and size_bytes % factor == 0:
            return f"{size_bytes // factor}{suffix}"
    return str(size_bytes)
