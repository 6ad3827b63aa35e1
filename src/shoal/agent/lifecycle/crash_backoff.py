"""How long a container that ended waits before it is started again.

The rule is the kubelet's (v1.36, client-go util/flowcontrol/backoff.go): the first restart is at
once, then 10 s after the container ended, doubling to 5 minutes; a container that ran for longer
than 10 minutes starts over.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shoal.base.backoff import Backoff

CRASH_BACKOFF = Backoff(initial_s=10.0, max_s=300.0)
_FORGIVEN_AFTER = timedelta(seconds=2 * CRASH_BACKOFF.max_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashBackoff:
    restarts: int = 0
    """Restarts that count; 0 lets the next one happen at once."""
    restarted_at: datetime | None = None

    def is_forgiven(self, finished_at: datetime) -> bool:
        """Whether the container ran long enough for its past to be forgotten."""
        return self.restarted_at is None or finished_at - self.restarted_at > _FORGIVEN_AFTER

    def delay_s(self, finished_at: datetime) -> float:
        """The wait after an attempt that ended at `finished_at`."""
        return 0.0 if self.is_forgiven(finished_at) else CRASH_BACKOFF.delay_s(self.restarts)

    def after_restart(self, finished_at: datetime, now: datetime) -> "CrashBackoff":
        """The back-off once the container is started again."""
        restarts = 1 if self.is_forgiven(finished_at) else self.restarts + 1
        return CrashBackoff(restarts=restarts, restarted_at=now)


NEVER_RESTARTED = CrashBackoff()
