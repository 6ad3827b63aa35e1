"""What selectors see of a pod: namespace, labels, and whether it is about to end.

Thousands of pods share a few such classes, so a selector is held against a class once and never
against its pods.
"""

from functools import lru_cache
from typing import NamedTuple

from shoal.api.pod import Pod


class LabelClass(NamedTuple):
    """Equal for pods that no selector can tell apart."""

    namespace: str
    labels: frozenset[tuple[str, str]]
    is_terminating: bool


def of(pod: Pod) -> LabelClass:
    meta = pod.metadata
    return _interned(LabelClass(meta.namespace, frozenset(meta.labels.items()), pod.is_deleting))


@lru_cache(maxsize=2**14)
def _interned(label_class: LabelClass) -> LabelClass:
    """Mostly one object for all pods of a class: it takes less room and compares quicker."""
    return label_class
