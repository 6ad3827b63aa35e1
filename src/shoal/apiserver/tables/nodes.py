"""Nodes: readiness, roles, addresses, the machine."""

from datetime import datetime

from shoal.api.resource import JsonObject
from shoal.apiserver.tables.age import UNKNOWN, age_of
from shoal.apiserver.tables.columns import (
    AGE,
    NAME,
    NONE,
    KindTable,
    items,
    name_of,
    section,
    text,
    wide,
)

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ROLE_LABEL = "kubernetes.io/role"


def _cells(node: JsonObject, now: datetime) -> list[object]:
    info = section(node, "status", "nodeInfo")
    return [
        name_of(node),
        _status(node),
        _roles(section(node, "metadata", "labels")),
        age_of(node, now),
        info.get("kubeletVersion", ""),
        _address(node, "InternalIP"),
        _address(node, "ExternalIP"),
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _status(node: JsonObject) -> str:
    words = [
        "Ready" if condition.get("status") == "True" else "NotReady"
        for condition in items(section(node, "status"), "conditions")
        if condition.get("type") == "Ready"
    ] or ["Unknown"]
    if section(node, "spec").get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _roles(labels: JsonObject) -> str:
    roles = {key.removeprefix(_ROLE_PREFIX) for key in labels if key.startswith(_ROLE_PREFIX)}
    roles.add(labels.get(_ROLE_LABEL, ""))
    return ",".join(sorted(roles - {""})) or NONE


def _address(node: JsonObject, address_type: str) -> str:
    for address in items(section(node, "status"), "addresses"):
        if address.get("type") == address_type:
            return address.get("address", "")
    return NONE


NODES = KindTable(
    (
        NAME,
        text("Status", "Whether the node takes pods."),
        text("Roles", "Roles that the node's labels name."),
        AGE,
        text("Version", "Version of the node's agent."),
        wide("Internal-IP", "Address of the node inside the cluster."),
        wide("External-IP", "Address of the node from outside."),
        wide("OS-Image", "Operating system of the node."),
        wide("Kernel-Version", "Version of the node's kernel."),
        wide("Container-Runtime", "What runs the containers."),
    ),
    _cells,
)
