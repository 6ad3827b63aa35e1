"""Failures in a row make the next pod wait; a success ends the row."""

from datetime import UTC, datetime, timedelta

import pytest

from shoal.api.batch import INDEX_FAILURE_COUNT
from shoal.controllers.kube.job_backoff import FailureStreak, index_wait_s
from shoal.testing.builders import make_pod

AT = datetime(2026, 1, 1, tzinfo=UTC)


def pod(second, **annotations):
    created = (AT + timedelta(seconds=second)).isoformat()
    return make_pod().meta(creationTimestamp=created, annotations=annotations).obj()


@pytest.mark.parametrize(
    ("failures", "wait_s"), [(0, 0), (1, 10), (2, 20), (5, 160), (6, 320), (7, 360), (99, 360)]
)
def test_the_wait_doubles_up_to_six_minutes(failures, wait_s):
    assert FailureStreak(failures, AT).wait_s(AT) == wait_s


def test_the_wait_begins_with_the_last_failure():
    assert FailureStreak(1, AT).wait_s(AT + timedelta(seconds=4)) == 6
    assert FailureStreak(1, AT).wait_s(AT + timedelta(seconds=40)) == 0


def test_only_failures_after_the_last_success_count():
    streak = FailureStreak(3, AT).after([pod(5)], [pod(4), pod(6), pod(7)])
    assert streak == FailureStreak(2, AT + timedelta(seconds=7))


def test_failures_add_up():
    assert FailureStreak(1, AT).after([], [pod(3)]) == FailureStreak(2, AT + timedelta(seconds=3))
    assert FailureStreak(1, AT).after([], []) == FailureStreak(1, AT)
    assert FailureStreak(1, AT).after([pod(3)], []) == FailureStreak()


def test_an_index_waits_for_its_own_failures_only():
    assert index_wait_s(None, AT) == 0
    assert index_wait_s(pod(0, **{INDEX_FAILURE_COUNT: "1"}), AT) == 20
