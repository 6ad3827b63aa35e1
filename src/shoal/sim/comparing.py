"""Whether what was done in a case is what was expected of it.

An expected outcome has only what its case is about: `binds`, `evictions` and `pipelined` whole,
`phases` of the groups that it names, `bindCount` where any choice is right, `bindOptions` where one
of several is. The node `*` stands for any.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec

from shoal.sim.cases import CaseOutcome, CaseUnreadableError

ANY_NODE = "*"
Nodes = dict[str, str]
"""`namespace/pod` -> node."""


class ExpectedOutcome(msgspec.Struct, rename="camel", frozen=True, forbid_unknown_fields=True):
    """None for what does not matter."""

    name: str = ""
    binds: Nodes | None = None
    bind_count: Annotated[int, msgspec.Meta(ge=0)] | None = None
    bind_options: list[Nodes] | None = None
    evictions: list[str] | None = None
    pipelined: Nodes | None = None
    phases: dict[str, str] | None = None


class Difference(msgspec.Struct, frozen=True):
    """One thing that is not as expected."""

    what: str
    """The key of the outcome."""
    expected: str
    actual: str


def read_expected(line: bytes | str) -> ExpectedOutcome:
    """Raises CaseUnreadableError."""
    try:
        return msgspec.json.decode(line, type=ExpectedOutcome)
    except msgspec.DecodeError as error:
        raise CaseUnreadableError(str(error)) from error


def differences(outcome: CaseOutcome, expected: ExpectedOutcome) -> list[Difference]:
    """In the order of the keys; empty where all is as expected."""
    found: list[Difference] = []

    def note(what: str, wanted: object, actual: object, *, is_right: bool) -> None:
        if not is_right:
            found.append(Difference(what, _text(wanted), _text(actual)))

    if (binds := expected.binds) is not None:
        note("binds", binds, outcome.binds, is_right=_is_same(outcome.binds, binds))
    if (count := expected.bind_count) is not None:
        note("bindCount", count, outcome.binds, is_right=len(outcome.binds) == count)
    if (options := expected.bind_options) is not None:
        is_one = any(_is_same(outcome.binds, each) for each in options)
        note("bindOptions", options, outcome.binds, is_right=is_one)
    if (evictions := expected.evictions) is not None:
        is_right = sorted(evictions) == outcome.evictions
        note("evictions", sorted(evictions), outcome.evictions, is_right=is_right)
    if (pipelined := expected.pipelined) is not None:
        is_right = _is_same(outcome.pipelined, pipelined)
        note("pipelined", pipelined, outcome.pipelined, is_right=is_right)
    if (phases := expected.phases) is not None:
        actual = {name: outcome.phases.get(name, "") for name in phases}
        note("phases", phases, actual, is_right=actual == phases)
    return found


def _is_same(actual: Mapping[str, str], expected: Mapping[str, str]) -> bool:
    return actual.keys() == expected.keys() and all(
        node in (ANY_NODE, actual[pod]) for pod, node in expected.items()
    )


def _text(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()
