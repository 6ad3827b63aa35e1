"""Which namespaces an affinity term means, where it selects them by their labels."""

from collections.abc import Mapping

from shoal.api.core import NAMESPACES
from shoal.api.selectors import Selector
from shoal.scheduler.state.affinity_terms import AffinityTerm
from shoal.scheduler.state.objects import Objects
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.pod_matcher import PodMatcher

_KEPT = 1024


class Namespaces:
    """Reads the collection of namespaces, which whoever uses this must need."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._generation = 0
        self._selected: dict[Selector, frozenset[str]] = {}

    def labels(self, name: str) -> Mapping[str, str]:
        """Nothing for a namespace that is not known."""
        namespace = self._objects.get(NAMESPACES, "", name)
        return namespace.metadata.labels if namespace else {}

    def matches(self, term: AffinityTerm, pod: PodInfo) -> bool:
        """Whether the term is about the pod."""
        if term.selector is None or not term.selector.matches(pod.labels):
            return False
        if pod.namespace in term.namespaces:
            return True
        chosen = term.namespace_selector
        return chosen is not None and chosen.matches(self.labels(pod.namespace))

    def matcher(self, term: AffinityTerm) -> PodMatcher | None:
        """The pods that the term is about, in the namespaces that there are now; None where it
        can be about none."""
        if term.selector is None:
            return None
        chosen = term.namespace_selector
        if chosen is None:
            return PodMatcher(term.selector, term.namespaces)
        if not chosen:
            return PodMatcher(term.selector, None)
        return PodMatcher(term.selector, term.namespaces | self._select(chosen))

    def _select(self, selector: Selector) -> frozenset[str]:
        generation = self._objects.generation(NAMESPACES)
        if generation != self._generation or len(self._selected) >= _KEPT:
            self._selected.clear()
            self._generation = generation
        names = self._selected.get(selector)
        if names is None:
            found = [each.metadata for each in self._objects.list(NAMESPACES)]
            names = frozenset(meta.name for meta in found if selector.matches(meta.labels))
            self._selected[selector] = names
        return names
