"""Which target a client gets: each in its turn, or the one it had before. Pure."""

from shoal.agent.network.proxy.wire import Forward, Target


class Balancer:
    """The targets of one forward."""

    def __init__(self, forward: Forward) -> None:
        self._forward = forward
        self._known = frozenset(forward.targets)
        self._turn = 0
        self._had: dict[str, tuple[Target, float]] = {}

    def update(self, forward: Forward) -> None:
        self._forward = forward
        self._known = frozenset(forward.targets)
        kept = self._known if forward.affinity_s else frozenset[Target]()
        self._had = {client: had for client, had in self._had.items() if had[0] in kept}

    def has(self, target: Target) -> bool:
        """Whether clients may still be sent there."""
        return target in self._known

    def targets(self, client: str, now_s: float) -> list[Target]:
        """All of them, the one to be tried first at the front."""
        targets = self._forward.targets
        if not targets:
            return []
        had = self._had.get(client)
        if had is not None and now_s - had[1] <= self._forward.affinity_s:
            return [had[0], *(target for target in targets if target != had[0])]
        self._turn += 1
        start = self._turn % len(targets)
        return [*targets[start:], *targets[:start]]

    def chosen(self, client: str, target: Target, now_s: float) -> None:
        """The client has this target now."""
        if self._forward.affinity_s:
            self._had[client] = (target, now_s)
