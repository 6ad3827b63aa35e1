"""Thresholds and delays of probes, without any probing."""

from datetime import UTC, datetime, timedelta

from shoal.agent.lifecycle.messages import ProbeKind
from shoal.agent.probes import count, first_delay_s, first_tally
from shoal.api.pod import Probe

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def verdicts(kind, probe, answers):
    tally = first_tally(kind)
    found = []
    for answer in answers:
        tally = count(tally, probe, answer)
        found.append(tally.verdict)
    return found


def test_failures_count_only_in_a_row():
    probe = Probe(failure_threshold=3)
    answers = [False, False, True, False, False, False]
    assert verdicts(ProbeKind.LIVENESS, probe, answers) == [True] * 5 + [False]


def test_readiness_needs_its_successes_in_a_row():
    probe = Probe(success_threshold=2, failure_threshold=1)
    answers = [True, False, True, True, False]
    assert verdicts(ProbeKind.READINESS, probe, answers) == [False, False, False, True, False]


def test_startup_has_no_verdict_before_a_threshold():
    probe = Probe(failure_threshold=2)
    assert verdicts(ProbeKind.STARTUP, probe, [False, True]) == [None, True]
    assert verdicts(ProbeKind.STARTUP, probe, [False, False]) == [None, False]


def test_the_initial_delay_counts_from_the_containers_start():
    probe = Probe(initial_delay_seconds=10)
    assert first_delay_s(probe, NOW, NOW) == 10
    assert first_delay_s(probe, NOW - timedelta(seconds=4), NOW) == 6
    assert first_delay_s(probe, NOW - timedelta(hours=1), NOW) == 0
