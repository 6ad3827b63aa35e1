"""A pod's quality-of-service class, which Kubernetes derives from requests and limits.

Source of the rule: Kubernetes v1.36, pkg/apis/core/v1/helper/qos.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from shoal.api.quantity import QuantityError, parse

Amounts = Mapping[str, Any]
_COUNTED = ("cpu", "memory")


def qos_class(resources: Iterable[tuple[Amounts, Amounts]]) -> str:
    """Of the requests and limits of each container, or of the pod where it has its own.

    Guaranteed where all limits are set and equal the requests, BestEffort where there is neither,
    Burstable otherwise.
    """
    is_guaranteed = True
    is_best_effort = True
    for wanted, most in resources:
        limits = _positive(most)
        # A request that is not set is taken from the limit.
        requests = limits | _positive(wanted)
        is_best_effort = is_best_effort and not requests
        is_guaranteed = is_guaranteed and set(limits) == set(_COUNTED) and limits == requests
    if is_best_effort:
        return "BestEffort"
    return "Guaranteed" if is_guaranteed else "Burstable"


def _positive(amounts: Amounts) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for name in _COUNTED:
        try:
            amount = parse(amounts.get(name, 0))
        except QuantityError:
            # The rules of pods refuse it, in their own words.
            continue
        if amount > 0:
            found[name] = amount
    return found
