"""The rows of a state machine, read off its `next_state`."""

import itertools
from collections.abc import Callable
from enum import StrEnum
from typing import Any, get_type_hints

from shoal.base.transitions import IllegalTransition


def transitions(next_state: Callable[..., Any]) -> dict[tuple[Any, Any], Any]:
    """Every state with every event; those that are refused are left out.

    A refusal is an IllegalTransition that tells of both: anything else fails the test.
    """
    hints = get_type_hints(next_state)
    states, events = [kind for name, kind in hints.items() if name != "return"][:2]
    assert hints["return"] is states
    assert issubclass(states, StrEnum) and issubclass(events, StrEnum)
    rows: dict[tuple[Any, Any], Any] = {}
    for state, event in itertools.product(states, events):
        try:
            rows[state, event] = next_state(state, event)
        except IllegalTransition as refusal:
            assert f"is {state}: cannot {event}" in str(refusal)
    return rows
