"""CEL rules of custom kinds (`x-kubernetes-validations`), on any level of a schema.

A rule sees only what it names of its place, since handing an object to CEL costs far more than
the rule itself. A rule that names `oldSelf` runs on updates only, where the old value is known.
Source of the semantics: Kubernetes v1.36, apiextensions-apiserver/pkg/apiserver/schema/cel.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shoal.api import causes
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.custom import cel_engine

if TYPE_CHECKING:
    from cel import Context, Program

# Whatever the evaluation of a user's rule may raise.
_EVALUATION_ERRORS = (ValueError, TypeError, KeyError, RuntimeError, IndexError, ArithmeticError)

_SELF = re.compile(r"\b(?:self|oldSelf)\b(?:\s*\.\s*([A-Za-z_]\w*)(?!\w*\())?")
_TEXT = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")

_RESERVED = re.compile(
    "true|false|null|in|as|break|const|continue|else|for|function|if|import|let|loop|package"
    "|namespace|return|var|void|while"
)

_CAUSES: Mapping[str, Callable[[str, str, str], Cause]] = {
    "FieldValueInvalid": causes.invalid,
    "FieldValueForbidden": lambda path, _, text: causes.forbidden(path, text),
    "FieldValueRequired": lambda path, _, text: causes.required(path, text),
    "FieldValueDuplicate": lambda path, value, _: causes.duplicate(path, value),
}


class CompiledRule:
    """One rule, compiled when first used."""

    def __init__(self, written: Mapping[str, Any], type: str) -> None:
        self.text: str = written.get("rule", "").strip()
        self._message: str = written.get("message", "").strip()
        self._message_expression: str = written.get("messageExpression", "")
        self._reason: str = written.get("reason") or "FieldValueInvalid"
        self._field_path: str = written.get("fieldPath", "")
        self._type = type
        self.needs_old = bool(re.search(r"\boldSelf\b", _TEXT.sub('""', self.text)))
        self._is_escaped = "__" in self.text
        self._fields = _named_fields(self.text + " " + self._message_expression)

    @cached_property
    def program(self) -> "Program":
        """Raises ValueError where the text is not CEL."""
        return cel_engine.compile_expression(self.text)

    @cached_property
    def _message_program(self) -> "Program":
        return cel_engine.compile_expression(self._message_expression)

    def check(self, path: str, value: Any, old: Any) -> Cause | None:
        context = self._context(value, old)
        try:
            holds = self.program.execute(context)
        except _EVALUATION_ERRORS as error:
            why = f"no such key: {error.args[0]}" if isinstance(error, KeyError) else str(error)
            text = f"{why} evaluating rule: {self._say(context)}"
            return causes.invalid(path or "<nil>", self._type, text)
        if holds is True:
            return None
        make = _CAUSES.get(self._reason, causes.invalid)
        field = (path + self._field_path).removeprefix(".") or "<nil>"
        return make(field, self._type, self._say(context))

    def _say(self, context: "Context") -> str:
        if self._message_expression:
            try:
                text = self._message_program.execute(context)
            except _EVALUATION_ERRORS:
                text = ""
            if isinstance(text, str) and text.strip() and "\n" not in text:
                return text.strip()
        return self._message or f"failed rule: {self.text}"

    def _context(self, value: Any, old: Any) -> "Context":
        variables = {"self": self._seen(value)}
        if self.needs_old:
            variables["oldSelf"] = self._seen(old)
        return cel_engine.context(variables)

    def _seen(self, value: Any) -> Any:
        if self._is_escaped:
            return _escape(value)
        if self._fields is not None and isinstance(value, dict):
            return {name: value[name] for name in self._fields if name in value}
        return value


def _named_fields(text: str) -> frozenset[str] | None:
    """The fields of `self` that are named; None where it is used as a whole."""
    found = [match.group(1) for match in _SELF.finditer(_TEXT.sub('""', text))]
    return None if None in found else frozenset(found)


def _escape(value: Any) -> Any:
    """Keys as CEL rules must write them: `__namespace__`, `a__dash__b`."""
    match value:
        case dict():
            return {_escape_key(key): _escape(item) for key, item in value.items()}
        case list():
            return [_escape(item) for item in value]
        case _:
            return value


def _escape_key(key: str) -> str:
    if _RESERVED.fullmatch(key):
        return f"__{key}__"
    escaped = key.replace("__", "__underscores__")
    for sign, name in ((".", "__dot__"), ("-", "__dash__"), ("/", "__slash__")):
        escaped = escaped.replace(sign, name)
    return escaped


@dataclass(frozen=True, slots=True)
class RulePlace:
    """One place in a schema that has rules, or has some below."""

    rules: tuple[CompiledRule, ...]
    fields: Mapping[str, "RulePlace"]
    extra: "RulePlace | None"
    item: "RulePlace | None"
    list_map_keys: tuple[str, ...] | None
    """How items of old and new lists find each other; None where they do not."""

    def check(self, path: str, value: Any, old: Any) -> Iterator[Cause]:
        """`old` is None where there is no old value to compare with."""
        if value is None or (old is not None and value == old):
            # What has not changed is not held against an update.
            return
        for rule in self.rules:
            if not rule.needs_old or old is not None:
                cause = rule.check(path, value, old)
                if cause is not None:
                    yield cause
        match value:
            case dict():
                yield from self._check_fields(path, value, old if isinstance(old, dict) else {})
            case list() if self.item is not None:
                yield from self._check_items(path, value, old)
            case _:
                pass

    def _check_fields(self, path: str, value: JsonObject, old: JsonObject) -> Iterator[Cause]:
        places = self.fields.items() if self.extra is None else ()
        for name, place in places:
            if name in value:
                yield from place.check(_join(path, name), value[name], old.get(name))
        if self.extra is not None:
            for name, item in value.items():
                place = self.fields.get(name, self.extra)
                yield from place.check(_join(path, name), item, old.get(name))

    def _check_items(self, path: str, value: list[Any], old: Any) -> Iterator[Cause]:
        if self.item is None:
            return
        old_by_key: dict[object, Any] = {}
        keys = self.list_map_keys
        if keys is not None and isinstance(old, list):
            old_by_key = {list_key(item, keys): item for item in old}
        for index, item in enumerate(value):
            before = old_by_key.get(list_key(item, keys)) if keys is not None else None
            yield from self.item.check(f"{path}[{index}]", item, before)


def list_key(item: Any, keys: Sequence[str]) -> tuple[object, ...]:
    """What identifies an item of a list of type `map`."""
    return tuple(str(item.get(key)) for key in keys) if isinstance(item, dict) else (str(item),)


def rule_place(schema: Mapping[str, Any]) -> RulePlace | None:
    """The places with rules of a schema; None where there are none."""
    rules = tuple(
        CompiledRule(written, schema.get("type", "object"))
        for written in schema.get("x-kubernetes-validations", ())
    )
    below = {name: rule_place(inner) for name, inner in schema.get("properties", {}).items()}
    fields = {name: place for name, place in below.items() if place is not None}
    extra, items = schema.get("additionalProperties"), schema.get("items")
    extra_place = rule_place(extra) if isinstance(extra, dict) else None
    item_place = rule_place(items) if isinstance(items, dict) else None
    if not (rules or fields or extra_place or item_place):
        return None
    is_map = schema.get("x-kubernetes-list-type") == "map"
    keys = tuple(schema.get("x-kubernetes-list-map-keys", ())) if is_map else None
    return RulePlace(rules, fields, extra_place, item_place, keys)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
