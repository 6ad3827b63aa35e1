"""Queues and gangs in numbers, after things have happened to them."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from shoal.api.volcano import keys
from shoal.scheduler.fairness.rules import Division, Rules
from shoal.scheduler.gang_metrics import GangMetrics
from shoal.scheduler.gang_tally import Histogram
from shoal.testing.builders import PodBuilder, make_node, make_pod
from shoal.testing.rehearsal import START, Rehearsal
from shoal.testing.volcano import PodGroupBuilder, QueueBuilder, make_pod_group, make_queue


class Shown:
    """Samples by name and labels, as they are now."""

    def __init__(self, rehearsal: Rehearsal, most_groups: int = 1000) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(GangMetrics(rehearsal.scheduler, most_groups))

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


def group(name: str, queue: str, least: int) -> PodGroupBuilder:
    return make_pod_group(name).queue(queue).needs(least, cpu=str(least)).created(START)


def member(group: str, index: int) -> PodBuilder:
    pod = make_pod(f"{group}-{index}").req(cpu="1", memory="1Gi")
    created = "2025-12-31T23:59:59Z"
    return pod.meta(annotations={keys.GROUP_NAME: group}, creationTimestamp=created)


def submit(rehearsal: Rehearsal, name: str, queue: str, count: int) -> None:
    rehearsal.add(group(name, queue, count), *(member(name, index) for index in range(count)))
    rehearsal.advance(2)


def run(rehearsal: Rehearsal, name: str, count: int) -> None:
    """Its pods start where they are."""
    for index in range(count):
        rehearsal.change(f"{name}-{index}", lambda pod: pod.phase("Running"))


def cluster(*queues: QueueBuilder) -> Rehearsal:
    rehearsal = Rehearsal()
    rehearsal.add(make_queue("root"), make_queue("default"), *queues)
    rehearsal.add(make_node("n1").capacity(cpu="4", memory="64Gi", pods="110"))
    return rehearsal


def test_queues_show_what_they_hold_deserve_and_may_have() -> None:
    rehearsal = cluster(
        make_queue("a").weight(3).capability(cpu="3"), make_queue("b").guarantee(cpu="1")
    )
    submit(rehearsal, "one", "a", 2)
    shown = Shown(rehearsal)
    assert shown("volcano_queue_allocated_milli_cpu", queue_name="a") == 2000
    assert shown("volcano_queue_allocated_milli_cpu", queue_name="root") == 2000
    assert shown("volcano_queue_allocated_memory_bytes", queue_name="a") == 2 * 2**30
    pods = shown("volcano_queue_allocated_scalar_resources", queue_name="a", resource="pods")
    assert pods == 2000
    assert shown("volcano_queue_request_milli_cpu", queue_name="a") == 2000
    assert shown("volcano_queue_deserved_milli_cpu", queue_name="a") == 2000
    assert shown("volcano_queue_capacity_milli_cpu", queue_name="a") == 3000
    assert shown("volcano_queue_capacity_milli_cpu", queue_name="b") is None
    assert shown("volcano_queue_real_capacity_milli_cpu", queue_name="a") == 3000
    assert shown("volcano_queue_real_capacity_milli_cpu", queue_name="default") == 3000
    assert shown("volcano_queue_real_capacity_milli_cpu", queue_name="b") == 4000
    assert shown("volcano_queue_share", queue_name="a") == 1
    assert shown("volcano_queue_weight", queue_name="a") == 3
    assert shown("volcano_job_share", job_ns="default", job_id="one") == 0.5


def test_queues_count_their_groups_by_phase() -> None:
    rehearsal = cluster(make_queue("a").capability(cpu="3"))
    submit(rehearsal, "one", "a", 2)
    rehearsal.add(group("empty", "a", 1), group("large", "a", 2))
    rehearsal.advance(2)
    shown = Shown(rehearsal)
    assert shown("volcano_queue_pod_group_running_count", queue_name="a") == 1
    assert shown("volcano_queue_pod_group_inqueue_count", queue_name="a") == 1
    assert shown("volcano_queue_pod_group_pending_count", queue_name="a") == 1
    assert shown("volcano_queue_pod_group_running_count", queue_name="root") == 0
    assert shown("volcano_queue_inqueue_milli_cpu", queue_name="a") == 1000
    assert shown("volcano_unschedule_job_count") == 1


def test_placements_and_waits_are_counted_once() -> None:
    rehearsal = cluster(make_queue("a"))
    submit(rehearsal, "one", "a", 3)
    unbounded = make_pod_group("two").queue("a").needs(2).created(START)
    rehearsal.add(unbounded, member("two", 0), member("two", 1))
    rehearsal.advance(2)
    shown = Shown(rehearsal)
    assert shown("shoal_gang_pods_placed_total", queue="a") == 3
    assert shown("shoal_gangs_placed_total", queue="a") == 1
    assert shown("volcano_schedule_attempts_total", result="scheduled") == 3
    refused = shown("volcano_schedule_attempts_total", result="unschedulable")
    assert refused is not None
    assert refused >= 1
    assert shown("volcano_e2e_job_scheduling_latency_milliseconds_count") == 1
    assert shown("volcano_task_scheduling_latency_milliseconds_sum") == 3000
    tasks = shown("volcano_unschedule_task_count", job_ns="default", job_id="two")
    assert (tasks, shown("volcano_unschedule_job_count")) == (2, 1)


def test_a_member_beyond_the_minimum_is_no_gang_of_its_own() -> None:
    rehearsal = cluster(make_queue("a"))
    submit(rehearsal, "one", "a", 2)
    rehearsal.add(member("one", 2))
    rehearsal.advance(2)
    shown = Shown(rehearsal)
    assert shown("shoal_gang_pods_placed_total", queue="a") == 3
    assert shown("shoal_gangs_placed_total", queue="a") == 1


def test_evictions_are_counted_by_purpose_and_by_the_queue_that_gave() -> None:
    rehearsal = cluster(make_queue("a"), make_queue("b"))
    for name in ("one", "two"):
        submit(rehearsal, name, "a", 2)
        run(rehearsal, name, 2)
    submit(rehearsal, "three", "b", 2)
    shown = Shown(rehearsal)
    assert shown("shoal_evictions_total", purpose="reclaim", queue="a") == 2
    assert shown("volcano_pod_preemption_victims") == 2
    assert shown("volcano_total_preemption_attempts") == 1
    assert shown("shoal_gangs_placed_total", queue="b") == 1


def test_actions_are_timed_where_there_is_a_stopwatch() -> None:
    rehearsal = cluster(make_queue("a"))
    ticks = iter(range(1000))
    rehearsal.scheduler.gangs.rounds.stopwatch = lambda: next(ticks) / 100
    submit(rehearsal, "one", "a", 2)
    shown = Shown(rehearsal)
    name = "volcano_action_scheduling_latency_milliseconds"
    rounds = shown("volcano_e2e_scheduling_latency_milliseconds_count")
    assert rounds
    assert shown(f"{name}_count", action="allocate") == rounds
    assert shown(f"{name}_sum", action="allocate") == pytest.approx(10 * rounds)
    assert shown(f"{name}_count", action="gangpreempt") == 0


def test_only_so_many_groups_are_shown_one_by_one() -> None:
    rehearsal = cluster(make_queue("a").capability(cpu="0.5"))
    for index in range(3):
        rehearsal.add(group(f"g{index}", "a", 1), member(f"g{index}", 0))
        rehearsal.advance(1)
    shown = Shown(rehearsal, most_groups=2)
    tasks = [
        shown("volcano_unschedule_task_count", job_ns="default", job_id=f"g{index}")
        for index in range(3)
    ]
    assert [*map(bool, tasks)].count(True) == 2
    assert shown("volcano_unschedule_job_count") == 3


def test_queues_that_stand_side_by_side_have_no_root() -> None:
    rehearsal = cluster(make_queue("a"), make_queue("b").guarantee(cpu="1"))
    rehearsal.scheduler.set_rules(Rules(division=Division.PROPORTION))
    submit(rehearsal, "one", "a", 2)
    shown = Shown(rehearsal)
    assert shown("volcano_queue_allocated_milli_cpu", queue_name="root") is None
    assert shown("volcano_queue_overused", queue_name="a") == 1
    assert shown("volcano_queue_real_capacity_milli_cpu", queue_name="a") == 3000


def test_names_are_volcanos_to_the_letter() -> None:
    rendered = generate_latest(Shown(cluster()).registry).decode()
    assert "\nvolcano_total_preemption_attempts 0.0\n" in rendered
    assert '\nvolcano_queue_allocated_milli_cpu{queue_name="default"} 0.0\n' in rendered
    assert '\nvolcano_schedule_attempts_total{result="scheduled"} 0.0\n' in rendered


def test_what_takes_longer_than_every_bound_is_counted_too() -> None:
    histogram = Histogram((5.0, 10.0))
    for duration_ms in (5.0, 7.0, 11.0):
        histogram.add(duration_ms)
    assert (histogram.counts, histogram.sum_ms) == ([1, 1, 1], 23.0)
