"""How many items are leased at once, and how long is waited between two looks. Pure.

Items that take long are leased one by one, so that none lies with one holder while another is
idle; short ones in groups, because a call costs more than such an item.
"""

from shoal.base.backoff import Backoff

MAX_BATCH = 64
SHORT_S = 0.25
"""A group that took less is followed by one twice as large; one that took four times as much, by
one half as large."""

POLL = Backoff(initial_s=0.05, max_s=1.0)
"""Between two looks at a queue whose last items others hold."""
RETRY = Backoff(initial_s=0.2, max_s=5.0, jitter=0.5)
"""Between two calls of a source that does not answer."""
AGAIN = Backoff(initial_s=1.0, max_s=60.0)
"""Before an item that failed is leased again, by its attempts."""


def next_batch(now: int, took_s: float, most: int) -> int:
    """The size of the group after one of `now` items that took `took_s` in all."""
    if took_s < SHORT_S:
        return min(now * 2, most)
    if took_s > 4 * SHORT_S:
        return max(now // 2, 1)
    return min(now, most)
