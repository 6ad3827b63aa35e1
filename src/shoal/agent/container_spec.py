"""From a container as its author wrote it to a `ContainerSpec` with everything resolved."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from shoal.agent.environment import ConfigProblem, hostname
from shoal.agent.expansion import expand
from shoal.agent.hosts_file import hosts_text
from shoal.agent.images import Program
from shoal.agent.runtime.protocol import (
    ContainerKey,
    ContainerSpec,
    Limits,
    Mount,
    PodSandbox,
    Privileges,
)
from shoal.agent.service_names import HostEntry
from shoal.api import quantity
from shoal.api.pod import CapabilityChanges, Container, Pod, ResourceMap, SecurityContext

_MIN_PIDS, _PIDS_PER_CORE = 4096, 1024


def pids_of_a_pod() -> int:
    """How many processes and threads a pod may have: room for any program and not for a fork
    bomb. What podPidsLimit is to a kubelet."""
    return max(_MIN_PIDS, _PIDS_PER_CORE * (os.cpu_count() or 1))


def make_sandbox(pod: Pod, pod_ip: str, services: Iterable[HostEntry] = ()) -> PodSandbox:
    """`services` are the names that its hosts file begins with; others may follow."""
    return PodSandbox(
        uid=pod.metadata.uid,
        namespace=pod.metadata.namespace,
        name=pod.metadata.name,
        hostname=hostname(pod),
        pod_ip=pod_ip,
        hosts_text=hosts_text(pod, pod_ip, services),
        shares_processes=pod.spec.share_process_namespace,
        uses_host_network=pod.spec.host_network,
        limits=_pod_limits(pod),
    )


def make_spec(
    key: ContainerKey,
    pod: Pod,
    sandbox: PodSandbox,
    container: Container,
    program: Program,
    env: Mapping[str, str],
    mounts: Sequence[Mount],
    default_user_id: int,
) -> ContainerSpec:
    """`default_user_id` is who a container is that does not say. Raises ConfigProblem."""
    for_pod = pod.spec.security_context or SecurityContext()
    own = container.security_context or SecurityContext()
    user_id = own.run_as_user if own.run_as_user is not None else for_pod.run_as_user
    group_id = own.run_as_group if own.run_as_group is not None else for_pod.run_as_group
    non_root = own.run_as_non_root if own.run_as_non_root is not None else for_pod.run_as_non_root
    if non_root:
        _refuse_root(pod, container, user_id, default_user_id)
    return ContainerSpec(
        key=key,
        pod=sandbox,
        argv=[expand(word, env) for word in program.argv],
        env=env,
        working_dir=container.working_dir,
        mounts=mounts,
        user_id=user_id,
        group_id=group_id,
        privileges=_privileges(for_pod, own),
        read_only_root=bool(own.read_only_root_filesystem),
        limits=_limits(pod, container),
        termination_message_path=container.termination_message_path,
        falls_back_to_logs=container.termination_message_policy == "FallbackToLogsOnError",
    )


def _refuse_root(pod: Pod, container: Container, user_id: int | None, default_user_id: int) -> None:
    """Texts: Kubernetes v1.36, pkg/kubelet/kuberuntime/security_context.go."""
    where = (
        f'(pod: "{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})", '
        f"container: {container.name})"
    )
    if user_id == 0:
        raise ConfigProblem(f"container's runAsUser breaks non-root policy {where}")
    if user_id is None and default_user_id == 0:
        raise ConfigProblem(f"container has runAsNonRoot and image will run as root {where}")


def _privileges(for_pod: SecurityContext, own: SecurityContext) -> Privileges:
    changes = own.capabilities or CapabilityChanges()
    groups = list(for_pod.supplemental_groups)
    if for_pod.fs_group is not None:
        groups.append(for_pod.fs_group)
    return Privileges(
        groups=groups,
        has_image_groups=for_pod.supplemental_groups_policy != "Strict",
        added=changes.add,
        dropped=changes.drop,
        can_gain=own.allow_privilege_escalation is not False,
        is_privileged=bool(own.privileged),
    )


def _limits(pod: Pod, container: Container) -> Limits:
    """A container without a limit of its own has the pod's, as the kubelet has it
    (pkg/kubelet/kuberuntime/kuberuntime_container_linux.go, v1.36)."""
    of_pod = pod.spec.resources.limits if pod.spec.resources is not None else {}
    return _numbers(of_pod | container.resources.limits)


def _pod_limits(pod: Pod) -> Limits:
    of_pod = _numbers(pod.spec.resources.limits if pod.spec.resources is not None else {})
    return replace(of_pod, pids=pids_of_a_pod())


def _numbers(limits: ResourceMap) -> Limits:
    return Limits(
        cpu_millis=quantity.millis(limits["cpu"]) if "cpu" in limits else None,
        memory_bytes=quantity.value(limits["memory"]) if "memory" in limits else None,
    )
