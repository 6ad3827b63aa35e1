"""What a pod counts as in a quota.

Source: Kubernetes v1.36, pkg/quota/v1/evaluator/core/pods.go and
component-helpers/resource/helpers.go.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from shoal.api.pod import Affinity, Container, Pod, PodAffinityTerm, PodSpec
from shoal.api.quality_of_service import qos_class
from shoal.api.quantity import RawQuantity
from shoal.api.quota.amounts import ONE, Usage, add, larger, read_amounts

_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_OF_PODS = ("cpu", "memory")
"""What a pod may ask for as a whole, besides huge pages."""
_DEMANDED = frozenset(
    ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
)
HUGE_PAGES = "hugepages-"

Amounts = Mapping[str, RawQuantity]


def pod_requests(spec: PodSpec) -> Usage:
    """Of containers, or of the whole pod where it says so, and its overhead. Raises
    QuantityError."""
    total = without_overhead(spec, _requested)
    add(total, read_amounts(spec.overhead))
    return total


def pod_limits(spec: PodSpec) -> Usage:
    """As `pod_requests`."""
    total = without_overhead(spec, _limited)
    for name, amount in read_amounts(spec.overhead).items():
        if name in total:
            total[name] += amount
    return total


def _requested(part: Amounts, limits: Amounts) -> Amounts:
    # A request that is not set is taken from the limit.
    return {**limits, **part}


def _limited(part: Amounts, limits: Amounts) -> Amounts:
    del part
    return limits


def container_requests(spec: PodSpec) -> Usage:
    """As `pod_requests`, without overhead."""
    return without_overhead(spec, _requested)


def container_limits(spec: PodSpec) -> Usage:
    """As `pod_limits`, without overhead."""
    return without_overhead(spec, _limited)


def without_overhead(spec: PodSpec, choose: Callable[[Amounts, Amounts], Amounts]) -> Usage:
    """What the pod says as a whole, else its containers. `choose` picks from requests and
    limits."""
    total = of_containers(spec, choose)
    if spec.resources is not None:
        whole = read_amounts(choose(spec.resources.requests, spec.resources.limits))
        total |= {name: amount for name, amount in whole.items() if is_for_whole_pods(name)}
    return total


def is_for_whole_pods(name: str) -> bool:
    """Whether a pod may ask for this as a whole."""
    return name in _OF_PODS or name.startswith(HUGE_PAGES)


def of_containers(spec: PodSpec, choose: Callable[[Amounts, Amounts], Amounts]) -> Usage:
    """The larger of what runs together and what starting up takes."""

    def of(container: Container) -> Usage:
        return read_amounts(choose(container.resources.requests, container.resources.limits))

    together: Usage = {}
    starting: Usage = {}
    sidecars: Usage = {}
    for container in spec.containers:
        add(together, of(container))
    for container in spec.init_containers:
        own = of(container)
        if container.is_sidecar:
            add(together, own)
            add(sidecars, own)
            own = dict(sidecars)
        else:
            add(own, sidecars)
        for name, amount in own.items():
            starting[name] = larger(starting.get(name), amount)
    for name, amount in together.items():
        starting[name] = larger(starting.get(name), amount)
    return starting


def compute_usage(requests: Usage, limits: Usage) -> Usage:
    """By the names that quotas have."""
    used: Usage = {"pods": ONE}
    for name, amount in requests.items():
        if name in _COMPUTE or name.startswith(HUGE_PAGES):
            used[name] = used[f"requests.{name}"] = amount
        elif "/" in name and "kubernetes.io/" not in name:
            used[f"requests.{name}"] = amount
    for name in _COMPUTE:
        if name in limits:
            used[f"limits.{name}"] = limits[name]
    return used


def usage_of_pod(pod: Pod, now: datetime) -> Usage:
    """Pods that have ended, or should have by now, count as objects only."""
    used: Usage = {"count/pods": ONE}
    end = end_of_grace(pod)
    if not pod.is_finished and (end is None or now <= end):
        used |= compute_usage(pod_requests(pod.spec), pod_limits(pod.spec))
    return used


def end_of_grace(pod: Pod) -> datetime | None:
    """When a deleted pod counts no more although it is still there: its node may be lost."""
    deleted_at = pod.metadata.deletion_timestamp
    grace_s = pod.metadata.deletion_grace_period_seconds
    if deleted_at is None or grace_s is None:
        return None
    return deleted_at + timedelta(seconds=grace_s)


def unspecified(pod: Pod, hard: Usage) -> str:
    """Which containers lack what a quota of compute resources demands of each: `limits.cpu for:
    a,b; memory for: a`. Empty where none does, or where the pod asks as a whole."""
    demanded = _DEMANDED.intersection(hard) if pod.spec.resources is None else frozenset[str]()
    lacking: dict[str, set[str]] = {}
    for container in (*pod.spec.containers, *pod.spec.init_containers) if demanded else ():
        own = container.resources
        has = compute_usage(read_amounts(own.requests), read_amounts(own.limits))
        for name in demanded.difference(has):
            lacking.setdefault(name, set()).add(container.name)
    return "; ".join(f"{name} for: {','.join(sorted(lacking[name]))}" for name in sorted(lacking))


def scopes_of_pod(pod: Pod) -> dict[str, str | None]:
    """What `scopes.is_in` asks of: each scope that pods know, None where this one is not in it."""
    is_terminating = pod.spec.active_deadline_seconds is not None
    is_best_effort = _qos_class(pod.spec) == "BestEffort"
    crosses = _crosses_namespaces(pod.spec.affinity)
    return {
        "Terminating": "" if is_terminating else None,
        "NotTerminating": None if is_terminating else "",
        "BestEffort": "" if is_best_effort else None,
        "NotBestEffort": None if is_best_effort else "",
        "PriorityClass": pod.spec.priority_class_name or None,
        "CrossNamespacePodAffinity": "" if crosses else None,
    }


def _qos_class(spec: PodSpec) -> str:
    if spec.resources is not None:
        return qos_class([(spec.resources.requests, spec.resources.limits)])
    containers = (*spec.containers, *spec.init_containers)
    return qos_class((each.resources.requests, each.resources.limits) for each in containers)


def _crosses_namespaces(affinity: Affinity | None) -> bool:
    if affinity is None:
        return False
    return any(
        term.namespaces or term.namespace_selector is not None for term in _pod_terms(affinity)
    )


def _pod_terms(affinity: Affinity) -> list[PodAffinityTerm]:
    found: list[PodAffinityTerm] = []
    for part in (affinity.pod_affinity, affinity.pod_anti_affinity):
        if part is not None:
            found += part.required_during_scheduling_ignored_during_execution
            preferred = part.preferred_during_scheduling_ignored_during_execution
            found += [each.pod_affinity_term for each in preferred]
    return found
