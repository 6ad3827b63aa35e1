"""From which rows a volume can be reached, as its node affinity says.

Local volumes are as many as nodes, and each is on one of them; asking every node about every
volume would take for ever. So nodes are looked up by the label that a volume asks for first.
"""

from collections.abc import Iterable

from shoal.api.node_affinity import NodeTerm, selector_terms
from shoal.api.storage import PersistentVolume, VolumeNodeAffinity
from shoal.scheduler.state.snapshot import Snapshot

_RowSet = frozenset[int]
_KEPT = 2**15


class VolumeReach:
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._generation = -1
        """Of the nodes for which the following holds."""
        self._rows: dict[str, tuple[VolumeNodeAffinity, _RowSet]] = {}
        """By the volume's name."""
        self._by_label: dict[str, dict[str, list[int]]] = {}

    def rows(self, volume: PersistentVolume) -> _RowSet | None:
        """None for all."""
        affinity = volume.spec.node_affinity
        if affinity is None or affinity.required is None:
            return None
        if self._generation != self._snapshot.node_generation:
            self._generation = self._snapshot.node_generation
            self._rows.clear()
            self._by_label.clear()
        known = self._rows.get(volume.metadata.name)
        if known is not None and known[0] is affinity:
            return known[1]
        terms = selector_terms(affinity.required)
        rows = frozenset(row for term in terms for row in self._matching(term))
        if len(self._rows) >= _KEPT:
            self._rows.clear()
        self._rows[volume.metadata.name] = (affinity, rows)
        return rows

    def _matching(self, term: NodeTerm) -> Iterable[int]:
        snapshot = self._snapshot
        rows: Iterable[int] = (info.row for info in snapshot.nodes())
        for each in term.labels.requirements:
            if each.operator == "In":
                by_value = self._rows_by_value(each.key)
                rows = [row for value in each.values for row in by_value.get(value, ())]
                break
        return [row for row in rows if term.matches(snapshot.node(row).node)]

    def _rows_by_value(self, key: str) -> dict[str, list[int]]:
        by_value = self._by_label.get(key)
        if by_value is None:
            by_value = self._by_label[key] = {}
            for info in self._snapshot.nodes():
                if key in info.labels:
                    by_value.setdefault(info.labels[key], []).append(info.row)
        return by_value
