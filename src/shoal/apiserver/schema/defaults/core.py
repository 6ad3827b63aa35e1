"""Defaults of the small kinds."""

from base64 import b64encode

from shoal.api.resource import JsonObject

_NAME_LABEL = "kubernetes.io/metadata.name"


def default_namespace(namespace: JsonObject) -> None:
    metadata: JsonObject = namespace.setdefault("metadata", {})
    if metadata.get("name"):
        metadata.setdefault("labels", {})[_NAME_LABEL] = metadata["name"]


def default_node(node: JsonObject) -> None:
    node.setdefault("spec", {})
    status: JsonObject = node.setdefault("status", {})
    if status.get("capacity") and "allocatable" not in status:
        status["allocatable"] = dict(status["capacity"])


def default_secret(secret: JsonObject) -> None:
    """`stringData` is how people write `data`; it is never stored."""
    texts = secret.pop("stringData", None)
    if texts:
        data: JsonObject = secret.setdefault("data", {})
        for key, text in texts.items():
            data[key] = b64encode(text.encode()).decode()
    if not secret.get("type"):
        secret["type"] = "Opaque"


def default_priority_class(priority_class: JsonObject) -> None:
    priority_class.setdefault("value", 0)
    if not priority_class.get("preemptionPolicy"):
        priority_class["preemptionPolicy"] = "PreemptLowerPriority"


def default_nothing(_: JsonObject) -> None:
    """For kinds without defaults."""


def default_limit_range(limit_range: JsonObject) -> None:
    """Of containers: what is not said about a limit is taken from the most that is allowed, and
    about a request from the limit, then from the least."""
    for item in (limit_range.get("spec") or {}).get("limits") or ():
        if item.get("type") != "Container":
            continue
        limits = {**(item.get("max") or {}), **(item.get("default") or {})}
        least, requests = item.get("min") or {}, item.get("defaultRequest") or {}
        filled = {"default": limits, "defaultRequest": {**least, **limits, **requests}}
        item.update((field, amounts) for field, amounts in filled.items() if amounts)
