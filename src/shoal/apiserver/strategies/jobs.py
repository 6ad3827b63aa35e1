"""Jobs: each gets labels and a selector that no other job has.

Source: Kubernetes v1.36, pkg/registry/batch/job/strategy.go.
"""

from shoal.api.batch import (
    CONTROLLER_UID_LABEL,
    JOB_NAME_LABEL,
    LEGACY_CONTROLLER_UID_LABEL,
    LEGACY_JOB_NAME_LABEL,
)
from shoal.api.resource import JsonObject
from shoal.apiserver.core import Core
from shoal.apiserver.requests import Target
from shoal.apiserver.strategies.strategy import Strategy


class JobStrategy(Strategy):
    has_generation = True
    default_propagation = "Orphan"

    def prepare_create(self, core: Core, target: Target, obj: JsonObject) -> None:
        super().prepare_create(core, target, obj)
        spec: JsonObject = obj["spec"]
        if not spec.get("manualSelector"):
            _generate_selector(spec, obj["metadata"])
        labels = (spec["template"].get("metadata") or {}).get("labels")
        if labels and not obj["metadata"].get("labels"):
            obj["metadata"]["labels"] = dict(labels)


def _generate_selector(spec: JsonObject, metadata: JsonObject) -> None:
    """What the user has set stays; validation refuses it where it is another job's."""
    name, uid = metadata.get("name", ""), metadata["uid"]
    template: JsonObject = spec["template"].setdefault("metadata", {})
    labels: JsonObject = template.setdefault("labels", {})
    for label, value in (
        (LEGACY_JOB_NAME_LABEL, name),
        (JOB_NAME_LABEL, name),
        (LEGACY_CONTROLLER_UID_LABEL, uid),
        (CONTROLLER_UID_LABEL, uid),
    ):
        labels.setdefault(label, value)
    selector: JsonObject = spec.setdefault("selector", {})
    selector.setdefault("matchLabels", {}).setdefault(CONTROLLER_UID_LABEL, uid)
