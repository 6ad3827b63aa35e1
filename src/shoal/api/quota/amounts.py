"""Exact amounts of named resources, and how they are written."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import msgspec

from shoal.api import quantity
from shoal.api.quantity import RawQuantity

_BINARY_SUFFIXES = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


class Amount(msgspec.Struct, frozen=True):
    """An exact quantity that remembers whether it was written in powers of two."""

    number: Decimal
    is_binary: bool = False

    def __add__(self, more: "Amount") -> "Amount":
        return Amount(self.number + more.number, self.is_binary or more.is_binary)

    def __sub__(self, less: "Amount") -> "Amount":
        return Amount(self.number - less.number, self.is_binary or less.is_binary)

    def __str__(self) -> str:
        whole = self.number == self.number.to_integral_value()
        if self.is_binary and whole:
            return quantity.format_bytes(int(self.number))
        return quantity.canonical(format(self.number, "f"))


ONE = Amount(Decimal(1))
NOTHING = Amount(Decimal(0))

Usage = dict[str, Amount]
"""By the names that quotas have: `requests.cpu`, `pods`, `count/jobs.batch`, ..."""


def read_amount(text: RawQuantity) -> Amount:
    """Raises QuantityError."""
    return Amount(quantity.parse(text), str(text).endswith(_BINARY_SUFFIXES))


def read_amounts(amounts: Mapping[str, RawQuantity]) -> Usage:
    """Raises QuantityError."""
    return {name: read_amount(text) for name, text in amounts.items()}


def add(total: Usage, more: Usage, times: int = 1) -> None:
    """Add `more` so many times; a negative number takes it away."""
    for name, amount in more.items():
        part = amount if times == 1 else Amount(amount.number * times, amount.is_binary)
        total[name] = total[name] + part if name in total else part


def growth(new: Usage, old: Usage) -> Usage:
    """What `new` takes more of than `old`."""
    more = {name: amount - old.get(name, NOTHING) for name, amount in new.items()}
    return {name: amount for name, amount in more.items() if amount.number > 0}


def larger(one: Amount | None, other: Amount) -> Amount:
    return one if one is not None and one.number > other.number else other


def resource_list(usage: Usage) -> dict[str, str]:
    """As it stands in a manifest, by name."""
    return {name: str(usage[name]) for name in sorted(usage)}


def listed(usage: Usage, names: Iterable[str]) -> str:
    """As refusals write it: `cpu=1,pods=2`."""
    return ",".join(_parts(usage, names))


def _parts(usage: Usage, names: Iterable[str]) -> Iterator[str]:
    for name in sorted(names):
        yield f"{name}={usage.get(name, NOTHING)}"
