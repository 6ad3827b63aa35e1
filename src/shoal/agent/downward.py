"""The downward API: what a pod may read about itself, in variables and files.

Source of the field paths and formats: Kubernetes v1.36, pkg/fieldpath and
pkg/api/v1/resource (helpers.go).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING

from shoal.api import quantity
from shoal.api.downward import ResourceFieldSelector
from shoal.api.pod import Container, Pod, ResourceMap

_SUBSCRIPT = re.compile(r"^metadata\.(labels|annotations)\['(.*)'\]$")


class DownwardError(ValueError):
    """A field that a pod cannot read about itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What of its node and place a pod can read."""

    host_ip: str
    pod_ip: str
    allocatable: ResourceMap = field(default_factory=dict[str, quantity.RawQuantity])


def read_field(pod: Pod, path: str, facts: NodeFacts) -> str:
    """Raises DownwardError."""
    metadata = pod.metadata
    if match := _SUBSCRIPT.match(path):
        texts = metadata.labels if match.group(1) == "labels" else metadata.annotations
        return texts.get(match.group(2), "")
    match path:
        case "metadata.name":
            return metadata.name
        case "metadata.namespace":
            return metadata.namespace
        case "metadata.uid":
            return metadata.uid
        case "metadata.labels":
            return _format_map(metadata.labels)
        case "metadata.annotations":
            return _format_map(metadata.annotations)
        case "spec.nodeName":
            return pod.spec.node_name
        case "spec.serviceAccountName":
            return pod.spec.service_account_name
        case "status.hostIP" | "status.hostIPs":
            return facts.host_ip
        case "status.podIP" | "status.podIPs":
            return facts.pod_ip
        case _:
            raise DownwardError(f"unsupported fieldPath: {path}")


def read_resource(
    pod: Pod, container: Container, selector: ResourceFieldSelector, facts: NodeFacts
) -> str:
    """A container's request or limit in units of the divisor, rounded up; a limit that is not
    set is what the node has. Raises DownwardError."""
    if selector.container_name:
        containers = [*pod.spec.containers, *pod.spec.init_containers]
        named = next((c for c in containers if c.name == selector.container_name), None)
        if named is None:
            raise DownwardError(f"container {selector.container_name} not found")
        container = named
    kind, _, resource = selector.resource.partition(".")
    amounts: Mapping[str, quantity.RawQuantity]
    if kind == "limits":
        amounts = facts.allocatable | container.resources.limits
    elif kind == "requests":
        amounts = container.resources.limits | container.resources.requests
    else:
        raise DownwardError(f"unsupported container resource : {selector.resource}")
    divisor = quantity.parse(selector.divisor) or 1
    units = quantity.parse(amounts.get(resource, 0)) / divisor
    return str(int(units.to_integral_value(ROUND_CEILING)))


def _format_map(texts: Mapping[str, str]) -> str:
    """One `key="value"` a line, sorted, quoted as Go quotes."""
    return "\n".join(f"{key}={json.dumps(texts[key], ensure_ascii=False)}" for key in sorted(texts))
