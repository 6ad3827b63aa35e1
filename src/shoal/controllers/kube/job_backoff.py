"""How long a Job waits before it makes the next pod: longer with every failure in a row.

Pure. Source of rules and numbers: Kubernetes v1.36, pkg/controller/job/backoff_utils.go.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from shoal.api.pod import Pod
from shoal.base.backoff import Backoff
from shoal.controllers.kube.job_pods import finished_at, ignored_failures, index_failures

BACKOFF = Backoff(initial_s=10.0, max_s=360.0)


class FailureStreak(msgspec.Struct, frozen=True):
    """Failures of a job since its last success."""

    failures: int = 0
    last: datetime | None = None

    def wait_s(self, now: datetime) -> float:
        """How long the next pod has to wait; 0 where it need not."""
        return _left_s(self.failures, self.last, now)

    def after(self, succeeded: Sequence[Pod], failed: Sequence[Pod]) -> "FailureStreak":
        """With pods that have ended since."""
        ends = sorted(end for pod in failed if (end := finished_at(pod)) is not None)
        if not succeeded:
            return FailureStreak(self.failures + len(ends), ends[-1]) if ends else self
        successes = [end for pod in succeeded if (end := finished_at(pod)) is not None]
        later = [end for end in ends if not successes or end > max(successes)]
        return FailureStreak(len(later), later[-1] if later else None)


def index_wait_s(replaced: Pod | None, now: datetime) -> float:
    """How long the pod that replaces a failed one has to wait, where each index has its own
    count."""
    if replaced is None:
        return 0.0
    failures = index_failures(replaced) + ignored_failures(replaced) + 1
    return _left_s(failures, finished_at(replaced), now)


def _left_s(failures: int, last: datetime | None, now: datetime) -> float:
    if not failures or last is None:
        return 0.0
    return max(0.0, BACKOFF.delay_s(failures) - (now - last).total_seconds())
