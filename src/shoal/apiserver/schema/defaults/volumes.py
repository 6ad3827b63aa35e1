"""Defaults of a pod's volumes, of persistent volumes, and of claims and classes of them."""

from shoal.api.resource import JsonObject

_DEFAULT_MODE = 0o644
_TOKEN_EXPIRATION_S = 3600


def default_volume(volume: JsonObject) -> None:
    if len(volume) < 2:
        volume.setdefault("emptyDir", {})
    for kind, source in volume.items():
        match kind:
            case "secret" | "configMap":
                source.setdefault("defaultMode", _DEFAULT_MODE)
            case "downwardAPI":
                source.setdefault("defaultMode", _DEFAULT_MODE)
                _default_downward_items(source)
            case "projected":
                source.setdefault("defaultMode", _DEFAULT_MODE)
                for part in source.get("sources", ()):
                    _default_projection(part)
            case "hostPath":
                source.setdefault("type", "")
            case "iscsi":
                source.setdefault("iscsiInterface", "default")
            case "ephemeral":
                _default_claim_spec(source.get("volumeClaimTemplate", {}).get("spec"))
            case _:
                pass


def _default_projection(part: JsonObject) -> None:
    if "downwardAPI" in part:
        _default_downward_items(part["downwardAPI"])
    if "serviceAccountToken" in part:
        part["serviceAccountToken"].setdefault("expirationSeconds", _TOKEN_EXPIRATION_S)


def _default_downward_items(source: JsonObject) -> None:
    for item in source.get("items", ()):
        if "fieldRef" in item and not item["fieldRef"].get("apiVersion"):
            item["fieldRef"]["apiVersion"] = "v1"
        if "resourceFieldRef" in item:
            item["resourceFieldRef"].setdefault("divisor", "0")


def default_claim(claim: JsonObject) -> None:
    """PersistentVolumeClaim."""
    _default_claim_spec(claim.setdefault("spec", {}))


def _default_claim_spec(spec: JsonObject | None) -> None:
    if spec is not None:
        spec.setdefault("volumeMode", "Filesystem")
        spec.setdefault("resources", {})


def default_persistent_volume(volume: JsonObject) -> None:
    spec: JsonObject = volume.setdefault("spec", {})
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
    spec.setdefault("volumeMode", "Filesystem")
    if "hostPath" in spec:
        spec["hostPath"].setdefault("type", "")


def default_storage_class(storage_class: JsonObject) -> None:
    storage_class.setdefault("reclaimPolicy", "Delete")
    storage_class.setdefault("volumeBindingMode", "Immediate")
