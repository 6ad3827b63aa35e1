"""The cards of all nodes in columns, and Yoda's arithmetic over them.

`CardTable` follows the `Scv` objects; what a pod asks for is a `CardDemand`. Fitting cards, and
what Yoda scores of the cards alone, depend on nothing else, so they are worked out once for all
pods with equal demands and kept until a card changes.

Source of the formulas: Yoda (github.com/NJUPT-ISL/Yoda-Scheduler), pkg/yoda/filter and
pkg/yoda/score; see `plugins.yoda` for what differs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from shoal.api.scv import MEMORY_LABEL, SCVS, Card, Scv
from shoal.scheduler.state.node_table import BoolArray, IntArray
from shoal.scheduler.state.objects import Objects
from shoal.scheduler.state.snapshot import Snapshot

NUMBER_LABEL = "scv/number"
CLOCK_LABEL = "scv/clock"

_LABELS = (NUMBER_LABEL, MEMORY_LABEL, CLOCK_LABEL)
_KEPT_DEMANDS = 256

_FREE, _TOTAL, _CLOCK, _CORE, _POWER, _BANDWIDTH = range(6)
_CARD_WEIGHTS = np.array([2, 1, 1, 1, 1, 1])[:, None, None]
"""What counts of a card, in the order above."""
_FREE_WEIGHT = 2
_MAX_SCORE = 100


class DemandError(ValueError):
    """Labels that ask for nothing that there can be; the text is for people."""


@dataclass(frozen=True, slots=True)
class CardDemand:
    """What a pod asks for by its labels."""

    number: int
    memory_mib: int
    """Free on each card."""
    clock_mhz: int
    """At least, of each card's memory."""

    def is_met_by(self, scv: Scv) -> bool:
        fitting = sum(self._suits(card) for card in scv.status.card_list)
        return fitting >= self.number

    def _suits(self, card: Card) -> bool:
        return (
            card.is_healthy and card.free_memory >= self.memory_mib and card.clock >= self.clock_mhz
        )


def demand_of(labels: Mapping[str, str]) -> CardDemand | None:
    """None for a pod that asks for no cards; one that says not how many asks for one. Raises
    DemandError."""
    if not any(label in labels for label in _LABELS):
        return None
    number = _number(labels, NUMBER_LABEL, 1)
    return CardDemand(number, _number(labels, MEMORY_LABEL, 0), _number(labels, CLOCK_LABEL, 0))


def _number(labels: Mapping[str, str], name: str, default: int) -> int:
    text = labels.get(name)
    if text is None:
        return default
    if not text.isdecimal():
        raise DemandError(f'label {name} is "{text}", but must be a whole number')
    return int(text)


@dataclass(frozen=True, slots=True)
class DemandFacts:
    """Of one demand, by row."""

    is_met: BoolArray
    card_score: IntArray
    """The basic score, and that of memory that is actually free."""


class CardTable:
    """Rows are those of the node table; the second axis is the card."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._seen: tuple[int, int] | None = None
        self._scvs: list[Scv] = []
        self._rows: list[int | None] = []
        self._facts: dict[CardDemand, DemandFacts] = {}
        self._clear(0)

    def _clear(self, row_count: int) -> None:
        self.has_scv: BoolArray = np.zeros(row_count, np.bool_)
        self.total_sum: IntArray = np.zeros(row_count, np.int64)
        """By row: MiB of all cards."""
        self._free_sum: IntArray = np.zeros(row_count, np.int64)
        self._cards: IntArray = np.zeros((6, row_count, 0), np.int64)
        self._is_healthy: BoolArray = np.zeros((row_count, 0), np.bool_)

    def follow(self, snapshot: Snapshot) -> None:
        """Take over what changed since last time; cheap where nothing did."""
        seen = (self._objects.generation(SCVS), snapshot.node_generation)
        if self._seen == seen:
            return
        scvs = list(self._objects.list(SCVS))
        has_same_rows = self._seen is not None and self._seen[1] == seen[1]
        if not has_same_rows or len(scvs) != len(self._scvs):
            self._clear(snapshot.row_count)
            self._rows = [snapshot.row(scv.metadata.name) for scv in scvs]
            changed: Iterable[int] = range(len(scvs))
        else:
            pairs = enumerate(zip(scvs, self._scvs, strict=True))
            changed = [at for at, (after, before) in pairs if after is not before]
            if any(scvs[at].metadata.name != self._scvs[at].metadata.name for at in changed):
                self._rows = [snapshot.row(scv.metadata.name) for scv in scvs]
                self._clear(snapshot.row_count)
                changed = range(len(scvs))
        for at in changed:
            row = self._rows[at]
            if row is not None:
                self._write(row, scvs[at])
        self._scvs = scvs
        self._seen = seen
        self._facts.clear()

    def facts(self, demand: CardDemand) -> DemandFacts:
        """After `follow`."""
        found = self._facts.get(demand)
        if found is None:
            if len(self._facts) >= _KEPT_DEMANDS:
                self._facts.clear()
            found = self._facts[demand] = self._judge(demand)
        return found

    def _write(self, row: int, scv: Scv) -> None:
        cards = scv.status.card_list
        missing = len(cards) - self._is_healthy.shape[1]
        if missing > 0:
            self._cards = np.pad(self._cards, ((0, 0), (0, 0), (0, missing)))
            self._is_healthy = np.pad(self._is_healthy, ((0, 0), (0, missing)))
        self.has_scv[row] = True
        self.total_sum[row] = scv.status.total_memory_sum
        self._free_sum[row] = scv.status.free_memory_sum
        self._cards[:, row] = 0
        self._is_healthy[row] = False
        for at, card in enumerate(cards):
            self._is_healthy[row, at] = card.is_healthy
            self._cards[:, row, at] = (
                *(card.free_memory, card.total_memory, card.clock),
                *(card.core, card.power, card.bandwidth),
            )

    def _judge(self, demand: CardDemand) -> DemandFacts:
        cards = self._cards
        suits = (
            self._is_healthy
            & (cards[_FREE] >= demand.memory_mib)
            & (cards[_CLOCK] >= demand.clock_mhz)
        )
        is_met = self.has_scv & (np.count_nonzero(suits, axis=1) >= demand.number)
        counted = suits & is_met[:, None]
        highest = np.maximum((cards * counted).max(axis=(1, 2), initial=0), 1)
        shares = cards * _MAX_SCORE // highest[:, None, None]
        basic = (shares * _CARD_WEIGHTS * counted).sum(axis=(0, 2))
        free = self._free_sum * _MAX_SCORE // np.maximum(self.total_sum, 1)
        return DemandFacts(is_met, basic + free * _FREE_WEIGHT)
