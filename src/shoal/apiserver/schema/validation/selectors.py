"""Rules for label selectors, wherever a kind has one."""

from collections.abc import Iterator

from shoal.api import causes
from shoal.api.names import label_value, qualified_name
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.metadata import validate_labels


def validate_label_selector(selector: JsonObject, path: str) -> Iterator[Cause]:
    """A meta/v1 LabelSelector."""
    if selector.get("matchLabels"):
        yield from validate_labels(selector["matchLabels"], f"{path}.matchLabels")
    for index, expression in enumerate(selector.get("matchExpressions") or ()):
        yield from _expression(expression, f"{path}.matchExpressions[{index}]")


def validate_operator(expression: JsonObject, path: str) -> Iterator[Cause]:
    """Whether an expression has values where its operator wants some, and none elsewhere."""
    operator, values = expression.get("operator", ""), expression.get("values") or []
    match operator:
        case "In" | "NotIn":
            if not values:
                text = "must be specified when `operator` is 'In' or 'NotIn'"
                yield causes.required(f"{path}.values", text)
        case "Exists" | "DoesNotExist":
            if values:
                text = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                yield causes.forbidden(f"{path}.values", text)
        case _:
            text = "not a valid selector operator"
            yield causes.invalid(f"{path}.operator", operator, text)


def _expression(expression: JsonObject, path: str) -> Iterator[Cause]:
    key: str = expression.get("key", "")
    values: list[str] = expression.get("values") or []
    yield from validate_operator(expression, path)
    yield from causes.of_form(f"{path}.key", key, qualified_name)
    for index, value in enumerate(values):
        yield from causes.of_form(f"{path}.values[{index}]", value, label_value)
