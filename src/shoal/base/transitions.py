"""State machines as tables: every legal step is a row, and anything else is a caller's slip.

A module that has a machine keeps its states and its events as enums, its rows as `_TRANSITIONS`,
and gives others one total function, `next_state(state, event)`. Each machine is drawn in
docs/states/, and a test holds the drawing to the rows.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class IllegalTransition(Exception):
    """Something happened that cannot happen in that state: a bug of whoever let it through."""

    def __init__(self, what: str, state: StrEnum, event: StrEnum) -> None:
        super().__init__(f"{what} is {state}: cannot {event}")


def follow(rows: Mapping[tuple[S, E], S], state: S, event: E, what: str, name: str = "") -> S:
    """The state after the event. `what` and `name` say whose state it is.

    Raises IllegalTransition where there is no such row.
    """
    after = rows.get((state, event))
    if after is None:
        raise IllegalTransition(f"{what} {name}".rstrip(), state, event)
    return after
