"""Which nodes have which container images, as their status says.

Source: Kubernetes v1.36, pkg/scheduler/backend/cache/cache.go (image states).
"""

from collections.abc import Mapping, Sequence

from shoal.api.node import ContainerImage, Node
from shoal.scheduler.state.pod_info import PodInfo

_NOWHERE: Mapping[int, int] = {}


class ImageIndex:
    """Rows by image; a `PodIndex` that only nodes concern."""

    def __init__(self) -> None:
        self._images: dict[int, Sequence[ContainerImage]] = {}
        self._sizes: dict[str, dict[int, int]] = {}

    def sizes_bytes(self, name: str) -> Mapping[int, int]:
        """By row: how large the image is there. Rows without it are missing."""
        return self._sizes.get(name, _NOWHERE)

    def set_node(self, row: int, node: Node) -> None:
        images = node.status.images
        if images == self._images.get(row, ()):
            return
        self.remove_node(row)
        self._images[row] = images
        for image in images:
            for name in image.names:
                self._sizes.setdefault(name, {}).setdefault(row, image.size_bytes)

    def remove_node(self, row: int) -> None:
        for image in self._images.pop(row, ()):
            for name in image.names:
                rows = self._sizes.get(name)
                # A name may stand in the list twice.
                if rows is not None and rows.pop(row, None) is not None and not rows:
                    del self._sizes[name]

    def add_pod(self, row: int, pod: PodInfo) -> None:
        """Pods bring no images until their node says so."""

    def remove_pod(self, row: int, pod: PodInfo) -> None:
        """Images outlive pods."""
