"""Which nodes are in which HyperNode: members resolved against the nodes that there are.

The controller of HyperNodes counts with it, the scheduler places gangs with it. A HyperNode holds
the nodes that its members name, and those of all HyperNodes below. Where HyperNodes hold each other
in a cycle nothing can be said of how close their nodes are: they are no domains.

Source of how selectors match: Volcano v1.15, pkg/scheduler/api/hyper_node_info.go. On purpose
different: a name without a node is missing instead of counted, patterns may name HyperNodes, too,
and a HyperNode may have several parents.
"""

import re
from collections import deque
from collections.abc import Collection, Iterable, Mapping

import msgspec

from shoal.api.selectors import from_label_selector
from shoal.api.volcano.hyper_node import NODE, HyperNode, HyperNodeMember


class Domain(msgspec.Struct, frozen=True):
    """A HyperNode as the scheduler sees it."""

    name: str
    tier: int
    nodes: frozenset[str]


class _Members(msgspec.Struct, frozen=True):
    """What the members of one HyperNode come to, without those below."""

    nodes: frozenset[str]
    below: tuple[str, ...]
    """Names of HyperNodes that exist."""
    missing: tuple[str, ...]
    """Members that select nothing, as people would name them."""


class HyperNodeTree:
    """HyperNodes over nodes, each given as its name and labels."""

    def __init__(
        self, hyper_nodes: Iterable[HyperNode], nodes: Iterable[tuple[str, Mapping[str, str]]]
    ) -> None:
        self._specs = {each.metadata.name: each.spec for each in hyper_nodes}
        labels_of = dict(nodes)
        self._members = {
            name: _resolve(spec.members, labels_of, self._specs)
            for name, spec in self._specs.items()
        }
        self._cycles = {name: self._path_back(name) for name in self._specs}
        self._nodes = {name: self._nodes_below(name) for name in self._specs}
        found = [
            Domain(name, spec.tier, self._nodes[name])
            for name, spec in self._specs.items()
            if not self._cycles[name]
        ]
        self._domains = sorted(found, key=lambda each: (each.tier, each.name))

    @property
    def tiers(self) -> list[int]:
        """Of all domains, closest first."""
        return sorted({each.tier for each in self._domains})

    def domains(self, tier: int) -> list[Domain]:
        """Those of one tier, by name."""
        return [each for each in self._domains if each.tier == tier]

    def tier_of_name(self, tier_name: str) -> int | None:
        """The tier that people call so; the closest where several are."""
        named = [spec.tier for spec in self._specs.values() if spec.tier_name == tier_name]
        return min(named, default=None) if tier_name else None

    def lowest_common(self, node_names: Collection[str]) -> Domain | None:
        """The domain of the lowest tier, and there the smallest, that holds all these nodes."""
        names = frozenset(node_names)
        holding = [each for each in self._domains if names and names <= each.nodes]
        return min(holding, key=lambda e: (e.tier, len(e.nodes), e.name), default=None)

    def nodes_of(self, name: str) -> frozenset[str]:
        """All that a HyperNode holds, at any depth; also where it is in a cycle."""
        return self._nodes.get(name, frozenset())

    def cycle_of(self, name: str) -> tuple[str, ...]:
        """The names from a HyperNode down to itself; empty where it is in no cycle."""
        return self._cycles.get(name, ())

    def missing_of(self, name: str) -> tuple[str, ...]:
        """Members of a HyperNode that select nothing, as people would name them."""
        members = self._members.get(name)
        return members.missing if members else ()

    def _nodes_below(self, name: str) -> frozenset[str]:
        seen, waiting = {name}, [name]
        nodes: set[str] = set()
        while waiting:
            members = self._members[waiting.pop()]
            nodes |= members.nodes
            waiting += [each for each in members.below if each not in seen]
            seen.update(members.below)
        return frozenset(nodes)

    def _path_back(self, name: str) -> tuple[str, ...]:
        """The shortest way from a HyperNode over its members to itself."""
        waiting: deque[tuple[str, ...]] = deque([(name,)])
        seen: set[str] = set()
        while waiting:
            path = waiting.popleft()
            for below in self._members[path[-1]].below:
                if below == name:
                    return (*path, name)
                if below not in seen:
                    seen.add(below)
                    waiting.append((*path, below))
        return ()


def _resolve(
    members: Iterable[HyperNodeMember],
    nodes: Mapping[str, Mapping[str, str]],
    hyper_nodes: Collection[str],
) -> _Members:
    found: set[str] = set()
    below: dict[str, None] = {}
    missing: list[str] = []
    for member in members:
        if member.type == NODE:
            selected = _select(member, nodes)
            found |= selected
        else:
            selected = _select(member, dict.fromkeys(hyper_nodes))
            below |= dict.fromkeys(sorted(selected))
        if not selected:
            missing.append(_title(member))
    return _Members(frozenset(found), tuple(below), tuple(missing))


def _select(
    member: HyperNodeMember, candidates: Mapping[str, Mapping[str, str] | None]
) -> set[str]:
    """The candidates that any of the selector's parts matches; those without labels are none that
    labels can select."""
    selector = member.selector
    selected: set[str] = set()
    if selector.exact_match is not None and selector.exact_match.name in candidates:
        selected.add(selector.exact_match.name)
    if selector.regex_match is not None:
        pattern = _compiled(selector.regex_match.pattern)
        if pattern is not None:
            selected.update(name for name in candidates if pattern.search(name))
    wanted = from_label_selector(selector.label_match)
    if wanted:
        selected.update(
            name
            for name, labels in candidates.items()
            if labels is not None and wanted.matches(labels)
        )
    return selected


def _compiled(pattern: str) -> re.Pattern[str] | None:
    """None for what is no pattern: it selects nothing."""
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _title(member: HyperNodeMember) -> str:
    selector = member.selector
    if selector.exact_match is not None:
        return f"{member.type} {selector.exact_match.name}"
    if selector.regex_match is not None:
        return f"{member.type} matching {selector.regex_match.pattern}"
    return f"{member.type} with matching labels"
