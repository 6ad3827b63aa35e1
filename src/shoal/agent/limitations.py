"""What of a pod's spec no runtime here honours: said in an event, never passed over in silence.

What depends on the runtime (mounts, users, limits) is in its verdict on each container.
"""

from collections.abc import Iterator

from shoal.api.pod import Container, Pod, SecurityContext, Volume

NOT_HONOURED = "NotHonoured"
"""Reason of the events."""


def limitations(pod: Pod) -> list[str]:
    """One sentence for each thing that will not be as the spec says."""
    found = [text for volume in pod.spec.volumes for text in _of_volume(volume)]
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        found += _of_container(container)
    if pod.spec.security_context is not None:
        found += _of_security("pod", pod.spec.security_context)
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
    if container.security_context is not None:
        yield from _of_security(prefix, container.security_context)
    if any(port.host_port for port in container.ports):
        yield f"{prefix}: hostPort is ignored, ports are those of the pod's own address"


def _of_security(prefix: str, security: SecurityContext) -> Iterator[str]:
    profiles = (
        ("seccompProfile", security.seccomp_profile),
        ("appArmorProfile", security.app_armor_profile),
    )
    for name, profile in profiles:
        if profile is not None and profile.type != "Unconfined":
            yield f"{prefix}: {name} is ignored, no filter of system calls or files is set"
    if security.se_linux_options:
        yield f"{prefix}: seLinuxOptions are ignored"
    if security.proc_mount != "Default":
        yield f"{prefix}: procMount {security.proc_mount} is ignored, /proc is a plain one"
    if security.sysctls:
        yield f"{prefix}: sysctls are ignored, they are the node's"
