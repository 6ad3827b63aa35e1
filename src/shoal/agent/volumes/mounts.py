"""Where a container sees the pod's volumes. Makes directories for subPaths; blocking."""

import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from shoal.agent.environment import ConfigProblem
from shoal.agent.expansion import expand
from shoal.agent.runtime.protocol import Mount
from shoal.agent.volumes import service_account
from shoal.agent.volumes.plan import is_live
from shoal.api.pod import Container
from shoal.api.pod_volumes import Volume


def mount_volumes(
    container: Container,
    volumes: Sequence[Volume],
    paths: Mapping[str, Path],
    env: Mapping[str, str],
) -> list[Mount]:
    """`paths` says where each of the pod's volumes is. Raises ConfigProblem, and OSError where a
    subPath cannot be made."""
    # What follows an object of the API is not the container's to change.
    fixed = {volume.name for volume in volumes if is_live(volume) or _is_claimed_to_read(volume)}
    mounts: list[Mount] = []
    for mount in container.volume_mounts:
        volume = paths.get(mount.name)
        if volume is None:
            raise ConfigProblem(f'volume "{mount.name}" of container "{container.name}" not found')
        sub_path = expand(mount.sub_path_expr, env) if mount.sub_path_expr else mount.sub_path
        source = _below(volume, sub_path) if sub_path else volume
        mounts.append(
            Mount(
                source=source,
                target=mount.mount_path,
                read_only=mount.read_only or mount.name in fixed,
                volume=mount.name,
            )
        )
    access = paths.get(service_account.VOLUME)
    if access is not None and not service_account.has_own(container):
        mounts.append(Mount(source=access, target=service_account.MOUNT_PATH, read_only=True))
    return mounts


def _is_claimed_to_read(volume: Volume) -> bool:
    claim = volume.persistent_volume_claim
    return claim is not None and claim.read_only


def _below(volume: Path, sub_path: str) -> Path:
    """The place itself, past all links: what a subPath shows does not follow later updates."""
    root = volume.resolve()
    try:
        place = (root / sub_path).resolve()
    except (RuntimeError, ValueError) as error:
        # Links that lead in a circle; a null byte.
        raise ConfigProblem(f"subPath {sub_path!r} cannot be used: {error}") from error
    if not place.is_relative_to(root):
        raise ConfigProblem(f'subPath "{sub_path}" leads out of its volume')
    _make(place, stat.S_IMODE(root.stat().st_mode))
    return place


def _make(place: Path, mode: int) -> None:
    """With what is missing above it, all with the mode of the volume and, where that passes it on,
    its group (Kubernetes v1.36, pkg/kubelet/kubelet_pods.go, makeMounts): the container may run as
    anybody."""
    if place.exists():
        return
    _make(place.parent, mode)
    place.mkdir(exist_ok=True)
    # Not by the former, which takes the umask off.
    place.chmod(mode)
