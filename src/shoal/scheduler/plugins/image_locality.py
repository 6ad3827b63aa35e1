"""ImageLocality: nodes that have the pod's images already score higher, large images count more.

An image counts by the share of all nodes that have it, so that the only node with an image does
not draw every pod that wants it.

Source of the formula and thresholds: Kubernetes v1.36,
pkg/scheduler/framework/plugins/imagelocality/image_locality.go.
"""

from collections.abc import Hashable

import numpy as np

from shoal.api.pod import PodSpec
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.plugin import MAX_NODE_SCORE, PluginArguments, Reads
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.state.node_rows import NodeRows
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo

_LOWEST_BYTES = 23 * 2**20
"""Less than this is as good as nothing."""
_HIGHEST_BYTES_PER_CONTAINER = 1000 * 2**20


class ImageLocality:
    name = "ImageLocality"
    score_reads = Reads.NODES

    def __init__(self, arguments: PluginArguments, handle: Handle) -> None:
        pass

    def sign(self, pod: PodInfo) -> Hashable:
        return (_images(pod.spec), _container_count(pod.spec))

    def score_rows(self, state: CycleState, pod: PodInfo, nodes: NodeRows) -> IntArray:
        """Bytes of the pod's images that are there, each scaled by the share of nodes that have
        it, from 0 at the lowest threshold to 100 at the highest."""
        snapshot = nodes.snapshot
        present = np.zeros(snapshot.row_count, np.int64)
        for image in _images(pod.spec):
            sizes = snapshot.images.sizes_bytes(_with_tag(image))
            if sizes:
                spread = len(sizes) / snapshot.node_count
                scaled = np.fromiter(sizes.values(), np.float64, len(sizes)) * spread
                present[list(sizes)] += scaled.astype(np.int64)
        if not present.any():
            return present[nodes.rows]
        highest = _HIGHEST_BYTES_PER_CONTAINER * _container_count(pod.spec)
        counted = np.clip(present, _LOWEST_BYTES, highest) - _LOWEST_BYTES
        return (counted * MAX_NODE_SCORE // (highest - _LOWEST_BYTES))[nodes.rows]


def _images(spec: PodSpec) -> tuple[str, ...]:
    """Of all containers and of volumes that are images, in order."""
    names = [each.image for each in spec.containers]
    names += [each.image for each in spec.init_containers]
    names += [each.image.reference for each in spec.volumes if each.image is not None]
    return tuple(names)


def _container_count(spec: PodSpec) -> int:
    return len(spec.init_containers) + len(spec.containers)


def _with_tag(image: str) -> str:
    """A colon before the last slash is that of a registry's port."""
    return image if image.rfind(":") > image.rfind("/") else f"{image}:latest"
