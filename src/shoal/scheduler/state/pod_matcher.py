"""Which pods are counted: those of some namespaces that a selector matches."""

from collections.abc import Sequence

import msgspec

from shoal.api.selectors import Selector
from shoal.scheduler.state.label_class import LabelClass


class PodMatcher(msgspec.Struct, frozen=True):
    """Equal matchers count the same pods."""

    selector: Selector
    namespaces: frozenset[str] | None
    """None is all of them."""
    counts_terminating: bool = True

    def matches(self, pods: LabelClass) -> bool:
        if self.namespaces is not None and pods.namespace not in self.namespaces:
            return False
        if pods.is_terminating and not self.counts_terminating:
            return False
        return self.selector.matches(dict(pods.labels))


def all_of(matchers: Sequence[PodMatcher]) -> PodMatcher:
    """Pods that every one of the matchers, at least one, matches."""
    limits = [each.namespaces for each in matchers if each.namespaces is not None]
    requirements = [each for matcher in matchers for each in matcher.selector.requirements]
    return PodMatcher(
        Selector(tuple(dict.fromkeys(requirements))),
        frozenset.intersection(*limits) if limits else None,
        all(each.counts_terminating for each in matchers),
    )
