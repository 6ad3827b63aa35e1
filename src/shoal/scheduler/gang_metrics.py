"""Queues and gangs in numbers, under Volcano's names where it has the same.

Shares are worked out when somebody asks; only what passes is counted (`gang_tally`). Amounts are in
Volcano's units: thousandths of cpu, bytes of memory, thousandths of anything else. Source of names,
labels and units: Volcano v1.15, pkg/scheduler/metrics.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric, UntypedMetricFamily
from prometheus_client.registry import Collector

from shoal.api.volcano.pod_group import PodGroupPhase
from shoal.scheduler.core import Scheduler
from shoal.scheduler.fairness import amounts
from shoal.scheduler.fairness.divisions import has_tree
from shoal.scheduler.fairness.queue_policy import QueuePolicy
from shoal.scheduler.fairness.queue_tree import Account, QueueTree
from shoal.scheduler.gang_tally import GangTally, Histogram
from shoal.scheduler.gangs.book import GangBook
from shoal.scheduler.gangs.order import dominant_share
from shoal.scheduler.state.request import CPU, MEMORY, Amounts

MOST_GROUPS = 1000
"""So many are shown one by one: whoever asks must not hold up the scheduler."""
_QUEUE = ["queue_name"]
_OWN_QUEUE = ["queue"]
_JOB = ["job_ns", "job_id"]


class GangMetrics(Collector):
    """What queues hold includes the queues below them, where the rules have a tree of queues."""

    def __init__(self, scheduler: Scheduler, most_groups: int = MOST_GROUPS) -> None:
        self._gangs = scheduler.gangs
        self._most_groups = most_groups

    def collect(self) -> Iterator[Metric]:
        rounds, book = self._gangs.rounds, self._gangs.book
        policy, total, _ = rounds.division()
        tree = QueueTree(book.queues(), book.usage(), is_flat=not has_tree(rounds.rules))
        yield from _amounts_of_queues(tree, policy, total)
        yield from _standing_of_queues(tree, policy)
        yield from _phases(tree, book)
        yield from _groups(book, total, self._most_groups)
        yield from _latencies(self._gangs.tally)
        yield from _outcomes(self._gangs.tally)


def _amounts_of_queues(tree: QueueTree, policy: QueuePolicy, total: Amounts) -> Iterator[Metric]:
    _set_limits(tree, total)
    kinds: tuple[tuple[str, str, Callable[[Account], Mapping[str, int]]], ...] = (
        ("allocated", "What pods of the queue hold", lambda each: each.allocated),
        ("request", "What they hold and ask for", lambda each: each.request),
        ("deserved", "What the queue is entitled to", lambda each: policy.deserved(each.name)),
        ("capacity", "What its spec lets it have", lambda each: each.capability),
        ("real_capacity", "The same beside what is guaranteed to others", lambda each: each.limit),
        ("inqueue", "What admitted groups may still take", lambda each: each.inqueue),
    )
    for name, text, amounts_of in kinds:
        is_limit = name == "capacity"
        cpu = GaugeMetricFamily(f"volcano_queue_{name}_milli_cpu", f"{text}.", labels=_QUEUE)
        memory = GaugeMetricFamily(f"volcano_queue_{name}_memory_bytes", f"{text}.", labels=_QUEUE)
        scalars = GaugeMetricFamily(
            f"volcano_queue_{name}_scalar_resources", f"{text}.", labels=[*_QUEUE, "resource"]
        )
        for account in tree.accounts.values():
            found = amounts_of(account)
            for family, resource in ((cpu, CPU), (memory, MEMORY)):
                if resource in found or not is_limit:
                    family.add_metric([account.name], found.get(resource, 0))
            for resource, amount in sorted(found.items()):
                if resource not in (CPU, MEMORY):
                    scalars.add_metric([account.name, resource], amount * 1000)
        yield from (cpu, memory, scalars)


def _set_limits(tree: QueueTree, total: Amounts) -> None:
    """What is not guaranteed to others, up to the capability."""
    root = tree.root
    if root.name not in tree.accounts:  # Queues stand side by side.
        _set_limits_of(tree.accounts.values(), total)
        return
    root.limit = root.limit_within(total, root.guarantee)
    for account in tree.from_above():
        _set_limits_of(account.children, account.limit)


def _set_limits_of(siblings: Collection[Account], available: Amounts) -> None:
    guaranteed = amounts.total_of(each.guarantee for each in siblings)
    for account in siblings:
        account.limit = account.limit_within(available, guaranteed)


def _standing_of_queues(tree: QueueTree, policy: QueuePolicy) -> Iterator[Metric]:
    share = GaugeMetricFamily(
        "volcano_queue_share", "How much of what it deserves the queue holds.", labels=_QUEUE
    )
    weight = GaugeMetricFamily("volcano_queue_weight", "The weight of its spec.", labels=_QUEUE)
    overused = GaugeMetricFamily(
        "volcano_queue_overused", "Whether others go first in any case.", labels=_QUEUE
    )
    for name, account in tree.accounts.items():
        share.add_metric([name], policy.share(name))
        weight.add_metric([name], account.weight)
        overused.add_metric([name], policy.is_overused(name))
    yield from (share, weight, overused)


def _phases(tree: QueueTree, book: GangBook) -> Iterator[Metric]:
    """Of groups in the queue itself."""
    counts = Counter((each.queue, each.phase) for each in book if each.is_known)
    for phase in PodGroupPhase:
        family = GaugeMetricFamily(
            f"volcano_queue_pod_group_{phase.value.lower()}_count",
            f"PodGroups that are {phase.value}.",
            labels=_QUEUE,
        )
        for name in tree.accounts:
            family.add_metric([name], counts[name, phase])
        yield family


def _groups(book: GangBook, total: Amounts, most: int) -> Iterator[Metric]:
    share = GaugeMetricFamily(
        "volcano_job_share", "The largest part of any resource that the group holds.", labels=_JOB
    )
    tasks = GaugeMetricFamily(
        "volcano_unschedule_task_count", "Pods of the group that wait.", labels=_JOB
    )
    shares = ((dominant_share(each.holding, total), each.key) for each in book if each.holding)
    for part, key in heapq.nlargest(most, shares):
        share.add_metric([key.namespace, key.name], part)
    waiting = [each for each in book if each.is_known and each.verdict and not each.is_ready]
    for group in heapq.nsmallest(most, waiting, key=lambda each: each.age_key):
        tasks.add_metric([group.key.namespace, group.key.name], group.waiting_count)
    yield share
    yield tasks
    yield GaugeMetricFamily(
        "volcano_unschedule_job_count", "Groups that were tried in vain and wait.", len(waiting)
    )


def _latencies(tally: GangTally) -> Iterator[Metric]:
    yield _histogram("e2e_scheduling", "Time that a round took.", tally.rounds)
    yield _histogram(
        "e2e_job_scheduling", "From a PodGroup's creation to its minimum placed.", tally.gang_waits
    )
    yield _histogram(
        "task_scheduling", "From the creation of a gang's pod to its place.", tally.pod_waits
    )
    actions = HistogramMetricFamily(
        "volcano_action_scheduling_latency_milliseconds",
        "Time that an action of a round took.",
        labels=["action"],
    )
    for action, histogram in tally.actions.items():
        actions.add_metric([action.value], _buckets(histogram), histogram.sum_ms)
    yield actions


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(f"volcano_{name}_latency_milliseconds", text)
    family.add_metric([], _buckets(histogram), histogram.sum_ms)
    return family


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    bounds = [*map(str, histogram.bounds_ms), "+Inf"]
    return list(zip(bounds, accumulate(histogram.counts), strict=True))


def _outcomes(tally: GangTally) -> Iterator[Metric]:
    attempts = CounterMetricFamily(
        "volcano_schedule_attempts", "Pods of gangs that were tried, by result.", labels=["result"]
    )
    attempts.add_metric(["scheduled"], tally.pods_placed.total())
    attempts.add_metric(["unschedulable"], tally.refusals)
    yield attempts
    yield GaugeMetricFamily(
        "volcano_pod_preemption_victims",
        "Pods that were evicted in the latest round that evicted any.",
        tally.latest_victims,
    )
    # A counter whose name, Volcano's, does not end as a counter's has to.
    yield UntypedMetricFamily(
        "volcano_total_preemption_attempts",
        "How often pods were evicted for a group.",
        tally.beneficiaries,
    )
    for name, text, counts in (
        ("gang_pods_placed", "Pods of gangs that were given a node.", tally.pods_placed),
        ("gangs_placed", "Gangs whose minimum was given nodes.", tally.gangs_placed),
    ):
        family = CounterMetricFamily(f"shoal_{name}", text, labels=_OWN_QUEUE)
        for queue, count in counts.items():
            family.add_metric([queue], count)
        yield family
    evictions = CounterMetricFamily(
        "shoal_evictions", "Pods that had to go for a group.", labels=["purpose", *_OWN_QUEUE]
    )
    for (purpose, queue), count in tally.evictions.items():
        evictions.add_metric([purpose.value, queue], count)
    yield evictions
