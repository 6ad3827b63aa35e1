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
