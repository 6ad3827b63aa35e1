"""What placed pods wish about others: each affinity term, and on which rows pods carry it.

A new pod asks which of these terms concern it. They are filed by the labels that they demand, so
a pod that no term is about learns that from a few lookups.
"""

from collections.abc import Iterable

from shoal.api.node import Node
from shoal.scheduler.state.affinity_terms import AffinityTerm, AffinityTerms, WeightedTerm
from shoal.scheduler.state.namespaces import Namespaces
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.row_counts import RowCounts
from shoal.scheduler.state.selector_index import SelectorIndex

REQUIRED_WEIGHT = 0
"""Stands for a required term among weighted ones, whose weights are never nought."""


class CarriedTerm:
    """A term that placed pods have."""

    __slots__ = ("rows", "term", "weight")

    def __init__(self, weighted: WeightedTerm) -> None:
        self.term = weighted.term
        self.weight = weighted.weight
        """`REQUIRED_WEIGHT`, or that of a preferred term."""
        self.rows = RowCounts()
        """Pods with the term: one that has it twice counts twice."""


class TermBook:
    """Terms of one kind."""

    def __init__(self) -> None:
        self._carried: dict[WeightedTerm, CarriedTerm] = {}
        self._by_selector: SelectorIndex[CarriedTerm] = SelectorIndex()

    def __bool__(self) -> bool:
        """Whether any placed pod has such a term."""
        return bool(self._carried)

    def about(self, pod: PodInfo, namespaces: Namespaces) -> list[CarriedTerm]:
        """The terms that match the pod."""
        if not self._carried:
            return []
        return [
            each
            for each in self._by_selector.candidates(pod.labels.items())
            if namespaces.matches(each.term, pod)
        ]

    def add(self, row: int, terms: Iterable[WeightedTerm]) -> None:
        for weighted in terms:
            selector = weighted.term.selector
            if selector is None:
                continue
            carried = self._carried.get(weighted)
            if carried is None:
                carried = self._carried[weighted] = CarriedTerm(weighted)
                self._by_selector.add(selector, carried)
            carried.rows.add(row)

    def remove(self, row: int, terms: Iterable[WeightedTerm]) -> None:
        for weighted in terms:
            selector = weighted.term.selector
            if selector is None:
                continue
            carried = self._carried[weighted]
            carried.rows.remove(row)
            if not carried.rows:
                del self._carried[weighted]
                self._by_selector.remove(selector, carried)


class CarriedTerms:
    """Of `state.pod_index.PodIndex`."""

    def __init__(self) -> None:
        self.required_anti = TermBook()
        """Keep out what matches, by required anti-affinity."""
        self.attracting = TermBook()
        """All others: required affinity, and what is preferred of either kind."""

    def set_node(self, row: int, node: Node) -> None:
        pass

    def remove_node(self, row: int) -> None:
        pass

    def add_pod(self, row: int, pod: PodInfo) -> None:
        terms = pod.affinity_terms
        if terms.required_anti:
            self.required_anti.add(row, _as_required(terms.required_anti))
        if terms.required or terms.preferred:
            self.attracting.add(row, _attracting(terms))

    def remove_pod(self, row: int, pod: PodInfo) -> None:
        terms = pod.affinity_terms
        if terms.required_anti:
            self.required_anti.remove(row, _as_required(terms.required_anti))
        if terms.required or terms.preferred:
            self.attracting.remove(row, _attracting(terms))


def _attracting(terms: AffinityTerms) -> list[WeightedTerm]:
    return [*_as_required(terms.required), *terms.preferred]


def _as_required(terms: Iterable[AffinityTerm]) -> list[WeightedTerm]:
    return [WeightedTerm(REQUIRED_WEIGHT, each) for each in terms]
