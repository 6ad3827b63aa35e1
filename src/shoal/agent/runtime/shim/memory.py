"""Watches a container's memory where no cgroup does: looks, and says when to look again.

What counts is what the processes do not share with a file: anonymous pages and shared memory. The
quick sum counts a page once for each process that has it; only when that is over the limit, the
kernel is asked for proportional shares, which takes it longer.
"""

from collections.abc import Callable, Sequence

_SLOWEST_GROWTH = 128 << 20
"""Bytes a second that a quiet container may begin to grow by."""
_SHORTEST_S = 0.02
_LONGEST_S = 1.0


def wait_s(limit_bytes: int, used_bytes: int, growth_bytes_per_s: float) -> float:
    """Until the next look: half of what it would take to reach the limit at this growth."""
    growth = max(growth_bytes_per_s * 2, _SLOWEST_GROWTH)
    return min(max((limit_bytes - used_bytes) / growth, _SHORTEST_S), _LONGEST_S)


class MemoryWatch:
    """Of one container."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._used_bytes = 0
        self._looked_at_s = 0.0
        self._due_s = 0.0
        self.is_over = False
        """It was seen over its limit, once is enough."""

    def look(self, pids: Callable[[], Sequence[int]], now_s: float) -> float:
        """Look, if it is time; answers how many seconds until the next look."""
        if now_s < self._due_s:
            return self._due_s - now_s
        used_bytes = self._measure(pids())
        growth = (used_bytes - self._used_bytes) / max(now_s - self._looked_at_s, _SHORTEST_S)
        self._used_bytes, self._looked_at_s = used_bytes, now_s
        self.is_over = self.is_over or used_bytes > self._limit_bytes
        pause_s = wait_s(self._limit_bytes, used_bytes, growth)
        self._due_s = now_s + pause_s
        return pause_s

    def _measure(self, pids: Sequence[int]) -> int:
        used_bytes = sum(resident_bytes(pid) for pid in pids)
        if used_bytes > self._limit_bytes and len(pids) > 1:
            return sum(proportional_bytes(pid) for pid in pids)
        return used_bytes


def resident_bytes(pid: int) -> int:
    """In memory, backed by no file; 0 for a process that has ended."""
    return _sum(f"/proc/{pid}/status", (b"RssAnon", b"RssShmem")) or 0


def proportional_bytes(pid: int) -> int:
    """The same, with pages that n processes have counted as an n-th."""
    share = _sum(f"/proc/{pid}/smaps_rollup", (b"Pss_Anon", b"Pss_Shmem"))
    # None: it is somebody else's, who may not be looked into so closely.
    return resident_bytes(pid) if share is None else share


def _sum(path: str, names: tuple[bytes, ...]) -> int | None:
    """Of lines `name: 123 kB`; None where the file cannot be read."""
    total = 0
    try:
        with open(path, "rb") as file:
            for line in file:
                name, _, value = line.partition(b":")
                if name in names:
                    total += int(value.split()[0]) * 1024
    except OSError:
        return None
    return total
