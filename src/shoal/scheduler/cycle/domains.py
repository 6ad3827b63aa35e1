"""Where in the network a group may be placed: sets of rows, closest together first, and of those
the fullest, so that others stay whole.

A group with a hard `networkTopology` stays inside one HyperNode of the tier that it allows at most;
a soft one tries the same and may then go anywhere. Members that have nodes already bind the rest:
only HyperNodes that hold all of them will do. Source of the rules: Volcano v1.15, plugin
network-topology-aware and actions/allocate.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from shoal.api import selectors
from shoal.api.volcano.hyper_node import HYPER_NODES
from shoal.api.volcano.hyper_node_tree import Domain, HyperNodeTree
from shoal.api.volcano.pod_group import NetworkTopology, SubGroupPolicy, TopologyMode
from shoal.scheduler.fairness.amounts import PODS, total_of
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import HOLDING, Member
from shoal.scheduler.state.node_table import BoolArray, IntArray
from shoal.scheduler.state.objects import Objects
from shoal.scheduler.state.snapshot import Snapshot

Rows = BoolArray | None
"""True for rows that may be used; None for all of them."""


@dataclass(frozen=True, slots=True)
class _Tier:
    """The domains of one tier, and the rows of all of them, one domain after the other."""

    domains: Sequence[Domain]
    rows: IntArray
    starts: IntArray
    """Where the rows of each domain begin."""


class Domains:
    """HyperNodes over the nodes of the snapshot, resolved anew where either changed."""

    def __init__(self, snapshot: Snapshot, objects: Objects) -> None:
        self._snapshot = snapshot
        self._objects = objects
        self._seen: tuple[int, int] | None = None
        self._tree = HyperNodeTree((), ())
        self._rows: dict[str, BoolArray] = {}
        self._tiers: dict[int, _Tier] = {}

    def of_group(self, group: Group) -> Iterator[Rows]:
        """Where its members may go, the best place first."""
        topology = group.object.spec.network_topology if group.object else None
        nodes = {each.node_name for each in group.in_states(HOLDING)}
        yield from self._places(topology, nodes, group.wanting, within=None)

    def of_sub_group(
        self,
        topology: NetworkTopology | None,
        members: Iterable[Member],
        waiting: Iterable[Member],
        within: Rows,
    ) -> Iterator[Rows]:
        """The same for a subgroup, inside of where its group goes. `members`: those that have
        nodes; `waiting`: those that need some."""
        nodes = {each.node_name for each in members}
        wanted = total_of(each.amounts for each in waiting)
        yield from self._places(topology, nodes, wanted, within)

    def _places(
        self,
        topology: NetworkTopology | None,
        nodes: set[str],
        wanted: Mapping[str, int],
        within: Rows,
    ) -> Iterator[Rows]:
        if topology is None:
            yield within
            return
        self._refresh()
        highest = self._highest_tier(topology)
        for tier in self._tree.tiers:
            if highest is not None and tier > highest:
                break
            for domain in self._fullest_first(tier, wanted):
                if not nodes <= domain.nodes:
                    continue
                rows = self._rows_of(domain)
                rows = rows if within is None else rows & within
                if rows.any():
                    yield rows
        if topology.mode == TopologyMode.SOFT:
            yield within

    def _fullest_first(self, tier: int, wanted: Mapping[str, int]) -> list[Domain]:
        """Those that would be fullest with what is wanted, so that others stay whole; those that
        have too little last."""
        known = self._tier(tier)
        if not known.domains:
            return []
        snapshot = self._snapshot
        fullness = np.zeros(len(known.domains))
        is_too_small = np.zeros(len(known.domains), np.bool_)
        for name, amount in wanted.items():
            index = snapshot.resources.get(name)
            if index is None or name == PODS:
                continue
            has = np.add.reduceat(snapshot.allocatable[index][known.rows], known.starts)
            used = np.add.reduceat(snapshot.requested[index][known.rows], known.starts)
            part = (used + amount) / np.maximum(has, 1)
            is_too_small |= part > 1
            fullness += part
        fullness[is_too_small] = 0
        ranked = zip(fullness.tolist(), known.domains, strict=True)
        order = sorted(ranked, key=lambda each: (-each[0], len(each[1].nodes), each[1].name))
        return [domain for _, domain in order]

    def _tier(self, tier: int) -> "_Tier":
        known = self._tiers.get(tier)
        if known is None:
            found = [
                (each, np.flatnonzero(self._rows_of(each))) for each in self._tree.domains(tier)
            ]
            found = [(domain, rows) for domain, rows in found if rows.size]
            sizes = [rows.size for _, rows in found]
            known = self._tiers[tier] = _Tier(
                [domain for domain, _ in found],
                np.concatenate([rows for _, rows in found]) if found else np.zeros(0, np.intp),
                np.cumsum([0, *sizes[:-1]], dtype=np.intp),
            )
        return known

    def _highest_tier(self, topology: NetworkTopology) -> int | None:
        """None where any tier will do; a tier that does not exist is below all others."""
        if topology.highest_tier_name:
            tier = self._tree.tier_of_name(topology.highest_tier_name)
            return -1 if tier is None else tier
        return topology.highest_tier_allowed

    def _rows_of(self, domain: Domain) -> BoolArray:
        rows = self._rows.get(domain.name)
        if rows is None:
            rows = np.zeros(self._snapshot.row_count, np.bool_)
            for row in range(self._snapshot.row_count):
                if self._snapshot.is_present[row]:
                    rows[row] = self._snapshot.node_name(row) in domain.nodes
            self._rows[domain.name] = rows
        return rows

    def _refresh(self) -> None:
        seen = (self._objects.generation(HYPER_NODES), self._snapshot.node_generation)
        if seen == self._seen:
            return
        self._seen = seen
        self._rows.clear()
        self._tiers.clear()
        nodes = ((node.name, node.labels) for node in self._snapshot.nodes())
        self._tree = HyperNodeTree(self._objects.list(HYPER_NODES), nodes)


def sub_groups(
    group: Group, members: Iterable[Member]
) -> list[tuple[SubGroupPolicy, list[Member]]]:
    """Members by subgroup, the largest first; members of none are left out."""
    policies = group.object.spec.sub_group_policy if group.object else []
    found: dict[tuple[int, tuple[str, ...]], list[Member]] = {}
    for member in members:
        for number, policy in enumerate(policies):
            values = _values(policy, member)
            if values is not None:
                found.setdefault((number, values), []).append(member)
                break
    listed = [(policies[number], each) for (number, _), each in found.items()]
    return sorted(listed, key=lambda each: -len(each[1]))


def _values(policy: SubGroupPolicy, member: Member) -> tuple[str, ...] | None:
    """What tells subgroups of a policy apart; None for a pod that the policy is not about."""
    labels = member.pod.labels
    if policy.label_selector is not None:
        selector = selectors.from_label_selector(policy.label_selector)
        if selector is None or not selector.matches(labels):
            return None
    if not all(key in labels for key in policy.match_label_keys):
        return None
    return tuple(labels[key] for key in policy.match_label_keys)
