"""Rules for resource requests and limits."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from shoal.api import causes
from shoal.api.names import qualified_name
from shoal.api.quantity import RawQuantity, parse
from shoal.api.resource import JsonObject
from shoal.api.status import Cause

_STANDARD = frozenset(("cpu", "memory", "ephemeral-storage", "storage"))
_HUGE_PAGES = "hugepages-"
_NOT_STANDARD = "must be a standard resource for containers"
_NOT_QUALIFIED = "must be a standard resource type or fully qualified"


def validate_requirements(resources: JsonObject, path: str) -> Iterator[Cause]:
    """Of a container; quantities are known to parse."""
    limits: Mapping[str, RawQuantity] = resources.get("limits") or {}
    requests: Mapping[str, RawQuantity] = resources.get("requests") or {}
    for name, quantity in limits.items():
        place = f"{path}.limits"
        yield from _name(name, place)
        yield from validate_amount(name, quantity, f"{place}[{name}]")
    for name, quantity in requests.items():
        place = f"{path}.requests"
        yield from _name(name, place)
        yield from validate_amount(name, quantity, f"{place}[{name}]")
        limit = limits.get(name)
        if limit is not None:
            if _is_extended(name) and parse(quantity) != parse(limit):
                text = f"must be equal to {name} limit of {limit}"
                yield causes.invalid(place, str(quantity), text)
            elif parse(quantity) > parse(limit):
                text = f"must be less than or equal to {name} limit of {limit}"
                yield causes.invalid(place, str(quantity), text)
        elif _is_extended(name) and parse(quantity) != 0:
            text = "Limit must be set for non overcommitable resources"
            yield causes.required(f"{path}.limits", text)
    yield from _claims(resources, path)


def validate_amount(name: str, quantity: RawQuantity, path: str) -> Iterator[Cause]:
    amount = parse(quantity)
    if amount < 0:
        yield causes.invalid(path, str(quantity), "must be greater than or equal to 0")
    if _is_integer_only(name) and amount != amount.to_integral_value():
        yield causes.invalid(path, str(quantity), "must be an integer")


def _claims(resources: JsonObject, path: str) -> Iterator[Cause]:
    for index, claim in enumerate(resources.get("claims") or ()):
        if not claim.get("name"):
            yield causes.required(f"{path}.claims[{index}].name")


@lru_cache(maxsize=1024)
def _name(name: str, path: str) -> tuple[Cause, ...]:
    found = causes.of_form(path, name, qualified_name)
    if "/" not in name and name not in _STANDARD and not name.startswith(_HUGE_PAGES):
        found.append(causes.invalid(path, name, _NOT_QUALIFIED))
        found.append(causes.invalid(path, name, _NOT_STANDARD))
    return tuple(found)


def _is_extended(name: str) -> bool:
    """A resource of a device or vendor, or huge pages: nothing that can be overcommitted."""
    return name.startswith(_HUGE_PAGES) or ("/" in name and "kubernetes.io/" not in name)


def _is_integer_only(name: str) -> bool:
    return "/" in name and "kubernetes.io/" not in name
