"""Amounts of resources on the command line: `cpu=2,memory=4Gi` to a map, and numbers to text."""

from collections.abc import Iterable, Mapping

from shoal.api import quantity
from shoal.api.pod import ResourceMap
from shoal.cli.output import CliError
from shoal.scheduler.state.request import CPU, EPHEMERAL_STORAGE, MEMORY, Amounts, amount_of

_UNITS = (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))
_FIRST = (CPU, MEMORY)


def parse_amounts(text: str, flag: str) -> dict[str, str]:
    """`cpu=2,memory=4Gi` to what stands in manifests. Raises CliError, which names the flag."""
    amounts: dict[str, str] = {}
    for term in text.split(",") if text else ():
        name, equals, amount = term.strip().partition("=")
        if not (name and equals):
            raise CliError(f'{flag}: "{term}" is not NAME=AMOUNT, such as cpu=2')
        try:
            quantity.parse(amount)
        except quantity.QuantityError as error:
            raise CliError(
                f'{flag}: "{amount}" is no amount of {name}, such as 2 or 4Gi'
            ) from error
        amounts[name] = amount
    return amounts


def counted_amounts(resources: ResourceMap) -> Amounts:
    """In the units that the scheduler counts in; what is no quantity is left out."""
    amounts: Amounts = {}
    for name, text in resources.items():
        try:
            amounts[name] = amount_of(name, text)
        except quantity.QuantityError:
            continue
    return amounts


def amount_text(resource: str, amount: int) -> str:
    """For people: at most one decimal of the largest unit, `1.5`, `3.2Gi`."""
    if resource == CPU:
        return f"{amount / 1000:.3g}" if amount < 1000 else f"{round(amount / 1000, 1):g}"
    if resource in (MEMORY, EPHEMERAL_STORAGE) or resource.startswith("hugepages-"):
        for suffix, size in _UNITS:
            if abs(amount) >= size:
                return f"{round(amount / size, 1):g}{suffix}"
    return str(amount)


def amounts_text(amounts: Mapping[str, int]) -> str:
    """`cpu=2,memory=4Gi`; a dash where there is nothing."""
    return (
        ",".join(f"{name}={amount_text(name, amounts[name])}" for name in by_rank(amounts)) or "-"
    )


def by_rank(resources: Iterable[str]) -> list[str]:
    """Cpu, memory, then the others by name."""
    rank = {name: place for place, name in enumerate(_FIRST)}
    return sorted(resources, key=lambda name: (rank.get(name, len(rank)), name))
