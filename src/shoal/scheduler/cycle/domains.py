"""Where in the network a group may be placed: sets of rows, closest together first.

A group with a hard `networkTopology` stays inside one HyperNode of the tier that it allows at most;
a soft one tries the same and may then go anywhere. Members that have nodes already bind the rest:
only HyperNodes that hold all of them will do. Source of the rules: Volcano v1.15, plugin
network-topology-aware and actions/allocate.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from shoal.api import selectors
from shoal.api.volcano.hyper_node import HYPER_NODES
from shoal.api.volcano.hyper_node_tree import Domain, HyperNodeTree
from shoal.api.volcano.pod_group import NetworkTopology, SubGroupPolicy, TopologyMode
from shoal.scheduler.gangs.group import Group
from shoal.scheduler.gangs.member import HOLDING, Member
from shoal.scheduler.state.node_table import BoolArray
from shoal.scheduler.state.objects import Objects
from shoal.scheduler.state.snapshot import Snapshot

Rows = BoolArray | None
"""True for rows that may be used; None for all of them."""


class Domains:
    """HyperNodes over the nodes of the snapshot, resolved anew where either changed."""

    def __init__(self, snapshot: Snapshot, objects: Objects) -> None:
        self._snapshot = snapshot
        self._objects = objects
        self._seen: tuple[int, int] | None = None
        self._tree = HyperNodeTree((), ())
        self._rows: dict[str, BoolArray] = {}

    def of_group(self, group: Group) -> Iterator[Rows]:
        """Where its members may go, the best place first."""
        topology = group.object.spec.network_topology if group.object else None
        nodes = {each.node_name for each in group.in_states(HOLDING)}
        yield from self._places(topology, nodes, within=None)

    def of_sub_group(
        self, topology: NetworkTopology | None, members: Iterable[Member], within: Rows
    ) -> Iterator[Rows]:
        """The same for a subgroup, inside of where its group goes. `members`: those that have
        nodes."""
        nodes = {each.node_name for each in members}
        yield from self._places(topology, nodes, within)

    def _places(
        self, topology: NetworkTopology | None, nodes: set[str], within: Rows
    ) -> Iterator[Rows]:
        if topology is None:
            yield within
            return
        self._refresh()
        highest = self._highest_tier(topology)
        for tier in self._tree.tiers:
            if highest is not None and tier > highest:
                break
            fitting = [each for each in self._tree.domains(tier) if nodes <= each.nodes]
            for domain in sorted(fitting, key=lambda each: (len(each.nodes), each.name)):
                rows = self._rows_of(domain)
                rows = rows if within is None else rows & within
                if rows.any():
                    yield rows
        if topology.mode == TopologyMode.SOFT:
            yield within

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
