"""What of a pod's spec is not honoured: said in an event, never passed over in silence; and what
of limits and users this machine does not allow at all, in one line on the node.

What depends on the container (mounts, users, limits) is in the runtime's verdict on it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from shoal.agent.runtime.protocol import Capabilities
from shoal.api.pod import Container, Pod, SecurityContext
from shoal.api.pod_volumes import Volume

NOT_HONOURED = "NotHonoured"
"""Reason of the events."""


def limitations(pod: Pod, capabilities: Capabilities) -> list[str]:
    """One sentence for each thing that will not be as the spec says."""
    found: list[str] = []
    if not capabilities.mounts_memory:
        found += [text for volume in pod.spec.volumes for text in _of_volume(volume)]
    for container in (*pod.spec.init_containers, *pod.spec.containers):
        found += _of_container(container)
    if pod.spec.security_context is not None:
        found += _of_security("pod", pod.spec.security_context)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Enforcement:
    """What of a pod's limits and users holds on a node; its condition `LimitsEnforced`."""

    is_whole: bool
    reason: str
    message: str


def enforcement(capabilities: Capabilities) -> Enforcement:
    """In one line."""
    missing: list[str] = []
    if not capabilities.holds_memory:
        missing.append("memory is looked at every 0.02 to 1 s and the container killed")
    if not capabilities.limits_cpu:
        missing.append("cpu is not limited")
    if not capabilities.limits_pids:
        missing.append("the number of processes is not limited")
    if not capabilities.changes_users:
        missing.append(
            "a container has one user and one group of its own choice, on the host it is the agent"
            if capabilities.isolates_mounts
            else "every container is the agent's user"
        )
    if not capabilities.isolates_mounts:
        missing.append("containers see the host's files and processes")
    if not missing:
        return Enforcement(is_whole=True, reason="AllEnforced", message="limits and users hold")
    return Enforcement(is_whole=False, reason="NotAllEnforced", message="; ".join(missing))


def _of_volume(volume: Volume) -> Iterator[str]:
    if volume.empty_dir is None:
        return
    if volume.empty_dir.medium:
        yield (
            f'volume "{volume.name}": medium {volume.empty_dir.medium} is ignored, it is on disk: '
            "the agent may not mount"
        )


def _of_container(container: Container) -> Iterator[str]:
    prefix = f'container "{container.name}"'
    if container.stdin or container.tty:
        yield f"{prefix}: stdin and tty are ignored, it runs without a terminal"
    if container.security_context is not None:
        yield from _of_security(prefix, container.security_context)


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
