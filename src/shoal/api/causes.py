"""Causes in the server's words: `Required value`, `Invalid value: "x": ...`, and so on.

Source of the texts: Kubernetes v1.36, apimachinery/pkg/util/validation/field.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from shoal.api.status import Cause


def _body(title: str, detail: str) -> str:
    return f"{title}: {detail}" if detail else title


def shown(value: Any) -> str:
    """A value as error texts show it: quoted text, JSON for the rest."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def required(path: str, detail: str = "") -> Cause:
    return Cause(path, _body("Required value", detail), "FieldValueRequired")


def invalid(path: str, value: Any, detail: str) -> Cause:
    return Cause(path, _body(f"Invalid value: {shown(value)}", detail), "FieldValueInvalid")


def type_invalid(path: str, value: Any, detail: str) -> Cause:
    return Cause(path, _body(f"Invalid value: {shown(value)}", detail), "FieldValueTypeInvalid")


def unsupported(path: str, value: Any, supported: Iterable[str]) -> Cause:
    listed = ", ".join(shown(name) for name in supported)
    detail = f"supported values: {listed}" if listed else ""
    text = _body(f"Unsupported value: {shown(value)}", detail)
    return Cause(path, text, "FieldValueNotSupported")


def of_form(path: str, value: Any, rule: Callable[[Any], Iterable[str]]) -> list[Cause]:
    """What a rule of `names` has to say against a value."""
    return [invalid(path, value, text) for text in rule(value)]


def required_of_form(
    path: str, value: Any, rule: Callable[[Any], Iterable[str]], absent: str = ""
) -> list[Cause]:
    """As `of_form`; an empty value is refused with the text `absent`."""
    return of_form(path, value, rule) if value else [required(path, absent)]


def duplicate(path: str, value: Any) -> Cause:
    return Cause(path, f"Duplicate value: {shown(value)}", "FieldValueDuplicate")


def not_found(path: str, value: Any) -> Cause:
    return Cause(path, f"Not found: {shown(value)}", "FieldValueNotFound")


def forbidden(path: str, detail: str) -> Cause:
    return Cause(path, _body("Forbidden", detail), "FieldValueForbidden")


def too_long(path: str, limit_bytes: int) -> Cause:
    text = f"Too long: may not be more than {limit_bytes} bytes"
    return Cause(path, text, "FieldValueTooLong")


def too_many(path: str, actual: int, limit: int) -> Cause:
    return Cause(path, f"Too many: {actual}: must have at most {limit} items", "FieldValueTooMany")


IMMUTABLE = "field is immutable"


def immutable(path: str, new: Any, old: Any) -> list[Cause]:
    """Refuse any change of a field."""
    return [] if new == old else [invalid(path, new, IMMUTABLE)]
