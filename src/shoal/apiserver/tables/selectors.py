"""Labels and label selectors, and the containers of a pod template, as cells."""

from collections.abc import Mapping

from shoal.api.resource import JsonObject
from shoal.apiserver.served import Column
from shoal.apiserver.tables.columns import NONE, items, section, wide

TEMPLATE_COLUMNS = (
    wide("Containers", "Names of the containers in the template."),
    wide("Images", "Images of the containers in the template."),
)
SELECTOR_COLUMN: Column = wide("Selector", "Labels of the pods that belong to this object.")


def template_cells(template: JsonObject) -> list[object]:
    """Of `TEMPLATE_COLUMNS`."""
    containers = items(section(template, "spec"), "containers")
    names = ",".join(container.get("name", "") for container in containers)
    images = ",".join(container.get("image", "") for container in containers)
    return [names, images]


def format_labels(labels: Mapping[str, str] | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def format_selector(selector: JsonObject | None) -> str:
    """A meta/v1 LabelSelector in the grammar of `kubectl -l`, ordered by key."""
    if not selector:
        return NONE
    terms = [(key, f"{key}={value}") for key, value in section(selector, "matchLabels").items()]
    terms += [
        (str(expression.get("key")), _format_expression(expression))
        for expression in items(selector, "matchExpressions")
    ]
    return ",".join(term for _, term in sorted(terms, key=lambda pair: pair[0])) or NONE


def _format_expression(expression: JsonObject) -> str:
    key = expression.get("key")
    values = ",".join(sorted(items(expression, "values")))
    match expression.get("operator"):
        case "In":
            return f"{key} in ({values})"
        case "NotIn":
            return f"{key} notin ({values})"
        case "Exists":
            return f"{key}"
        case "DoesNotExist":
            return f"!{key}"
        case _:
            return "<error>"
