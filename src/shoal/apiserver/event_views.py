"""Events: one stored object, shown by v1 and by events.k8s.io/v1 under different field names.

Source of the mapping: Kubernetes v1.36, pkg/apis/events/v1/conversion.go.
"""

from shoal.api.resource import JsonObject

_NEW_TO_STORED = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_STORED_TO_NEW = {stored: new for new, stored in _NEW_TO_STORED.items()}


class EventsView:
    """events.k8s.io/v1 over stored v1 events."""

    def from_storage(self, obj: JsonObject) -> JsonObject:
        return _renamed(obj, _STORED_TO_NEW) | {"apiVersion": "events.k8s.io/v1"}

    def to_storage(self, obj: JsonObject) -> JsonObject:
        return _renamed(obj, _NEW_TO_STORED) | {"apiVersion": "v1"}


def _renamed(obj: JsonObject, names: dict[str, str]) -> JsonObject:
    return {names.get(field, field): value for field, value in obj.items()}
