"""Rates and ends of runs: what was done lately, and when that will be all."""

from datetime import UTC, datetime, timedelta

from shoal.api.worker import WorkerProgress
from shoal.controllers.worker.progress import ProgressSample, remember, with_rate

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(seconds=70)


def at(seconds: float, done: int) -> ProgressSample:
    return ProgressSample(START + timedelta(seconds=seconds), done)


def test_the_rate_and_the_end_follow_from_what_was_done_lately():
    told = with_rate(WorkerProgress(total=100, done=40), [at(0, 20), at(60, 40)], NOW)
    assert told.items_per_minute == 20
    assert told.estimated_end == START + timedelta(seconds=60 + 180)


def test_nothing_is_said_of_a_rate_while_nothing_is_done():
    progress = WorkerProgress(total=100, done=40)
    assert with_rate(progress, [at(0, 40), at(60, 40)], NOW) == progress
    assert with_rate(progress, [at(0, 40)], NOW) == progress


def test_items_that_were_given_up_are_not_waited_for():
    progress = WorkerProgress(total=100, done=40, failed=60)
    told = with_rate(progress, [at(0, 20), at(60, 40)], NOW)
    assert told.estimated_end is None


def test_what_is_long_ago_is_forgotten_and_so_is_what_a_purge_undid():
    samples = remember([at(0, 1)], 5, START + timedelta(minutes=6))
    assert [each.done for each in samples] == [5]
    samples = remember([at(0, 9)], 0, START + timedelta(seconds=5))
    assert [each.done for each in samples] == [0]


def test_the_rate_is_the_same_before_and_after_what_is_done_now_is_remembered():
    progress = WorkerProgress(total=100, done=40)
    samples = [at(0, 0), at(60, 20)]
    told = with_rate(progress, samples, NOW)
    assert told.items_per_minute == round(40 * 60 / 70, 1)
    assert with_rate(progress, remember(samples, 40, NOW), NOW + timedelta(seconds=9)) == told


def test_what_is_done_many_times_a_second_is_remembered_once_a_second():
    samples = list[ProgressSample]()
    for number in range(400):
        samples = remember(samples, number, START + timedelta(seconds=number / 100))
    assert len(samples) <= 6
    assert (samples[0], samples[-1]) == (at(0, 0), at(3.99, 399))
