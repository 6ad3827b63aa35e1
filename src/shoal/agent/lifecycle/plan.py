"""What of a pod's spec the life cycle needs: containers in order, their roles, hooks and limits
of time. Made once for each pod, because a bound pod's containers do not change."""

from dataclasses import dataclass
from enum import StrEnum

from shoal.agent.runtime.protocol import ContainerKey
from shoal.api.pod import Container, Pod, Probe, ResourceMap


class Role(StrEnum):
    INIT = "init"
    """Runs to completion, one after the other, before the main containers."""
    SIDECAR = "sidecar"
    """An init container that stays: started in order, stopped after the main containers."""
    MAIN = "main"


class RestartPolicy(StrEnum):
    ALWAYS = "Always"
    ON_FAILURE = "OnFailure"
    NEVER = "Never"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerPlan:
    name: str
    role: Role
    has_post_start: bool
    has_pre_stop: bool
    has_startup_probe: bool
    has_liveness_probe: bool
    has_readiness_probe: bool
    startup_grace_s: float
    """Time to stop that the container gets when its startup probe has failed."""
    liveness_grace_s: float
    memory_limit: str = ""
    """As it is written; empty where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPlan:
    """What of the pod itself counts, and its containers in order."""

    uid: str
    namespace: str
    name: str
    restart_policy: RestartPolicy
    grace_s: float
    active_deadline_s: float | None
    containers: tuple[ContainerPlan, ...]
    """Init containers and sidecars in order, then the main containers."""

    @property
    def full_name(self) -> str:
        """As events and messages name a pod: `name_namespace(uid)`."""
        return f"{self.name}_{self.namespace}({self.uid})"

    def key(self, container: str, attempt: int) -> ContainerKey:
        return ContainerKey(self.uid, container, attempt)


def plan_pod(pod: Pod) -> PodPlan:
    spec = pod.spec
    grace_s = float(spec.termination_grace_period_seconds)
    limits = spec.resources.limits if spec.resources is not None else {}
    inits = [
        _plan_container(c, Role.SIDECAR if c.is_sidecar else Role.INIT, grace_s, limits)
        for c in spec.init_containers
    ]
    mains = [_plan_container(c, Role.MAIN, grace_s, limits) for c in spec.containers]
    return PodPlan(
        uid=pod.metadata.uid,
        namespace=pod.metadata.namespace,
        name=pod.metadata.name,
        restart_policy=RestartPolicy(spec.restart_policy),
        grace_s=grace_s,
        active_deadline_s=spec.active_deadline_seconds,
        containers=(*inits, *mains),
    )


def _plan_container(
    container: Container, role: Role, grace_s: float, of_pod: ResourceMap
) -> ContainerPlan:
    lifecycle = container.lifecycle
    return ContainerPlan(
        name=container.name,
        role=role,
        has_post_start=lifecycle is not None and lifecycle.post_start is not None,
        has_pre_stop=lifecycle is not None and lifecycle.pre_stop is not None,
        has_startup_probe=container.startup_probe is not None,
        has_liveness_probe=container.liveness_probe is not None,
        has_readiness_probe=container.readiness_probe is not None,
        startup_grace_s=_probe_grace_s(container.startup_probe, grace_s),
        liveness_grace_s=_probe_grace_s(container.liveness_probe, grace_s),
        memory_limit=str((of_pod | container.resources.limits).get("memory", "")),
    )


def _probe_grace_s(probe: Probe | None, grace_s: float) -> float:
    if probe is None or probe.termination_grace_period_seconds is None:
        return grace_s
    return float(probe.termination_grace_period_seconds)
