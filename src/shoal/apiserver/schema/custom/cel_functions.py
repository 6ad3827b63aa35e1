"""CEL functions that Kubernetes adds and the CEL library does not bring.

Source: Kubernetes v1.36, apiserver/pkg/cel/library.
"""

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from shoal.api.quantity import QuantityError, parse
from shoal.apiserver.schema.addresses import is_address, is_network


def _is_sorted(items: list[Any]) -> bool:
    return all(left <= right for left, right in pairwise(items))


def _find(text: str, pattern: str) -> str:
    match = re.search(pattern, text)
    return match.group(0) if match else ""


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    found = [match.group(0) for match in re.finditer(pattern, text)]
    return found if limit < 0 else found[:limit]


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) or text.startswith("/")


def _is_quantity(text: str) -> bool:
    try:
        parse(text)
    except QuantityError:
        return False
    return True


# A quantity stays text: CEL can hold no other type of ours, and texts parse again at once.
def _quantity(text: str) -> str:
    parse(text)
    return text


def _is_greater_than(left: str, right: str) -> bool:
    return parse(left) > parse(right)


def _is_less_than(left: str, right: str) -> bool:
    return parse(left) < parse(right)


def _compare_to(left: str, right: str) -> int:
    difference = parse(left) - parse(right)
    return (difference > 0) - (difference < 0)


def _as_integer(text: str) -> int:
    return int(parse(text))


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "asInteger": _as_integer,
    "compareTo": _compare_to,
    "find": _find,
    "findAll": _find_all,
    "isCIDR": is_network,
    "isGreaterThan": _is_greater_than,
    "isIP": is_address,
    "isLessThan": _is_less_than,
    "isQuantity": _is_quantity,
    "isSorted": _is_sorted,
    "isURL": _is_url,
    "quantity": _quantity,
}
