"""Kinds that keep a number of pods: Deployment, ReplicaSet, StatefulSet, DaemonSet; and what the
latter two once were."""

from datetime import datetime

from shoal.api.resource import JsonObject
from shoal.apiserver.tables.age import age_of
from shoal.apiserver.tables.columns import (
    AGE,
    NAME,
    NONE,
    KindTable,
    count,
    items,
    name_of,
    section,
    text,
)
from shoal.apiserver.tables.selectors import (
    SELECTOR_COLUMN,
    TEMPLATE_COLUMNS,
    format_labels,
    format_selector,
    template_cells,
)


def _wide_cells(obj: JsonObject) -> list[object]:
    spec = section(obj, "spec")
    return [*template_cells(section(spec, "template")), format_selector(spec.get("selector"))]


def _deployment(obj: JsonObject, now: datetime) -> list[object]:
    status = section(obj, "status")
    desired = section(obj, "spec").get("replicas", 0)
    return [
        name_of(obj),
        f"{status.get('readyReplicas', 0)}/{desired}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        age_of(obj, now),
        *_wide_cells(obj),
    ]


def _replica_set(obj: JsonObject, now: datetime) -> list[object]:
    status = section(obj, "status")
    return [
        name_of(obj),
        section(obj, "spec").get("replicas", 0),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        age_of(obj, now),
        *_wide_cells(obj),
    ]


def _stateful_set(obj: JsonObject, now: datetime) -> list[object]:
    spec = section(obj, "spec")
    ready = section(obj, "status").get("readyReplicas", 0)
    return [
        name_of(obj),
        f"{ready}/{spec.get('replicas', 0)}",
        age_of(obj, now),
        *template_cells(section(spec, "template")),
    ]


def _daemon_set(obj: JsonObject, now: datetime) -> list[object]:
    status = section(obj, "status")
    return [
        name_of(obj),
        status.get("desiredNumberScheduled", 0),
        status.get("currentNumberScheduled", 0),
        status.get("numberReady", 0),
        status.get("updatedNumberScheduled", 0),
        status.get("numberAvailable", 0),
        format_labels(section(obj, "spec", "template", "spec").get("nodeSelector")),
        age_of(obj, now),
        *_wide_cells(obj),
    ]


def _controller_revision(obj: JsonObject, now: datetime) -> list[object]:
    owners: list[JsonObject] = items(section(obj, "metadata"), "ownerReferences")
    controller = next((owner for owner in owners if owner.get("controller")), None)
    shown = NONE
    if controller is not None:
        group, _, _ = str(controller["apiVersion"]).rpartition("/")
        kind = ".".join(filter(None, [str(controller["kind"]).lower(), group]))
        shown = f"{kind}/{controller['name']}"
    return [name_of(obj), shown, obj.get("revision", 0), age_of(obj, now)]


DEPLOYMENTS = KindTable(
    (
        NAME,
        text("Ready", "Pods that are ready, of those wanted."),
        text("Up-to-date", "Pods of the newest template."),
        text("Available", "Pods that have been ready for long enough."),
        AGE,
        *TEMPLATE_COLUMNS,
        SELECTOR_COLUMN,
    ),
    _deployment,
)
REPLICA_SETS = KindTable(
    (
        NAME,
        count("Desired", "Pods that are wanted."),
        count("Current", "Pods that exist."),
        count("Ready", "Pods that are ready."),
        AGE,
        *TEMPLATE_COLUMNS,
        SELECTOR_COLUMN,
    ),
    _replica_set,
)
STATEFUL_SETS = KindTable(
    (NAME, text("Ready", "Pods that are ready, of those wanted."), AGE, *TEMPLATE_COLUMNS),
    _stateful_set,
)
DAEMON_SETS = KindTable(
    (
        NAME,
        count("Desired", "Nodes that should run the pod."),
        count("Current", "Nodes that run it."),
        count("Ready", "Nodes whose pod is ready."),
        count("Up-to-date", "Nodes that run the newest template."),
        count("Available", "Nodes whose pod has been ready for long enough."),
        text("Node Selector", "Labels of the nodes that should run the pod."),
        AGE,
        *TEMPLATE_COLUMNS,
        SELECTOR_COLUMN,
    ),
    _daemon_set,
)
CONTROLLER_REVISIONS = KindTable(
    (
        NAME,
        text("Controller", "The object whose template this was."),
        text("Revision", "Number of the revision; the highest is the newest."),
        AGE,
    ),
    _controller_revision,
)
