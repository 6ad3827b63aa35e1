"""What of a pod's spec no runtime here honours: said in an event, never passed over in silence.

What depends on the runtime (mounts, users, limits) is in its verdict on each container.
"""

from collections.abc import Iterator

from shoal.api.pod import Container, Pod, Volume

NOT_HONOURED = "NotHonoured"
"""Reason of the events."""


def limitations(pod: Pod) -> list[str]:
    """One sentence for each thing that will not be as the spec says."""
    found = [text for volume in pod.spec.volumes for text in _of_volume(volume)]
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        found += _of_container(container)
    security = pod.spec.security_context
    if security is not None and security.fs_group is not None:
        found.append("securityContext.fsGroup is ignored: volumes belong to the node's user")
    return found


def _of_volume(volume: Volume) -> Iterator[str]:
    if volume.empty_dir is None:
        return
    if volume.empty_dir.medium:
        yield f'volume "{volume.name}": medium {volume.empty_dir.medium} is ignored, it is on disk'
    if volume.empty_dir.size_limit is not None:
        yield f'volume "{volume.name}": sizeLimit is not enforced'


def _of_container(container: Container) -> Iterator[str]:
    prefix = f'container "{container.name}"'
    if container.stdin or container.tty:
        yield f"{prefix}: stdin and tty are ignored, it runs without a terminal"
    security = container.security_context
    if security is not None and security.privileged:
        yield f"{prefix}: privileged is ignored"
    if security is not None and security.capabilities:
        yield f"{prefix}: securityContext.capabilities are ignored"
    if any(port.host_port for port in container.ports):
        yield f"{prefix}: hostPort is ignored, ports are those of the pod's own address"
