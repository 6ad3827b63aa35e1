"""StatefulSets and DaemonSets: their first numbers, and how often a DaemonSet's template changed.

Source of the annotation: Kubernetes v1.36, pkg/registry/apps/daemonset and pkg/apis/apps/v1.
"""

from shoal.api.apps import TEMPLATE_GENERATION
from shoal.api.resource import JsonObject
from shoal.apiserver.core import Core
from shoal.apiserver.requests import Target
from shoal.apiserver.strategies.counted import CountedStrategy


class StatefulSetStrategy(CountedStrategy):
    """Shows its numbers from the start."""

    def prepare_create(self, core: Core, target: Target, obj: JsonObject) -> None:
        obj["status"] = {"replicas": 0, "availableReplicas": 0}


class DaemonSetStrategy(CountedStrategy):
    """Counts the changes of its template in an annotation, for clients of its older versions."""

    def prepare_create(self, core: Core, target: Target, obj: JsonObject) -> None:
        obj["status"] = {
            "currentNumberScheduled": 0,
            "numberMisscheduled": 0,
            "desiredNumberScheduled": 0,
            "numberReady": 0,
        }
        _note(obj, 1)

    def prepare_update(self, core: Core, target: Target, new: JsonObject, old: JsonObject) -> None:
        generation = _noted(old)
        if _template(new) != _template(old):
            generation += 1
        _note(new, generation)


def _template(daemon_set: JsonObject) -> object:
    return (daemon_set.get("spec") or {}).get("template")


def _noted(daemon_set: JsonObject) -> int:
    """Written by this server only, so it is a number."""
    return int((daemon_set["metadata"].get("annotations") or {})[TEMPLATE_GENERATION])


def _note(daemon_set: JsonObject, generation: int) -> None:
    metadata = daemon_set["metadata"]
    annotations = metadata.get("annotations") or {}
    metadata["annotations"] = {**annotations, TEMPLATE_GENERATION: str(generation)}
