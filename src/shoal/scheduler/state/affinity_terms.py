"""A pod's wishes about other pods, as they are asked: affinity and anti-affinity terms, parsed.

The API server writes `matchLabelKeys` and `mismatchLabelKeys` into the selector when it takes a pod
in, as Kubernetes does since v1.29; they are read here too, which changes nothing for such pods and
is right for others. Source of the rules: Kubernetes v1.36, kube-scheduler/framework/types.go
(GetAffinityTerms) and pkg/registry/core/pod/strategy.go (applyMatchLabelKeysAndMismatchLabelKeys).
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

import msgspec

from shoal.api.pod import Pod, PodAffinity, PodAffinityTerm
from shoal.api.selectors import Requirement, Selector, from_label_selector


class AffinityTerm(msgspec.Struct, frozen=True):
    """Pods of some namespaces with some labels, and what counts as near."""

    topology_key: str
    selector: Selector | None
    """None matches no pod."""
    namespaces: frozenset[str]
    namespace_selector: Selector | None = None
    """More namespaces, by their labels."""


class WeightedTerm(msgspec.Struct, frozen=True):
    weight: int
    """Below zero: the pod would rather be elsewhere."""
    term: AffinityTerm


class AffinityTerms(msgspec.Struct, frozen=True):
    """Equal for pods that wish the same."""

    required: tuple[AffinityTerm, ...] = ()
    required_anti: tuple[AffinityTerm, ...] = ()
    preferred: tuple[WeightedTerm, ...] = ()
    """Affinity first, then anti-affinity."""


NO_TERMS = AffinityTerms()


def of(pod: Pod) -> AffinityTerms:
    affinity = pod.spec.affinity
    if affinity is None or not (affinity.pod_affinity or affinity.pod_anti_affinity):
        return NO_TERMS
    near = affinity.pod_affinity or PodAffinity()
    apart = affinity.pod_anti_affinity or PodAffinity()
    preferred = [
        WeightedTerm(sign * each.weight, _parsed(each.pod_affinity_term, pod))
        for sign, terms in ((1, near), (-1, apart))
        for each in terms.preferred_during_scheduling_ignored_during_execution
    ]
    return _interned(
        AffinityTerms(
            _all_parsed(near.required_during_scheduling_ignored_during_execution, pod),
            _all_parsed(apart.required_during_scheduling_ignored_during_execution, pod),
            tuple(preferred),
        )
    )


@lru_cache(maxsize=2**12)
def _interned(terms: AffinityTerms) -> AffinityTerms:
    """Mostly one object for all pods of a controller."""
    return terms


def _all_parsed(terms: Iterable[PodAffinityTerm], pod: Pod) -> tuple[AffinityTerm, ...]:
    return tuple(_parsed(each, pod) for each in terms)


def _parsed(term: PodAffinityTerm, pod: Pod) -> AffinityTerm:
    selector = from_label_selector(term.label_selector)
    if selector is not None:
        labels = pod.metadata.labels
        same = same_labels(term.match_label_keys, labels)
        other = [
            Requirement(each.key, "NotIn", each.values)
            for each in same_labels(term.mismatch_label_keys, labels)
        ]
        selector = Selector((*selector.requirements, *same, *other))
    namespace_selector = from_label_selector(term.namespace_selector)
    namespaces = frozenset(term.namespaces)
    if not namespaces and namespace_selector is None:
        namespaces = frozenset((pod.metadata.namespace,))
    return AffinityTerm(term.topology_key, selector, namespaces, namespace_selector)


def same_labels(keys: Iterable[str], labels: Mapping[str, str]) -> list[Requirement]:
    """The same value as the pod has; keys that it lacks do not count."""
    return [Requirement(key, "In", frozenset((labels[key],))) for key in keys if key in labels]
