"""How many pods of which kind stand on each row, counted once and then kept.

A plugin asks with a `PodMatcher`. The first time its pods are counted by class of equal labels;
from then on each pod that comes or goes changes one number. Matchers that nobody asked for lately
are dropped, so what is kept is bounded, whatever selectors pods bring.
"""

from collections import OrderedDict
from collections.abc import Iterable

import numpy as np

from shoal.api.node import Node
from shoal.scheduler.state.label_class import LabelClass
from shoal.scheduler.state.node_table import IntArray
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.pod_matcher import PodMatcher
from shoal.scheduler.state.row_counts import RowCounts
from shoal.scheduler.state.selector_index import LabelPair, SelectorIndex, demanded_labels

DEFAULT_LIMIT_BYTES = 32 * 2**20
_FEWEST_KEPT = 16
_INITIAL_ROWS = 64


class _Count:
    """The pods of one matcher, by row."""

    __slots__ = ("by_row",)

    def __init__(self, capacity: int) -> None:
        self.by_row: IntArray = np.zeros(capacity, np.int64)


class _Standing:
    """The pods of one class: where they are, and who counts them."""

    __slots__ = ("counts", "rows")

    def __init__(self) -> None:
        self.rows = RowCounts()
        self.counts: dict[PodMatcher, _Count] = {}


class PodCounts:
    """Of `state.pod_index.PodIndex`."""

    def __init__(self, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        """What may be kept, beside a few matchers at least."""
        self._capacity = _INITIAL_ROWS
        self._standings: dict[LabelClass, _Standing] = {}
        self._classes_by_label: dict[LabelPair, dict[LabelClass, None]] = {}
        self._kept: OrderedDict[PodMatcher, _Count] = OrderedDict()
        self._matchers: SelectorIndex[PodMatcher] = SelectorIndex()

    @property
    def kept_count(self) -> int:
        """Matchers that are counted."""
        return len(self._kept)

    def by_row(self, matcher: PodMatcher) -> IntArray:
        """The number of pods on each row; at least as long as the table. Changes with the pods,
        and is not to be written to."""
        count = self._kept.get(matcher)
        if count is None:
            self._make_room()
            count = self._counted(matcher)
        else:
            self._kept.move_to_end(matcher)
        return count.by_row

    def set_node(self, row: int, node: Node) -> None:
        if row < self._capacity:
            return
        more = np.zeros(max(self._capacity, row + 1 - self._capacity), np.int64)
        self._capacity += more.size
        for count in self._kept.values():
            count.by_row = np.concatenate((count.by_row, more))

    def remove_node(self, row: int) -> None:
        pass

    def add_pod(self, row: int, pod: PodInfo) -> None:
        standing = self._standings.get(pod.label_class)
        if standing is None:
            standing = self._stand(pod.label_class)
        standing.rows.add(row)
        for count in standing.counts.values():
            count.by_row[row] += 1

    def remove_pod(self, row: int, pod: PodInfo) -> None:
        standing = self._standings[pod.label_class]
        standing.rows.remove(row)
        for count in standing.counts.values():
            count.by_row[row] -= 1
        if not standing.rows:
            self._leave(pod.label_class)

    def _stand(self, pods: LabelClass) -> _Standing:
        """The first pod of the class is about to come."""
        standing = self._standings[pods] = _Standing()
        for label in pods.labels:
            self._classes_by_label.setdefault(label, {})[pods] = None
        for matcher in self._matchers.candidates(pods.labels):
            if matcher.matches(pods):
                standing.counts[matcher] = self._kept[matcher]
        return standing

    def _leave(self, pods: LabelClass) -> None:
        del self._standings[pods]
        for label in pods.labels:
            classes = self._classes_by_label[label]
            del classes[pods]
            if not classes:
                del self._classes_by_label[label]

    def _counted(self, matcher: PodMatcher) -> _Count:
        count = self._kept[matcher] = _Count(self._capacity)
        self._matchers.add(matcher.selector, matcher)
        for pods in self._candidates(matcher):
            if matcher.matches(pods):
                standing = self._standings[pods]
                standing.counts[matcher] = count
                standing.rows.add_to(count.by_row)
        return count

    def _candidates(self, matcher: PodMatcher) -> Iterable[LabelClass]:
        labels = demanded_labels(matcher.selector)
        if labels is None:
            return self._standings
        return [pods for label in labels for pods in self._classes_by_label.get(label, ())]

    def _make_room(self) -> None:
        kept_bytes = 8 * self._capacity * (len(self._kept) + 1)
        if len(self._kept) >= _FEWEST_KEPT and kept_bytes > self.limit_bytes:
            matcher, _ = self._kept.popitem(last=False)
            self._matchers.remove(matcher.selector, matcher)
            for pods in self._candidates(matcher):
                self._standings[pods].counts.pop(matcher, None)
