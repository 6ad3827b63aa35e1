"""Signatures: what makes pods equal for a profile, so that they share results.

A plugin's `sign` names what of a pod its answers depend on. All fragments together are the whole
signature; those of the plugins that read nothing but nodes are the node part, which far more pods
have in common.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from shoal.scheduler.framework.plugin import Plugin, Reads, SignPlugin
from shoal.scheduler.state.pod_info import PodInfo

_KEPT = 2**14


class Fragments:
    """What plugins signed, hashed once; equal ones are mostly one object."""

    __slots__ = ("_hash", "_parts", "is_shared", "number")

    def __init__(self, parts: tuple[Hashable, ...], number: int = 0) -> None:
        self._parts = parts
        self._hash = hash(parts)
        self.number = number
        """In the order in which signatures were first seen."""
        self.is_shared = False
        """Whether they were signed more than once."""

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Fragments) and self._parts == other._parts


@dataclass(frozen=True, slots=True)
class Signature:
    """None stands for a pod that shares with none."""

    whole: Fragments | None
    nodes: Fragments | None


class Signer:
    """Signs pods for the plugins that judge nodes."""

    def __init__(self, judges: Sequence[Plugin]) -> None:
        self._judges = [
            (plugin.sign if isinstance(plugin, SignPlugin) else _unsigned, _reads_nodes(plugin))
            for plugin in judges
        ]
        self.names = frozenset(each.name for each in judges if isinstance(each, SignPlugin))
        """Plugins that sign."""
        self._known: dict[Fragments, Fragments] = {}
        self._seen = 0

    def sign(self, pod: PodInfo) -> Signature:
        whole: list[Hashable] = []
        nodes: list[Hashable] = []
        for sign, reads_nodes in self._judges:
            fragment = sign(pod)
            whole.append(fragment)
            if reads_nodes:
                nodes.append(fragment)
        return Signature(self._intern(whole), self._intern(nodes))

    def _intern(self, parts: list[Hashable]) -> Fragments | None:
        if None in parts:
            return None
        fragments = Fragments(tuple(parts), self._seen)
        known = self._known.get(fragments)
        if known is not None:
            known.is_shared = True
            return known
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._seen += 1
        self._known[fragments] = fragments
        return fragments


def _unsigned(pod: PodInfo) -> None:
    return None


def _reads_nodes(plugin: Plugin) -> bool:
    """Whether some answer of the plugin depends on the pod and the node alone."""
    reads: tuple[Reads | None, ...] = (
        getattr(plugin, "filter_reads", None),
        getattr(plugin, "score_reads", None),
    )
    return any(each is not None and each.is_of_nodes for each in reads)
