"""Exponential back-off as a value: the delay is a pure function of the number of failures."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Pure code uses delays, too, and must not be able to reach a random source.
    import random


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays that double from `initial_s` up to `max_s`."""

    initial_s: float
    max_s: float
    factor: float = 2.0
    jitter: float = 0.0
    """Share of the delay that `jittered_s` may add, 0 to 1."""

    def delay_s(self, failures: int) -> float:
        """The wait after `failures` failures in a row; 0 failures wait 0 s."""
        if failures <= 0:
            return 0.0
        # 2.0 ** 1024 overflows; no sensible back-off has more than 64 steps.
        return min(self.initial_s * self.factor ** min(failures - 1, 64), self.max_s)

    def jittered_s(self, failures: int, rng: "random.Random") -> float:
        """`delay_s` plus a random share of it, so that clients do not return in step."""
        return self.delay_s(failures) * (1.0 + self.jitter * rng.random())
