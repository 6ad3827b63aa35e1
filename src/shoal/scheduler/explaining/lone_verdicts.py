"""Which nodes each plugin would refuse if it were asked alone.

A scheduling cycle stops at the first plugin that refuses a node; whoever wants to know what all
stands in a pod's way has to ask every plugin for itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from shoal.scheduler.framework import filtering
from shoal.scheduler.framework.cycle_state import CycleState
from shoal.scheduler.framework.extension_points import ExtensionPoints, FilterSlot
from shoal.scheduler.framework.filtering import ABSENT, PASSED, PreFilterOutcome
from shoal.scheduler.framework.status import Status
from shoal.scheduler.state.pod_info import PodInfo
from shoal.scheduler.state.snapshot import Snapshot

EVERY_NODE = "*"
"""In place of a node's name: refused before nodes were looked at."""
LEFT_OUT = "PreFilterResult"
"""In place of a status code: the plugin named the nodes that may be looked at, and not this."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A plugin's no, to a node or to the pod as a whole."""

    code: str
    """As the framework spells it, or `LEFT_OUT`."""
    plugin: str = ""
    reasons: tuple[str, ...] = ()


Refusals = Mapping[str, Mapping[str, Refusal]]
"""By plugin and name of the node; only plugins that refuse something."""


def refusal(status: Status) -> Refusal:
    return Refusal(status.code.label, status.plugin, status.reasons)


def lone_refusals(points: ExtensionPoints, snapshot: Snapshot, pod: PodInfo) -> Refusals:
    """In the order in which the plugins run."""
    names = dict.fromkeys([s.plugin.name for s in points.filter])
    names |= dict.fromkeys([p.name for p in points.pre_filter])
    found = {name: dict(_refusals_of(name, points, snapshot, pod)) for name in names}
    return {name: by_node for name, by_node in found.items() if by_node}


def _refusals_of(
    name: str, points: ExtensionPoints, snapshot: Snapshot, pod: PodInfo
) -> Iterator[tuple[str, Refusal]]:
    alone = replace(points, pre_filter=tuple(p for p in points.pre_filter if p.name == name))
    state = CycleState()
    outcome = filtering.run_pre_filters(alone, state, pod, snapshot)
    if not outcome.status.is_success:
        yield EVERY_NODE, refusal(outcome.status.by(name))
        return
    if outcome.node_names is not None:
        for node in snapshot.nodes():
            if node.name not in outcome.node_names:
                yield node.name, Refusal(LEFT_OUT)
    for slot in points.filter:
        if slot.plugin.name == name:
            yield from _filtered(slot, state, snapshot, pod, outcome)


def _filtered(
    slot: FilterSlot,
    state: CycleState,
    snapshot: Snapshot,
    pod: PodInfo,
    outcome: PreFilterOutcome,
) -> Iterator[tuple[str, Refusal]]:
    nodes = snapshot.all_rows()
    rejecting = np.full(nodes.size, ABSENT, np.int16)
    codes = np.zeros(nodes.size, np.int64)
    asked = [
        node.row
        for node in snapshot.nodes()
        if outcome.node_names is None or node.name in outcome.node_names
    ]
    rejecting[asked] = PASSED
    status = filtering.run_filters([slot], state, pod, nodes, rejecting, codes)
    if not status.is_success:
        yield EVERY_NODE, refusal(status.by(slot.plugin.name))
        return
    meanings: dict[int, Refusal] = {}
    for row in asked:
        if rejecting[row] == PASSED:
            continue
        code = int(codes[row])
        if code not in meanings:
            meaning = slot.plugin.filter_status(state, pod, code)
            meanings[code] = refusal(meaning.by(slot.plugin.name))
        yield snapshot.node(row).name, meanings[code]
