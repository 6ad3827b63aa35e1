"""The question a pool's webhook is asked, its answer, and the answer where there is no webhook.

Both ends share this page: the autoscaler asks, the default webhook answers
(docs/reference/executor.md).
"""

from shoal.api.meta import ApiStruct

ANSWER_LIMIT_BYTES = 64 * 1024
"""A longer answer is nonsense."""


class ScaledPool(ApiStruct, omit_defaults=False):
    """Which pool it is about."""

    name: str
    namespace: str
    type: str = "Dynamic"


class ScaleQuestion(ApiStruct, omit_defaults=False):
    """What happened in the period that ends now."""

    pool: ScaledPool
    period_seconds: int
    min_executor: int
    max_executor: int
    total_executor: int
    """Executors alive, starting ones included."""
    running_executor: int
    """Those that run a task now."""
    busy_executor: int
    """Those that ran a task at any time in the period."""
    pending_task: int
    """Tasks that wait for an executor."""


class ScaleAnswer(ApiStruct, omit_defaults=False):
    """How many executors the next period needs; the asker clamps it to the pool's bounds."""

    executor: int


def default_size(question: ScaleQuestion) -> int:
    """1.3 times the executors that ran a task in the period (Ploto's rule), rounded up; and one
    more than there are as long as tasks wait that those would not reach."""
    size = -(-13 * question.busy_executor // 10)
    if question.pending_task:
        wanted = question.running_executor + question.pending_task
        size = max(size, min(question.total_executor + 1, wanted))
    return clamp(size, question.min_executor, question.max_executor)


def clamp(size: int, low: int, high: int) -> int:
    """`low` wins where the bounds contradict each other."""
    return max(low, min(size, high))
