"""What a cron job does now: due starts, deadlines, policies, history.

The cases are those of Kubernetes' controller (v1.36, pkg/controller/cronjob): a cron job of the
hour that was made at 9:30, looked at at some time, with its last job in some state.
"""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.cron import parse_schedule
from shoal.api.meta import ObjectReference
from shoal.controllers.schedule import (
    CLOCK_ALLOWANCE_S,
    ConcurrencyPolicy,
    CronOrder,
    JobOutcome,
    StartedJob,
    job_name,
    latest_start,
    plan,
    scheduled_timestamp,
)

ALLOW, FORBID, REPLACE = ConcurrencyPolicy
ACTIVE, COMPLETE, FAILED = JobOutcome


def at(clock, day=1):
    hours, minutes, *seconds = (int(each) for each in clock.split(":"))
    return datetime(2026, 1, day, hours, minutes, *seconds, tzinfo=UTC)


MADE = at("9:30")


def order(schedule="0 * * * *", **fields):
    return CronOrder(name="report", created_at=MADE, schedule=schedule, **fields)


def reference(name):
    return ObjectReference(
        kind="Job", namespace="default", name=name, uid=f"uid-{name}", api_version="v1"
    )


def job(start, outcome=ACTIVE, name="", **fields):
    """A job that was made for a start, and took five minutes if it ended."""
    return StartedJob(
        reference=reference(name or job_name("report", start)),
        outcome=outcome,
        created_at=start,
        ended_at=None if outcome is ACTIVE else start + timedelta(minutes=5),
        **fields,
    )


def started(start, outcome=ACTIVE, **fields):
    """A cron job that started one job, and that job."""
    before = job(start, outcome)
    fields.setdefault("active", (before.reference,) if outcome is ACTIVE else ())
    return order(last_schedule_time=start, **fields), [before]


def reasons(planned):
    return [event.reason for event in planned.events]


@pytest.mark.parametrize("policy", ConcurrencyPolicy)
@pytest.mark.parametrize(
    ("now", "deadline_s", "start"),
    [
        ("9:50", None, None),
        ("10:00", None, "10:00"),
        ("10:10", None, "10:00"),
        ("10:10", 599, None),
        ("10:10", 601, "10:00"),
        ("12:20", None, "12:00"),
        ("12:20", 601, None),
        ("12:20", 10_000, "12:00"),
        ("10:00", 0, None),
    ],
)
def test_a_cron_job_that_never_ran_starts_the_latest_job_within_the_deadline(
    policy, now, deadline_s, start
):
    planned = plan(order(concurrency=policy, starting_deadline_s=deadline_s), [], at(now))
    assert planned.start == (at(start) if start else None)
    is_late = start is None and now != "9:50"
    assert reasons(planned) == (["MissSchedule"] if is_late else [])


@pytest.mark.parametrize(
    ("policy", "outcome", "now", "deadline_s"),
    [*product(ConcurrencyPolicy, [COMPLETE, FAILED], ["10:20", "11:00:01"], [None, 60])],
)
def test_a_job_that_ended_stands_in_nobodys_way(policy, outcome, now, deadline_s):
    asked, jobs = started(at("10:00"), outcome, concurrency=policy, starting_deadline_s=deadline_s)
    planned = plan(asked, jobs, at(now))
    assert planned.start == (at("11:00") if now == "11:00:01" else None)
    assert planned.remove == ()


@pytest.mark.parametrize(
    ("policy", "deadline_s", "starts", "replaces", "said"),
    [
        (ALLOW, None, True, False, []),
        (FORBID, None, False, False, ["JobAlreadyActive"]),
        (REPLACE, None, True, True, []),
        (ALLOW, 5, False, False, ["MissSchedule"]),
        (FORBID, 5, False, False, ["MissSchedule"]),
        (REPLACE, 5, False, False, ["MissSchedule"]),
        (ALLOW, 60, True, False, []),
        (FORBID, 60, False, False, ["JobAlreadyActive"]),
        (REPLACE, 60, True, True, []),
    ],
)
def test_a_job_that_still_runs_meets_the_policy(policy, deadline_s, starts, replaces, said):
    asked, jobs = started(at("10:00"), concurrency=policy, starting_deadline_s=deadline_s)
    planned = plan(asked, jobs, at("11:00:10"))
    assert planned.start == (at("11:00") if starts else None)
    assert planned.remove == ((jobs[0].reference,) if replaces else ())
    assert planned.active == (() if replaces else (jobs[0].reference,))
    assert reasons(planned) == said


def test_a_forbidden_start_is_made_up_for_when_the_job_before_has_ended():
    asked, jobs = started(at("10:00"), concurrency=FORBID)
    assert plan(asked, jobs, at("11:20")).start is None
    ended = [job(at("10:00"), COMPLETE)]
    planned = plan(asked, ended, at("11:25"))
    assert planned.start == at("11:00")
    assert planned.active == ()


@pytest.mark.parametrize("now", ["9:50", "10:10", "12:20"])
def test_a_suspended_cron_job_starts_nothing_and_does_not_come_back_by_itself(now):
    planned = plan(order(is_suspended=True), [], at(now))
    assert (planned.start, planned.next_in_s, planned.events) == (None, None, ())


def test_a_suspended_cron_job_still_sees_its_jobs_end():
    asked, _ = started(at("10:00"), is_suspended=True)
    planned = plan(asked, [job(at("10:00"), COMPLETE)], at("10:30"))
    assert planned.active == ()
    assert planned.last_successful_time == at("10:05")
    assert reasons(planned) == ["SawCompletedJob"]


def test_a_cron_job_that_goes_starts_nothing():
    assert plan(order(is_deleting=True), [], at("10:10")).start is None


@pytest.mark.parametrize(
    ("fields", "reason", "message"),
    [
        (
            {"schedule": "obvious error schedule"},
            "UnparseableSchedule",
            'unparseable schedule: "obvious error schedule" : expected exactly 5 fields, found 3: '
            "[obvious error schedule]",
        ),
        (
            {"schedule": "59 23 31 2 *"},
            "InvalidSchedule",
            "invalid schedule schedule: 59 23 31 2 * : "
            "time difference between two schedules is less than 1 second",
        ),
        (
            {"time_zone": "bad timezone"},
            "UnknownTimeZone",
            'invalid timeZone: "bad timezone": unknown time zone bad timezone',
        ),
    ],
)
def test_what_cannot_be_read_is_said_and_waits_for_a_change(fields, reason, message):
    planned = plan(order(**fields), [], at("10:10"))
    assert [(event.reason, event.message) for event in planned.events] == [(reason, message)]
    assert (planned.start, planned.next_in_s) == (None, None)


def test_a_zone_inside_the_schedule_counts_and_is_warned_of():
    planned = plan(order("TZ=Asia/Kolkata 30 15 * * *"), [], at("10:10"))
    assert planned.start == at("10:00")
    assert reasons(planned) == ["UnsupportedSchedule"]


def test_the_time_zone_field_moves_the_starts():
    asked = order("30 15 * * *", time_zone="Asia/Kolkata")
    assert plan(asked, [], at("9:59")).start is None
    assert plan(asked, [], at("10:00")).start == at("10:00")


@pytest.mark.parametrize(
    ("schedule", "now", "wait"),
    [
        ("0 * * * *", "9:50", timedelta(minutes=10)),
        ("0 * * * *", "10:00", timedelta(hours=1)),
        ("0 * * * *", "12:20", timedelta(minutes=40)),
        # Reckoned from the start before, here from when it was made.
        ("@every 45m", "9:50", timedelta(minutes=25)),
        ("@every 45m", "10:20", timedelta(minutes=40)),
    ],
)
def test_it_looks_again_just_after_the_next_start(schedule, now, wait):
    planned = plan(order(schedule), [], at(now))
    assert planned.next_in_s == pytest.approx(wait.total_seconds() + CLOCK_ALLOWANCE_S)


@pytest.mark.parametrize(
    ("missed_h", "is_said"), [(99, False), (100, False), (101, True), (24 * 365, True)]
)
def test_many_missed_starts_are_said_and_the_latest_is_made(missed_h, is_said):
    now = at("9:40") + timedelta(hours=missed_h)
    planned = plan(order(), [], now)
    assert planned.start == now - timedelta(minutes=40)
    assert reasons(planned) == (["TooManyMissedTimes"] if is_said else [])


def test_with_a_deadline_only_what_is_within_it_counts_as_missed():
    now = at("9:40") + timedelta(hours=500)
    planned = plan(order(starting_deadline_s=3600), [], now)
    assert planned.start == now - timedelta(minutes=40)
    assert planned.events == ()


def test_a_start_is_made_once():
    asked, jobs = started(at("10:00"), COMPLETE)
    assert plan(asked, jobs, at("10:10")).start is None


def test_a_job_that_the_status_has_not_heard_of_is_the_start_it_is_named_after():
    made = job(at("10:00"))
    planned = plan(order(), [made], at("10:10"))
    assert planned.start is None
    assert planned.active == (made.reference,)
    assert planned.last_schedule_time == at("10:00")
    assert planned.events == ()


def test_a_job_that_ended_before_the_status_heard_of_it_is_not_made_again():
    planned = plan(order(), [job(at("10:00"), COMPLETE)], at("10:10"))
    assert planned.start is None
    assert planned.active == ()
    assert planned.last_schedule_time == at("10:00")
    assert planned.last_successful_time == at("10:05")


@pytest.mark.parametrize("concurrency", [FORBID, REPLACE])
def test_a_job_of_another_name_is_unexpected_and_in_nobodys_way(concurrency):
    stranger = job(at("9:45"), name="by-hand")
    planned = plan(order(concurrency=concurrency), [stranger], at("10:10"))
    assert reasons(planned) == ["UnexpectedJob"]
    assert (planned.active, planned.remove, planned.start) == ((), (), at("10:00"))


def test_an_active_job_that_is_gone_is_missed_and_gives_way():
    asked, _ = started(at("10:00"), concurrency=FORBID)
    planned = plan(asked, [], at("11:10"))
    assert reasons(planned) == ["MissingJob"]
    assert planned.start == at("11:00")
    assert planned.active == ()


@pytest.mark.parametrize(("outcome", "condition"), [(COMPLETE, "Complete"), (FAILED, "Failed")])
def test_the_end_of_a_job_is_said_once(outcome, condition):
    asked, _ = started(at("10:00"))
    ended = [job(at("10:00"), outcome)]
    planned = plan(asked, ended, at("10:10"))
    name = job_name("report", at("10:00"))
    assert [event.message for event in planned.events] == [
        f"Saw completed job: {name}, condition: {condition}"
    ]
    asked, _ = started(at("10:00"), active=planned.active)
    assert plan(asked, ended, at("10:11")).events == ()


def test_the_last_success_is_the_latest_and_never_goes_back():
    jobs = [job(at("11:00"), COMPLETE), job(at("10:00"), COMPLETE), job(at("12:00"), FAILED)]
    asked = order(last_schedule_time=at("12:00"))
    assert plan(asked, jobs, at("12:10")).last_successful_time == at("11:05")
    asked = order(last_schedule_time=at("12:00"), last_successful_time=at("11:50"))
    assert plan(asked, jobs, at("12:10")).last_successful_time == at("11:50")


@pytest.mark.parametrize(
    ("outcomes", "complete", "failed", "removed"),
    [
        ("CCCC", 3, 1, [0]),
        ("CFCF", 3, 1, [1]),
        ("CFCFCF", 1, 1, [0, 2, 1, 3]),
        ("CFCF", 0, 0, [0, 2, 1, 3]),
        ("CFCF", None, None, []),
        ("CFCF", None, 0, [1, 3]),
        ("CFCF", 0, None, [0, 2]),
        ("AACC", 1, 1, [2]),
        ("CCC", 5, 5, []),
        ("", 0, 0, []),
    ],
)
def test_the_oldest_jobs_beyond_the_history_go(outcomes, complete, failed, removed):
    words = {"A": ACTIVE, "C": COMPLETE, "F": FAILED}
    jobs = [job(at(f"{10 + i}:00"), words[each]) for i, each in enumerate(outcomes)]
    asked = order(
        keep_complete=complete,
        keep_failed=failed,
        last_schedule_time=at("20:00"),
        active=tuple(each.reference for each in jobs if each.outcome is ACTIVE),
    )
    planned = plan(asked, list(reversed(jobs)), at("20:10"))
    assert [*planned.remove] == [jobs[i].reference for i in removed]


def test_a_job_that_goes_already_is_neither_removed_again_nor_unexpected():
    jobs = [
        job(at("10:00"), COMPLETE, is_deleting=True),
        job(at("10:30"), name="by-hand", is_deleting=True),
    ]
    asked = order(keep_complete=0, keep_failed=0, last_schedule_time=at("10:00"))
    planned = plan(asked, jobs, at("10:40"))
    assert (planned.remove, planned.events, planned.active) == ((), (), ())


def test_a_job_is_named_after_the_minute_of_its_start():
    assert job_name("report", at("10:00")) == "report-29454360"
    assert job_name("report", at("10:00:59")) == job_name("report", at("10:00"))


def test_a_job_is_told_its_start_by_the_clocks_of_its_zone():
    assert scheduled_timestamp(order(), at("10:00")) == "2026-01-01T10:00:00Z"
    asked = order(time_zone="Asia/Kolkata")
    assert scheduled_timestamp(asked, at("10:00")) == "2026-01-01T15:30:00+05:30"


SCHEDULES = ["*/7 * * * *", "30 6-16/4 * * 1-5", "0 0 1 * *", "* 0 1 * *", "0 3 29 2 *",
             "@every 37m", "@hourly", "15 2 * * sun", "*/10 9-17 * * mon-fri"]  # fmt: skip


@given(
    st.sampled_from(SCHEDULES),
    st.integers(0, 400 * 24 * 3600),
    st.integers(0, 4 * 24 * 3600),
)
def test_the_latest_start_is_what_a_walk_from_start_to_start_ends_with(schedule, began_s, span_s):
    parsed = parse_schedule(schedule)
    after = MADE + timedelta(seconds=began_s)
    now = after + timedelta(seconds=span_s)
    walked = None
    following = parsed.next_after(after)
    while following is not None and following <= now:
        walked, following = following, parsed.next_after(following)
    assert latest_start(parsed, after, now).at == walked


@given(st.sampled_from(ConcurrencyPolicy), st.lists(st.integers(1, 7000), max_size=12), st.data())
def test_no_start_is_made_twice_whatever_happens_between(policy, steps, data):
    """Time goes on, jobs end or not, and the status is sometimes lost to a crash."""
    asked, jobs, now, starts = order("*/30 * * * *", concurrency=policy), {}, MADE, []
    for step in steps:
        now += timedelta(seconds=step)
        planned = plan(asked, list(jobs.values()), now)
        for gone in planned.remove:
            del jobs[gone.name]
        active, noted = planned.active, planned.last_schedule_time
        if planned.start is not None:
            made = job(planned.start)
            starts.append(planned.start)
            jobs[made.name] = made
            active, noted = (*active, made.reference), planned.start
        assert policy is ALLOW or len(active) <= 1
        if data.draw(st.booleans()):
            asked = order(
                "*/30 * * * *", concurrency=policy, active=active, last_schedule_time=noted
            )
        for name, each in list(jobs.items()):
            if each.outcome is ACTIVE and data.draw(st.booleans()):
                jobs[name] = job(each.created_at, COMPLETE)
    assert starts == sorted(set(starts))
