"""Read JSON into structs strictly, and tell all that is wrong, with paths.

As Go decodes: a null, and a field that is absent, are the field's default, or the zero value of
its type where it has none. Otherwise the JSON types must be right, and no field unknown.
"""

import base64
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from shoal.api import causes
from shoal.api.duration import Duration, duration
from shoal.api.status import Cause

_T = TypeVar("_T")
_INT32_MAX = 2**31 - 1


def read(kind: type[_T], value: Any, path: str, wrong: list[Cause]) -> _T:
    """The struct that `value` stands for; of use only where nothing was added to `wrong`."""
    return _read(_form(kind), value, path, wrong)


def unknown_field(path: str) -> Cause:
    return Cause("", f'strict decoding error: unknown field "{path}"', "FieldValueInvalid")


@cache
def _form(kind: type) -> inspect.Type:
    return inspect.type_info(kind)


def _read(form: inspect.Type, value: Any, path: str, wrong: list[Cause]) -> Any:
    match form:
        case inspect.UnionType():
            some = next(t for t in form.types if not isinstance(t, inspect.NoneType))
            return None if value is None else _read(some, value, path, wrong)
        case inspect.StructType() if form.cls is Duration:
            return _read_duration(value, path, wrong)
        case inspect.StructType():
            return _read_struct(form, value, path, wrong)
        case inspect.VarTupleType() | inspect.ListType():
            items = _read_items(form.item_type, value, path, wrong)
            return tuple(items) if isinstance(form, inspect.VarTupleType) else items
        case inspect.DictType():
            return _read_map(form.value_type, value, path, wrong)
        case inspect.EnumType():
            return _read_enum(form, value, path, wrong)
        case inspect.BytesType():
            return _read_bytes(value, path, wrong)
        case inspect.AnyType():
            return value
        case _:
            return _read_scalar(form, value, path, wrong)


def _read_struct(
    form: inspect.StructType, value: Any, path: str, wrong: list[Cause]
) -> msgspec.Struct | None:
    value = {} if value is None else value
    if not isinstance(value, dict):
        wrong.append(causes.invalid(path, value, "must be an object"))
        return None
    raw: Mapping[str, Any] = value
    fields = {field.encode_name: field for field in form.fields}
    wrong += [unknown_field(_child(path, name)) for name in raw if name not in fields]
    found = {
        field.name: _read_field(field, raw.get(name), _child(path, name), wrong)
        for name, field in fields.items()
    }
    return form.cls(**found)


def _read_field(field: inspect.Field, value: Any, path: str, wrong: list[Cause]) -> Any:
    if value is not None:
        return _read(field.type, value, path, wrong)
    if field.default is not msgspec.NODEFAULT:
        return field.default
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return _read(field.type, None, path, wrong)


def _read_items(form: inspect.Type, value: Any, path: str, wrong: list[Cause]) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        wrong.append(causes.invalid(path, value, "must be a list"))
        return []
    listed: list[Any] = value
    return [_read(form, item, f"{path}[{i}]", wrong) for i, item in enumerate(listed)]


def _read_map(form: inspect.Type, value: Any, path: str, wrong: list[Cause]) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        wrong.append(causes.invalid(path, value, "must be an object"))
        return {}
    raw: dict[str, Any] = value
    return {key: _read(form, item, f"{path}[{key}]", wrong) for key, item in raw.items()}


def _read_enum(form: inspect.EnumType, value: Any, path: str, wrong: list[Cause]) -> Any:
    text = _read_scalar(inspect.StrType(), value, path, wrong)
    for member in form.cls:
        if member.value == text:
            return member
    wrong.append(causes.unsupported(path, text, [member.value for member in form.cls]))
    return None


def _read_duration(value: Any, path: str, wrong: list[Cause]) -> Duration:
    text = _read_scalar(inspect.StrType(), value, path, wrong)
    try:
        return duration(text or "0")
    except ValueError as error:
        wrong.append(causes.invalid(path, text, str(error)))
        return Duration("0", 0.0)


def _read_bytes(value: Any, path: str, wrong: list[Cause]) -> bytes:
    text = _read_scalar(inspect.StrType(), value, path, wrong)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        wrong.append(causes.invalid(path, text, "must be base64"))
        return b""


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or _is_integer(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool)


_SCALARS: Mapping[type[inspect.Type], tuple[Any, Callable[[Any], bool], str]] = {
    inspect.StrType: ("", _is_text, "must be a string"),
    inspect.IntType: (0, _is_integer, "must be an integer"),
    inspect.FloatType: (0.0, _is_number, "must be a number"),
    inspect.BoolType: (False, _is_truth, "must be a boolean"),
}


def _read_scalar(form: inspect.Type, value: Any, path: str, wrong: list[Cause]) -> Any:
    zero, fits, rule = _SCALARS[type(form)]
    if value is None:
        return zero
    if not fits(value):
        wrong.append(causes.invalid(path, value, rule))
        return zero
    if isinstance(form, inspect.IntType):
        limit = _INT32_MAX if form.le is None else form.le
        if not -limit - 1 <= value <= limit:
            bits = int(limit).bit_length() + 1
            wrong.append(causes.invalid(path, value, f"must be an integer of {bits} bits"))
            return zero
    return value


def _child(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
