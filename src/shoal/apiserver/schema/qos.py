"""Quality of service of a pod that is read as plain JSON."""

from shoal.api.quality_of_service import qos_class
from shoal.api.resource import JsonObject


def qos_class_of(spec: JsonObject) -> str:
    """Of a pod's spec; resources of the whole pod count instead of the containers'."""
    parts = [spec]
    if not spec.get("resources"):
        parts = [*spec.get("containers", ()), *spec.get("initContainers", ())]
    resources = [part.get("resources") or {} for part in parts]
    return qos_class((each.get("requests") or {}, each.get("limits") or {}) for each in resources)
