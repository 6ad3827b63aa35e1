"""The unschedulable room: rejected pods by who rejected them, and gated pods by their gate.

An event concerns only pods of the plugins that registered it, so they are indexed by plugin:
waking costs nothing for the pods that cannot be helped.
"""

from collections.abc import Iterable

from shoal.scheduler.queueing.queued_pod import QueuedPod


class UnschedulableRoom:
    def __init__(self) -> None:
        self._rejected: dict[str, QueuedPod] = {}
        """By uid, in order of `queued_at`."""
        self._by_rejector: dict[str, dict[str, QueuedPod]] = {}
        self._gated: dict[str, QueuedPod] = {}

    def __len__(self) -> int:
        return len(self._rejected) + len(self._gated)

    def add(self, queued: QueuedPod) -> None:
        uid = queued.pod.uid
        if queued.gated_by:
            self._gated[uid] = queued
            return
        self._rejected[uid] = queued
        for plugin in queued.rejectors:
            self._by_rejector.setdefault(plugin, {})[uid] = queued

    def remove(self, uid: str) -> None:
        self._gated.pop(uid, None)
        queued = self._rejected.pop(uid, None)
        if queued is not None:
            for plugin in queued.rejectors:
                self._by_rejector[plugin].pop(uid, None)

    def oldest(self) -> QueuedPod | None:
        """Of the rejected pods; gated ones have no time-out."""
        return next(iter(self._rejected.values()), None)

    def rejected_by(self, plugins: Iterable[str]) -> list[QueuedPod]:
        """Pods that any of the plugins rejected, each once."""
        found: dict[str, QueuedPod] = {}
        for plugin in plugins:
            found.update(self._by_rejector.get(plugin, {}))
        return list(found.values())

    def gated_by(self, plugins: Iterable[str]) -> list[QueuedPod]:
        names = set(plugins)
        return [queued for queued in self._gated.values() if queued.gated_by in names]
