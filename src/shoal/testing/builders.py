"""Pods and nodes in a line: `make_pod("a").req(cpu="1").toleration("spot").obj()`.

A builder is a value: every method returns a new one, so a half-built pod can be shared by tests.
`manifest()` gives the JSON object to create, `obj()` the struct that Shoal reads.
"""

import copy
import itertools
from collections.abc import Mapping
from typing import Any, Self

import msgspec

from shoal.api.batch import Job
from shoal.api.node import Node
from shoal.api.pod import Pod
from shoal.api.resource import JsonObject

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"

_numbers = itertools.count(1)
"""For pods and nodes that nobody named."""


class ObjectBuilder:
    """What all builders can: metadata, spec and status by their names on the wire."""

    def __init__(self, manifest: JsonObject) -> None:
        self._manifest = manifest

    def manifest(self) -> JsonObject:
        """A copy: the caller may change it."""
        return copy.deepcopy(self._manifest)

    @property
    def name(self) -> str:
        return self._manifest["metadata"]["name"]

    def label(self, key: str, value: str) -> Self:
        """For keys that are no Python names, such as `topology.kubernetes.io/zone`."""
        return self.labels(**{key: value})

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


class PodBuilder(ObjectBuilder):
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

    def image(self, image: str) -> Self:
        """Of the latest container; the first one where there is none."""
        return self._last_container(image=image)

    def host_port(self, port: int, protocol: str = "TCP", ip: str = "") -> Self:
        """Of the latest container; the first one where there is none."""
        taken = {"containerPort": port, "hostPort": port, "protocol": protocol}
        containers = self._manifest["spec"].get("containers", [{}])
        ports = [*containers[-1].get("ports", []), {**taken, **({"hostIP": ip} if ip else {})}]
        return self._last_container(ports=ports)

    def claim(self, name: str) -> Self:
        """A volume that is this PersistentVolumeClaim."""
        volume = {"name": name, "persistentVolumeClaim": {"claimName": name}}
        return self.spec(volumes=[*self._manifest["spec"].get("volumes", []), volume])

    def node_selector(self, labels: Mapping[str, str] | None = None, **more: str) -> Self:
        chosen = self._manifest["spec"].get("nodeSelector", {})
        return self.spec(nodeSelector={**chosen, **(labels or {}), **more})

    def node_affinity(self, key: str, *values: str, operator: str = "In") -> Self:
        """One more label that the node must have; for `Exists` and the like without values."""
        affinity = self._affinity("nodeAffinity")
        required = affinity.setdefault(_REQUIRED, {"nodeSelectorTerms": [{"matchExpressions": []}]})
        required["nodeSelectorTerms"][0]["matchExpressions"].append(
            _requirement(key, values, operator)
        )
        return self._with_affinity("nodeAffinity", affinity)

    def preferred_node_affinity(
        self, weight: int, key: str, *values: str, operator: str = "In"
    ) -> Self:
        """One more label that the node had better have; weights are 1 to 100."""
        affinity = self._affinity("nodeAffinity")
        preference = {"matchExpressions": [_requirement(key, values, operator)]}
        affinity.setdefault(_PREFERRED, []).append({"weight": weight, "preference": preference})
        return self._with_affinity("nodeAffinity", affinity)

    def pod_affinity(
        self, topology_key: str, labels: Mapping[str, str], weight: int | None = None, **term: Any
    ) -> Self:
        """To be where a pod with these labels is; with a weight (1 to 100) preferably only. More
        fields of the term by their names on the wire."""
        return self._near("podAffinity", topology_key, labels, weight, term)

    def pod_anti_affinity(
        self, topology_key: str, labels: Mapping[str, str], weight: int | None = None, **term: Any
    ) -> Self:
        """To be where no pod with these labels is; otherwise as `pod_affinity`."""
        return self._near("podAntiAffinity", topology_key, labels, weight, term)

    def spread(
        self,
        topology_key: str,
        labels: Mapping[str, str],
        max_skew: int = 1,
        when_unsatisfiable: str = "DoNotSchedule",
        **more: Any,
    ) -> Self:
        """One more topology spread constraint over the pods with these labels."""
        constraint = {
            "topologyKey": topology_key,
            "maxSkew": max_skew,
            "whenUnsatisfiable": when_unsatisfiable,
            "labelSelector": {"matchLabels": dict(labels)},
            **more,
        }
        constraints = self._manifest["spec"].get("topologySpreadConstraints", [])
        return self.spec(topologySpreadConstraints=[*constraints, constraint])

    def owner(self, kind: str, name: str, uid: str = "", api_version: str = "apps/v1") -> Self:
        """The controller that made the pod."""
        reference = {
            "apiVersion": api_version,
            "kind": kind,
            "name": name,
            "uid": uid or name,
            "controller": True,
        }
        return self.meta(ownerReferences=[reference])

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
        others = [each for each in said if each["type"] != type]
        return self.status(conditions=[*others, condition])

    def _last_container(self, **fields: Any) -> Self:
        containers = self._manifest["spec"].get("containers", [])
        if not containers:
            return self.container(**fields)
        return self.spec(containers=[*containers[:-1], {**containers[-1], **fields}])

    def _affinity(self, kind: str) -> JsonObject:
        """A copy, to be added to."""
        return copy.deepcopy(self._manifest["spec"].get("affinity", {}).get(kind, {}))

    def _with_affinity(self, kind: str, affinity: JsonObject) -> Self:
        return self.spec(affinity={**self._manifest["spec"].get("affinity", {}), kind: affinity})

    def _near(
        self,
        kind: str,
        topology_key: str,
        labels: Mapping[str, str],
        weight: int | None,
        more: JsonObject,
    ) -> Self:
        term = {
            "topologyKey": topology_key,
            "labelSelector": {"matchLabels": dict(labels)},
            **more,
        }
        affinity = self._affinity(kind)
        if weight is None:
            affinity.setdefault(_REQUIRED, []).append(term)
        else:
            weighted = {"weight": weight, "podAffinityTerm": term}
            affinity.setdefault(_PREFERRED, []).append(weighted)
        return self._with_affinity(kind, affinity)


class NodeBuilder(ObjectBuilder):
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

    def zone(self, zone: str) -> Self:
        return self.label("topology.kubernetes.io/zone", zone)

    def image(self, name: str, size_bytes: int = 0) -> Self:
        """One more image that the node has."""
        images = self._manifest["status"].get("images", [])
        return self.status(images=[*images, {"names": [name], "sizeBytes": size_bytes}])

    def unschedulable(self) -> Self:
        return self.spec(unschedulable=True)

    def condition(self, type: str, status: str) -> Self:
        said = self._manifest["status"].get("conditions", [])
        return self.status(conditions=[*said, {"type": type, "status": status}])


class BatchJobBuilder(ObjectBuilder):
    """A Job of batch/v1 under construction; each call adds to it."""

    def obj(self) -> Job:
        return msgspec.convert(self._manifest, Job)

    def pod(self, **fields: Any) -> Self:
        """Fields of the spec of its pods, by their names on the wire."""
        manifest = self.manifest()
        manifest["spec"]["template"]["spec"].update(copy.deepcopy(fields))
        return type(self)(manifest)

    def indexed(self, completions: int, **fields: Any) -> Self:
        """With an index for each pod, all of them at once unless `parallelism` says otherwise."""
        chosen = {"parallelism": completions, **fields}
        return self.spec(completionMode="Indexed", completions=completions, **chosen)


def make_pod(name: str = "") -> PodBuilder:
    """A pod of namespace `default` without containers; its uid is its name. Without a name it gets
    one that no other has."""
    name = name or f"pod-{next(_numbers)}"
    return PodBuilder(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "uid": name},
            "spec": {},
        }
    )


def make_node(name: str = "") -> NodeBuilder:
    """A node with the hostname label, and nothing to offer until `capacity` says so. Without a name
    it gets one that no other has."""
    name = name or f"node-{next(_numbers)}"
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


def make_batch_job(name: str = "j") -> BatchJobBuilder:
    """A Job of namespace `default` with one container, whose pods are never restarted."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "app"}]}
    return BatchJobBuilder(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"template": {"spec": pod}},
        }
    )


def _requirement(key: str, values: tuple[str, ...], operator: str) -> JsonObject:
    requirement: JsonObject = {"key": key, "operator": operator}
    return {**requirement, "values": list(values)} if values else requirement
