"""Limits of local storage: what a pod has on disk against what it may have.

`excess` is pure. Order, rules and texts are those of Kubernetes v1.36, pkg/kubelet/eviction
(eviction_manager.go, `localStorageEviction`; helpers.go), the space at the end included. A
container has no writable layer of its own here: what counts as its storage is its log.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shoal.agent.runtime.paths import PodPaths
from shoal.api import quantity
from shoal.api.pod import Pod

LOOK_S = 10.0
"""As often as a kubelet looks."""
_RESOURCE = "ephemeral-storage"


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageUse:
    """Bytes on disk."""

    volumes: Mapping[str, int]
    """Of each emptyDir."""
    logs: Mapping[str, int]
    """By container, of all its attempts."""


def has_storage_limits(pod: Pod) -> bool:
    """Whether there is anything to look at."""
    return bool(_container_limits(pod)) or any(
        volume.empty_dir is not None and volume.empty_dir.size_limit is not None
        for volume in pod.spec.volumes
    )


def excess(pod: Pod, use: StorageUse) -> str:
    """Why the pod is to be evicted; empty when it keeps to its limits."""
    for volume in pod.spec.volumes:
        limit = volume.empty_dir.size_limit if volume.empty_dir is not None else None
        if limit is None or not 0 < quantity.value(limit) < use.volumes.get(volume.name, 0):
            continue
        return f'Usage of EmptyDir volume "{volume.name}" exceeds the limit "{limit}". '
    limits = _container_limits(pod)
    on_disk = sum(
        use.volumes.get(volume.name, 0)
        for volume in pod.spec.volumes
        if volume.empty_dir is not None and volume.empty_dir.medium != "Memory"
    )
    total = sum(
        quantity.value(container.resources.limits.get(_RESOURCE, 0))
        for container in pod.spec.containers
    )
    if total and on_disk + sum(use.logs.values()) > total:
        text = quantity.format_bytes(total)
        return f"Pod ephemeral local storage usage exceeds the total limit of containers {text}. "
    for name, raw in limits.items():
        if use.logs.get(name, 0) > quantity.value(raw):
            return f'Container {name} exceeded its local ephemeral storage limit "{raw}". '
    return ""


def _container_limits(pod: Pod) -> dict[str, quantity.RawQuantity]:
    containers = (*pod.spec.init_containers, *pod.spec.containers)
    return {
        container.name: container.resources.limits[_RESOURCE]
        for container in containers
        if _RESOURCE in container.resources.limits
    }


def measure(pod: Pod, paths: PodPaths) -> StorageUse:
    """Blocking: looks at every file."""
    containers = (*pod.spec.init_containers, *pod.spec.containers)
    return StorageUse(
        volumes={
            volume.name: _bytes_below(paths.volume(volume.name))
            for volume in pod.spec.volumes
            if volume.empty_dir is not None
        },
        logs={each.name: _bytes_below(paths.logs(each.name)) for each in containers},
    )


def _bytes_below(directory: Path) -> int:
    """Blocks that are taken, a file with several names once. What vanishes meanwhile is none."""
    total = 0
    seen: set[tuple[int, int]] = set()
    for parent, _, files in os.walk(directory):
        for name in files:
            try:
                found = Path(parent, name).lstat()
            except OSError:
                continue
            if found.st_nlink > 1:
                identity = (found.st_dev, found.st_ino)
                if identity in seen:
                    continue
                seen.add(identity)
            total += found.st_blocks * 512
    return total
