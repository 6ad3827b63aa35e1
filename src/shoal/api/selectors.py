"""Label and field selectors: their text grammar, and whether an object matches.

Source of the grammar: Kubernetes v1.36, apimachinery/pkg/labels and pkg/fields.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

import msgspec

from shoal.api.meta import LabelSelector

_TOKEN = re.compile(r"\s*(?:(==|=|!=|>|<|!|\(|\)|,)|([^\s=!<>(),]+))")
_NEGATIONS = {"!=", "notin"}


class SelectorError(ValueError):
    """A selector that cannot be parsed; the text says where."""


class Requirement(msgspec.Struct, frozen=True):
    """One comparison. `operator` is one of In, NotIn, Exists, DoesNotExist, Gt, Lt."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        actual = labels.get(self.key)
        match self.operator:
            case "In":
                return actual is not None and actual in self.values
            case "NotIn":
                return actual is None or actual not in self.values
            case "Exists":
                return actual is not None
            case "DoesNotExist":
                return actual is None
            case "Gt" | "Lt":
                return actual is not None and self._compare(actual)
            case _:
                return False

    def _compare(self, actual: str) -> bool:
        try:
            left, right = int(actual), int(next(iter(self.values)))
        except (ValueError, StopIteration):
            return False
        return left > right if self.operator == "Gt" else left < right


class Selector(msgspec.Struct, frozen=True):
    """All requirements must match; without any, everything does."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __bool__(self) -> bool:
        return bool(self.requirements)


EVERYTHING = Selector()


@lru_cache(maxsize=1024)
def parse_labels(text: str) -> Selector:
    """`app=web,tier in (a,b),!old,n>3`. Raises SelectorError."""
    tokens = _tokens(text)
    requirements: list[Requirement] = []
    while tokens:
        requirements.append(_requirement(tokens, text))
        if tokens and tokens.pop(0) != ",":
            raise SelectorError(f"unable to parse requirement: found '{text}', expected: ','")
    return Selector(tuple(requirements))


def from_label_selector(selector: LabelSelector | None) -> Selector | None:
    """A meta/v1 LabelSelector; None selects nothing, an empty one everything."""
    if selector is None:
        return None
    equal = [Requirement(k, "In", frozenset((v,))) for k, v in selector.match_labels.items()]
    expressions = [
        Requirement(e.key, e.operator, frozenset(e.values)) for e in selector.match_expressions
    ]
    return Selector(tuple(equal + expressions))


class FieldRequirement(msgspec.Struct, frozen=True):
    """One comparison with the value of one field."""

    path: str
    value: str
    is_negated: bool = False

    def matches(self, actual: str) -> bool:
        """`actual` is the object's value of the field, empty where it has none."""
        return (actual == self.value) != self.is_negated


@lru_cache(maxsize=1024)
def parse_fields(text: str) -> tuple[FieldRequirement, ...]:
    """`status.phase!=Running,metadata.name=a`. Raises SelectorError."""
    requirements: list[FieldRequirement] = []
    for term in re.split(r"(?<!\\),", text):
        if not term.strip():
            continue
        match = re.match(r"([^=!]+)(==|!=|=)(.*)$", term.strip(), re.DOTALL)
        if match is None:
            raise SelectorError(f"invalid selector: '{text}'; can't understand '{term}'")
        path, operator, raw = match.groups()
        value = re.sub(r"\\([\\,=])", r"\1", raw)
        requirements.append(FieldRequirement(path.strip(), value, operator == "!="))
    return tuple(requirements)


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise SelectorError(f"unable to parse requirement: '{text}'")
        tokens.append(match.group(1) or match.group(2))
        position = match.end()
    return tokens


def _requirement(tokens: list[str], text: str) -> Requirement:
    first = tokens.pop(0)
    if first == "!":
        if not tokens:
            raise SelectorError(f"unable to parse requirement: '{text}': no key after '!'")
        return Requirement(tokens.pop(0), "DoesNotExist")
    if first in {"=", "==", "!=", "(", ")", ",", ">", "<"}:
        raise SelectorError(f"unable to parse requirement: found '{first}', expected: identifier")
    if not tokens or tokens[0] == ",":
        return Requirement(first, "Exists")
    operator = tokens.pop(0)
    if operator in {"in", "notin"}:
        name = "NotIn" if operator in _NEGATIONS else "In"
        return Requirement(first, name, _value_set(tokens, text))
    if operator in {"=", "==", "!="}:
        value = tokens.pop(0) if tokens and tokens[0] != "," else ""
        name = "NotIn" if operator in _NEGATIONS else "In"
        return Requirement(first, name, frozenset((value,)))
    if operator in {">", "<"} and tokens:
        name = "Gt" if operator == ">" else "Lt"
        return Requirement(first, name, frozenset((tokens.pop(0),)))
    raise SelectorError(
        f"unable to parse requirement: found '{operator}', expected: in, notin, =, ==, !=, gt, lt"
    )


def _value_set(tokens: list[str], text: str) -> frozenset[str]:
    if not tokens or tokens.pop(0) != "(":
        raise SelectorError(f"unable to parse requirement: '{text}', expected: '('")
    values: set[str] = set()
    while tokens:
        token = tokens.pop(0)
        if token == ")":
            return frozenset(values)
        if token != ",":
            values.add(token)
    raise SelectorError(f"unable to parse requirement: '{text}', expected: ')'")
