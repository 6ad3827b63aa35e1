"""Pods and nodes in a line: `make_pod("a").req(cpu="1").toleration("spot").obj()`.

A builder is a value: every method returns a new one, so a half-built pod can be shared by tests.
`manifest()` gives the JSON object to create, `obj()` the struct that Shoal reads.
"""

import copy
from typing import Any, Self

import msgspec

from shoal.api.node import Node
from shoal.api.pod import Pod
from shoal.api.resource import JsonObject


class _Builder:
    def __init__(self, manifest: JsonObject) -> None:
        self._manifest = manifest

    def manifest(self) -> JsonObject:
        """A copy: the caller may change it."""
        return copy.deepcopy(self._manifest)

    def labels(self, **labels: str) -> Self:
        return self.meta(labels={**self._manifest["metadata"].get("labels", {}), **labels})

    def annotations(self, **annotations: str) -> Self:
        return self.meta(annotations=annotations)

    def meta(self, **fields: Any) -> Self:
        """Fields of metadata, by their names on the wire."""
        return self._with("metadata", fields)

    def spec(self, **fields: Any) -> Self:
        """Fields of the spec, by their names on the wire."""
        return self._with("spec", fields)

    def status(self, **fields: Any) -> Self:
        """Fields of the status, by their names on the wire."""
        return self._with("status", fields)

    def _with(self, part: str, fields: JsonObject) -> Self:
        manifest = self.manifest()
        manifest.setdefault(part, {}).update(copy.deepcopy(fields))
        return type(self)(manifest)


class PodBuilder(_Builder):
    """A pod under construction; each call adds to it."""

    def obj(self) -> Pod:
        return msgspec.convert(self._manifest, Pod)

    def uid(self, uid: str) -> Self:
        return self.meta(uid=uid)

    def namespace(self, namespace: str) -> Self:
        return self.meta(namespace=namespace)

    def scheduler(self, scheduler_name: str) -> Self:
        return self.spec(schedulerName=scheduler_name)

    def priority(self, priority: int) -> Self:
        return self.spec(priority=priority)

    def node(self, node_name: str) -> Self:
        """Placed already."""
        return self.spec(nodeName=node_name)

    def container(self, image: str = "app", **fields: Any) -> Self:
        """One more container, named `c0`, `c1`, ... unless told otherwise."""
        containers = self._manifest["spec"].get("containers", [])
        container = {"name": f"c{len(containers)}", "image": image, **fields}
        return self.spec(containers=[*containers, container])

    def req(self, requests: dict[str, str] | None = None, **more: str) -> Self:
        """One more container that asks for this: `req(cpu="1")`, `req({"example.com/x": "1"})`."""
        return self.container(resources={"requests": {**(requests or {}), **more}})

    def init_req(self, restart_policy: str | None = None, **requests: str) -> Self:
        """One more init container; `restart_policy="Always"` makes it a sidecar."""
        containers = self._manifest["spec"].get("initContainers", [])
        container: JsonObject = {
            "name": f"i{len(containers)}",
            "image": "app",
            "resources": {"requests": requests},
        }
        if restart_policy:
            container["restartPolicy"] = restart_policy
        return self.spec(initContainers=[*containers, container])

    def toleration(
        self, key: str = "", value: str = "", effect: str = "", operator: str = ""
    ) -> Self:
        """Without a value the key alone has to exist."""
        operator = operator or ("Equal" if value else "Exists")
        fields = {"key": key, "value": value, "effect": effect, "operator": operator}
        toleration = {name: text for name, text in fields.items() if text}
        return self.spec(tolerations=[*self._manifest["spec"].get("tolerations", []), toleration])

    def gate(self, name: str) -> Self:
        gates = self._manifest["spec"].get("schedulingGates", [])
        return self.spec(schedulingGates=[*gates, {"name": name}])

    def terminating(self, at: str = "2026-01-01T00:00:00Z") -> Self:
        return self.meta(deletionTimestamp=at)

    def phase(self, phase: str) -> Self:
        return self.status(phase=phase)

    def condition(self, type: str, status: str, reason: str = "", message: str = "") -> Self:
        said = self._manifest.get("status", {}).get("conditions", [])
        condition = {"type": type, "status": status, "reason": reason, "message": message}
        return self.status(conditions=[*said, condition])


class NodeBuilder(_Builder):
    """A node under construction; each call adds to it."""

    def obj(self) -> Node:
        return msgspec.convert(self._manifest, Node)

    def capacity(self, amounts: dict[str, str] | None = None, **more: str) -> Self:
        """Capacity and allocatable alike; 110 pods unless told otherwise."""
        resources = {"pods": "110", **(amounts or {}), **more}
        return self.status(capacity=resources, allocatable=resources)

    def taint(self, key: str, value: str = "", effect: str = "NoSchedule") -> Self:
        taints = self._manifest["spec"].get("taints", [])
        return self.spec(taints=[*taints, {"key": key, "value": value, "effect": effect}])

    def unschedulable(self) -> Self:
        return self.spec(unschedulable=True)

    def condition(self, type: str, status: str) -> Self:
        said = self._manifest["status"].get("conditions", [])
        return self.status(conditions=[*said, {"type": type, "status": status}])


def make_pod(name: str) -> PodBuilder:
    """A pod of namespace `default` without containers; its uid is its name."""
    return PodBuilder(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "uid": name},
            "spec": {},
        }
    )


def make_node(name: str) -> NodeBuilder:
    """A node with the hostname label, and nothing to offer until `capacity` says so."""
    return NodeBuilder(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "uid": f"node-{name}",
                "labels": {"kubernetes.io/hostname": name},
            },
            "spec": {},
            "status": {},
        }
    )
