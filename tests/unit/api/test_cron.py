"""Schedules: grammar and texts of robfig/cron, its rules for clocks that are changed."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from shoal.api.cron import CronError, load_zone, parse_schedule

START = datetime(2026, 1, 1, tzinfo=UTC)  # a Thursday
NEW_YORK = ZoneInfo("America/New_York")


def starts(text, count, start=START, zone=UTC):
    """The next so many starts, as the zone's clocks show them."""
    schedule, found = parse_schedule(text, zone), []
    moment = start
    for _ in range(count):
        moment = schedule.next_after(moment)
        found.append(moment.astimezone(zone).strftime("%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/20 * * * *", ["01-01 00:20", "01-01 00:40", "01-01 01:00"]),
        ("5/25 * * * *", ["01-01 00:05", "01-01 00:30", "01-01 00:55"]),
        ("0 9-17/4 * * *", ["01-01 09:00", "01-01 13:00", "01-01 17:00"]),
        ("0 0 * feb-mar SUN", ["02-01 00:00", "02-08 00:00", "02-15 00:00"]),
        ("0 0 ? * ?", ["01-02 00:00", "01-03 00:00"]),
        ("0 0 3,,5 * *", ["01-03 00:00", "01-05 00:00"]),
        ("@yearly", ["01-01 00:00"]),
        ("@annually", ["01-01 00:00"]),
        ("@monthly", ["02-01 00:00", "03-01 00:00"]),
        ("@weekly", ["01-04 00:00", "01-11 00:00"]),
        ("@daily", ["01-02 00:00"]),
        ("@midnight", ["01-02 00:00"]),
        ("@hourly", ["01-01 01:00"]),
        ("@every 1h30m", ["01-01 01:30", "01-01 03:00"]),
        ("TZ=Asia/Tokyo 0 9 * * *", ["01-02 00:00"]),
        ("CRON_TZ=Asia/Tokyo 0 10 * * *", ["01-01 01:00"]),
        # Both fields of days: any of them, unless one is a true star.
        ("0 0 13 * 5", ["01-02 00:00", "01-09 00:00", "01-13 00:00"]),
        ("0 0 * * 5", ["01-02 00:00", "01-09 00:00"]),
        ("0 0 */10 * 5", ["01-02 00:00", "01-09 00:00", "01-11 00:00", "01-16 00:00"]),
        ("0 0 29 2 *", ["02-29 00:00"]),
    ],
)
def test_a_schedule_is_due_when_its_fields_match(text, expected):
    assert starts(text, len(expected)) == expected


@pytest.mark.parametrize("text", ["59 23 31 2 *", "0 0 31 4,6 *", ", * * * *"])
def test_a_day_that_never_comes_has_no_start(text):
    assert parse_schedule(text).next_after(START) is None


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", "empty spec string"),
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("0 0 0 * * *", "expected exactly 5 fields, found 6: [0 0 0 * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        ("9-5 * * * *", "beginning of range (9) beyond end of range (5): 9-5"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("*/-1 * * * *", "negative number (-1) not allowed: -1"),
        ("L * * * *", 'failed to parse int from L: strconv.Atoi: parsing "L": invalid syntax'),
        ("@often", "unrecognized descriptor: @often"),
        ("@every so", 'failed to parse duration @every so: time: invalid duration "so"'),
        ("TZ=Here * * * * *", "unknown time zone Here"),
    ],
)
def test_what_is_no_schedule_is_refused_in_the_words_of_kubernetes(text, refusal):
    with pytest.raises(CronError) as raised:
        parse_schedule(text)
    assert str(raised.value) == refusal


@pytest.mark.parametrize("name", ["Nowhere/City", "../etc/passwd", "/etc/passwd", "Europe"])
def test_a_zone_that_does_not_exist_is_refused(name):
    with pytest.raises(CronError, match="unknown time zone"):
        load_zone(name)


def test_a_zone_moves_the_starts():
    assert parse_schedule("0 9 * * *", NEW_YORK).next_after(START) == START + timedelta(hours=14)


def test_what_falls_into_the_hour_that_spring_skips_is_not_due_that_day():
    assert starts("30 2 * * *", 3, datetime(2026, 3, 7, tzinfo=UTC), NEW_YORK) == [
        "03-07 02:30",
        "03-09 02:30",
        "03-10 02:30",
    ]


def test_what_falls_into_the_hour_that_autumn_repeats_is_due_twice():
    assert starts("30 1 * * *", 4, datetime(2026, 10, 31, tzinfo=UTC), NEW_YORK) == [
        "10-31 01:30",
        "11-01 01:30",
        "11-01 01:30",
        "11-02 01:30",
    ]


def test_an_hourly_start_keeps_its_distance_when_clocks_are_changed():
    schedule = parse_schedule("0 * * * *", NEW_YORK)
    for change in (datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)):
        moments = [change]
        for _ in range(12):
            moments.append(schedule.next_after(moments[-1]))
        assert {after - before for before, after in pairwise(moments[1:])} == {timedelta(hours=1)}


def test_a_midnight_that_does_not_come_is_not_due():
    cairo = ZoneInfo("Africa/Cairo")
    assert starts("0 0 * * *", 2, datetime(2026, 4, 23, 12, tzinfo=UTC), cairo) == [
        "04-25 00:00",
        "04-26 00:00",
    ]


FIELDS = st.tuples(
    *(
        st.one_of(st.just("*"), st.lists(st.integers(low, high), min_size=1, max_size=4).map(
            lambda numbers: ",".join(map(str, numbers))
        ))
        for low, high in ((0, 59), (0, 23), (1, 28), (1, 12), (0, 6))
    )
).map(" ".join)  # fmt: skip


MOMENTS = st.integers(-6 * 365 * 86_400, 20 * 365 * 86_400).map(
    lambda seconds: START + timedelta(seconds=seconds)
)


@given(FIELDS, MOMENTS)
def test_without_changes_of_clocks_a_start_is_where_cronsim_has_it(text, moment):
    assert parse_schedule(text).next_after(moment) == next(CronSim(text, moment))


ZONES = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"]


@given(
    st.sampled_from(ZONES),
    st.lists(st.integers(0, 59), min_size=1, max_size=2),
    st.lists(st.integers(0, 23), min_size=1, max_size=3),
    MOMENTS,
)
def test_a_start_is_the_first_minute_whose_wall_clock_matches(zone, minutes, hours, moment):
    fields = f"{','.join(map(str, minutes))} {','.join(map(str, hours))} * * *"
    place = ZoneInfo(zone)
    found = parse_schedule(fields, place).next_after(moment)
    probe = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while True:
        wall = probe.astimezone(place)
        if wall.minute in minutes and wall.hour in hours:
            break
        probe += timedelta(minutes=1)
    assert found == probe
