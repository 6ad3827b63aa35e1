"""The Node object and the Lease of a virtual node, as values.

Conditions, reasons and texts are the kubelet's (Kubernetes v1.36, pkg/kubelet/nodestatus).
"""

from dataclasses import dataclass
from datetime import datetime

from shoal import __version__
from shoal.agent.limitations import enforcement
from shoal.agent.node_context import NodeConfig, PodNetworkFacts
from shoal.agent.runtime.protocol import Capabilities
from shoal.api.kubernetes_version import GIT_VERSION
from shoal.api.meta import find_condition, held_since, micro_timestamp, timestamp
from shoal.api.node import Node
from shoal.api.resource import JsonObject

LEASE_NAMESPACE = "kube-node-lease"
LEASE_DURATION_S = 40
RUNTIME_LABEL = "shoal.io/runtime"
LIMITS_ENFORCED = "LimitsEnforced"
"""Condition of ours: whether all of a pod's limits and users hold here, and which do not."""
POD_NETWORKS = "PodNetworks"
"""Condition of our own: whether each pod has a network namespace, and why not."""

_PRESSURES = (
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """What the machine says of itself."""

    machine_id: str
    boot_id: str
    kernel_version: str
    os_image: str
    architecture: str


def node_labels(
    config: NodeConfig, capabilities: Capabilities, machine: MachineFacts
) -> JsonObject:
    return {
        "kubernetes.io/hostname": config.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine.architecture,
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": machine.architecture,
        RUNTIME_LABEL: capabilities.level,
        **config.labels,
    }


def node_status(
    config: NodeConfig,
    machine: MachineFacts,
    capabilities: Capabilities,
    host_ip: str,
    network: PodNetworkFacts,
    before: Node | None,
    now: datetime,
) -> JsonObject:
    """`before` is the Node as it is, for the times of its conditions."""
    resources = {name: str(amount) for name, amount in config.resources.items()}
    ready = ("Ready", "KubeletReady", "kubelet is posting ready status")
    return {
        "capacity": resources,
        "allocatable": resources,
        "conditions": [
            *(
                _condition(name, "False", reason, message, before, now)
                for name, reason, message in _PRESSURES
            ),
            _condition(*_pod_networks(network), before, now),
            _condition(*_limits(capabilities), before, now),
            _condition(ready[0], "True", ready[1], ready[2], before, now),
        ],
        "addresses": [
            {"type": "InternalIP", "address": host_ip},
            {"type": "Hostname", "address": config.name},
        ],
        "nodeInfo": {
            "machineID": machine.machine_id,
            "systemUUID": machine.machine_id,
            "bootID": machine.boot_id,
            "kernelVersion": machine.kernel_version,
            "osImage": machine.os_image,
            "containerRuntimeVersion": f"shoal://{__version__}",
            "kubeletVersion": GIT_VERSION,
            "kubeProxyVersion": "",
            "operatingSystem": "linux",
            "architecture": machine.architecture,
        },
    }


def _pod_networks(network: PodNetworkFacts) -> tuple[str, str, str, str]:
    value, reason = ("True", "NamespacePerPod") if network.is_isolated else ("False", "Shared")
    return POD_NETWORKS, value, reason, network.sentence


def _limits(capabilities: Capabilities) -> tuple[str, str, str, str]:
    found = enforcement(capabilities)
    value = "True" if found.is_whole else "False"
    return LIMITS_ENFORCED, value, found.reason, found.message


def _condition(
    name: str, value: str, reason: str, message: str, before: Node | None, now: datetime
) -> JsonObject:
    known = find_condition(before.status.conditions, name) if before is not None else None
    return {
        "type": name,
        "status": value,
        "lastHeartbeatTime": timestamp(now),
        "lastTransitionTime": timestamp(held_since(known, value, now)),
        "reason": reason,
        "message": message,
    }


def lease_body(node: Node, now: datetime) -> JsonObject:
    owner = {
        "apiVersion": "v1",
        "kind": "Node",
        "name": node.metadata.name,
        "uid": node.metadata.uid,
    }
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": node.metadata.name,
            "namespace": LEASE_NAMESPACE,
            "ownerReferences": [owner],
        },
        "spec": lease_spec(node.metadata.name, now),
    }


def lease_spec(node_name: str, now: datetime) -> JsonObject:
    return {
        "holderIdentity": node_name,
        "leaseDurationSeconds": LEASE_DURATION_S,
        "renewTime": micro_timestamp(now),
    }
