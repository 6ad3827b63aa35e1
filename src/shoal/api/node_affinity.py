"""Which nodes a pod asks for or would rather have: nodeSelector and node affinity. Pure.

Source of the rules: Kubernetes v1.36, component-helpers/scheduling/corev1/nodeaffinity. Terms are
alternatives, the requirements of one must all hold, and an empty term matches no node.
"""

from collections.abc import Mapping, Sequence

import msgspec

from shoal.api.node import Node
from shoal.api.pod import (
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    PodSpec,
)
from shoal.api.selectors import EVERYTHING, Requirement, Selector

_NAME_FIELD = "metadata.name"


class NodeTerm(msgspec.Struct, frozen=True):
    """One alternative, ready to be asked."""

    labels: Selector
    fields: Selector

    def matches(self, node: Node) -> bool:
        if not self.labels and not self.fields:
            return False
        meta = node.metadata
        return self.labels.matches(meta.labels) and self.fields.matches({_NAME_FIELD: meta.name})

    def named_nodes(self) -> frozenset[str] | None:
        """The only nodes that the term can match; None where it names none."""
        named: frozenset[str] | None = None
        for each in self.fields.requirements:
            if each.key == _NAME_FIELD and each.operator == "In":
                named = each.values if named is None else named & each.values
        return named


class RequiredNodes(msgspec.Struct, frozen=True):
    """What a node must have. Equal for pods that ask for the same."""

    labels: Selector
    """The nodeSelector."""
    terms: tuple[NodeTerm, ...] | None
    """Of required node affinity, one of which must match; None where there is none."""

    def matches(self, node: Node) -> bool:
        if not self.labels.matches(node.metadata.labels):
            return False
        return self.terms is None or any(term.matches(node) for term in self.terms)

    def named_nodes(self) -> frozenset[str] | None:
        """The only nodes that can match, where every term names some; empty where what they name
        contradicts itself."""
        if not self.terms:
            return None
        names: set[str] = set()
        for term in self.terms:
            named = term.named_nodes()
            if named is None:
                return None
            names |= named
        return frozenset(names)


class PreferredNodes(msgspec.Struct, frozen=True):
    """What a node should rather have. Equal for pods that prefer the same."""

    terms: tuple[tuple[int, NodeTerm], ...]
    """With their weights."""

    def weight_of(self, node: Node) -> int:
        """The sum over the terms that match."""
        return sum(weight for weight, term in self.terms if term.matches(node))


def required_nodes(spec: PodSpec) -> RequiredNodes | None:
    """None where any node will do."""
    affinity = spec.affinity.node_affinity if spec.affinity else None
    return required_by(affinity, spec.node_selector)


def preferred_nodes(spec: PodSpec) -> PreferredNodes | None:
    """None where nothing is preferred."""
    return preferred_by(spec.affinity.node_affinity if spec.affinity else None)


def required_by(
    affinity: NodeAffinity | None, node_selector: Mapping[str, str] | None = None
) -> RequiredNodes | None:
    """None where both demand nothing."""
    required = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    if required is None and not node_selector:
        return None
    labels = EVERYTHING
    if node_selector:
        equal = sorted(node_selector.items())
        labels = Selector(tuple(Requirement(k, "In", frozenset((v,))) for k, v in equal))
    return RequiredNodes(labels, None if required is None else selector_terms(required))


def preferred_by(affinity: NodeAffinity | None) -> PreferredNodes | None:
    """None where nothing is preferred."""
    if affinity is None:
        return None
    preferred = affinity.preferred_during_scheduling_ignored_during_execution
    terms = tuple((each.weight, _term(each.preference)) for each in preferred)
    return PreferredNodes(terms) if terms else None


def selector_terms(selector: NodeSelector) -> tuple[NodeTerm, ...]:
    """The alternatives, ready to be asked."""
    return tuple(_term(each) for each in selector.node_selector_terms)


def _term(term: NodeSelectorTerm) -> NodeTerm:
    return NodeTerm(_selector(term.match_expressions), _selector(term.match_fields))


def _selector(requirements: Sequence[NodeSelectorRequirement]) -> Selector:
    return Selector(
        tuple(Requirement(e.key, e.operator, frozenset(e.values)) for e in requirements)
    )
