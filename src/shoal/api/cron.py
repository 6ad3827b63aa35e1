"""Schedules as Kubernetes' cron jobs write them, and when they are due.

Grammar, error texts and the treatment of zones are those of robfig/cron v3 (`ParseStandard`),
which Kubernetes uses: five fields or a descriptor such as `@daily` or `@every 1h30m`. A schedule
is due at every instant whose wall clock in its zone matches. So what falls into the hour that is
skipped in spring is not due that day, and what falls into the hour that comes twice in autumn is
due twice. cronsim walks the calendar; it has another grammar and Debian's rules for zones, so it
is given plain numbers and clocks without a zone.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim, CronSimError

from shoal.api.duration import duration

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_EVERY = "@every "
_DESCRIPTORS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_ZONE = re.compile(r"(?:CRON_)?TZ=(\S*)\s*(.*)", re.ASCII | re.DOTALL)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)


class CronError(ValueError):
    """A schedule or a zone that cannot be read; the text is robfig/cron's."""


class Schedule(Protocol):
    """What says when a cron job is due."""

    def next_after(self, moment: datetime) -> datetime | None:
        """The first time after `moment` at which it is due, UTC; None where there is none."""
        ...


class _Field(msgspec.Struct, frozen=True):
    low: int
    high: int
    names: tuple[str, ...] = ()
    """Of the numbers from `low` on."""


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIELDS = (
    _Field(0, 59),
    _Field(0, 23),
    _Field(1, 31),
    _Field(1, 12, _MONTHS),
    _Field(0, 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)


def parse_schedule(text: str, zone: tzinfo = UTC) -> Schedule:
    """The schedule of an expression; `TZ=` before it goes before `zone`. Raises CronError."""
    if not text:
        raise CronError("empty spec string")
    prefixed = _ZONE.fullmatch(text)
    if prefixed:
        zone, text = load_zone(prefixed[1]), prefixed[2]
    text = text.strip()
    if text.startswith(_EVERY):
        return _parse_every(text)
    if text.startswith("@"):
        if text not in _DESCRIPTORS:
            raise CronError(f"unrecognized descriptor: {text}")
        text = _DESCRIPTORS[text]
    fields = text.split()
    if len(fields) != len(_FIELDS):
        found = " ".join(fields)
        raise CronError(f"expected exactly 5 fields, found {len(fields)}: [{found}]")
    numbers = [_parse_field(text, field) for text, field in zip(fields, _FIELDS, strict=True)]
    # A field of commas alone matches nothing.
    return WallClock(" ".join(numbers) if all(numbers) else None, zone)


def load_zone(name: str) -> tzinfo:
    """A zone by its name in the IANA database; the empty name is UTC. Raises CronError."""
    if name in ("", "UTC"):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise CronError(f"unknown time zone {name}") from None


class WallClock:
    """Due whenever the wall clock of a zone matches five fields."""

    def __init__(self, expression: str | None, zone: tzinfo) -> None:
        """The fields are `*` or numbers with commas between them; None is never due."""
        self._expression = expression
        self._zone = zone

    def next_after(self, moment: datetime) -> datetime | None:
        start = moment.astimezone(UTC).replace(microsecond=0)
        offset = self._offset(start)
        while True:
            wall = self._next_wall((start + offset).replace(tzinfo=None))
            if wall is None:
                return None
            found = wall.replace(tzinfo=UTC) - offset
            change = self._first_change(start, found, offset)
            if change is None:
                return found
            # The clocks are changed on the way: look again from there, by the changed ones.
            start, offset = change - _SECOND, self._offset(change)

    def _offset(self, moment: datetime) -> timedelta:
        return moment.astimezone(self._zone).utcoffset() or timedelta()

    def _next_wall(self, wall: datetime) -> datetime | None:
        if self._expression is None:
            return None
        try:
            return next(CronSim(self._expression, wall), None)
        except CronSimError:
            # A day that its months do not have.
            return None

    def _first_change(self, start: datetime, end: datetime, offset: timedelta) -> datetime | None:
        """The first instant after `start`, and not after `end`, at which the offset is another."""
        same, probe = start, start + _SECOND
        while self._offset(probe) == offset:
            if probe == end:
                return None
            same, probe = probe, min(probe + _DAY, end)
        while probe - same > _SECOND:
            middle = (same + (probe - same) / 2).replace(microsecond=0)
            if self._offset(middle) == offset:
                same = middle
            else:
                probe = middle
        return probe


class Every:
    """Due at equal distances from whatever it is reckoned from."""

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval

    def next_after(self, moment: datetime) -> datetime | None:
        return moment.astimezone(UTC).replace(microsecond=0) + self._interval


def _parse_every(text: str) -> Every:
    try:
        length = duration(text.removeprefix(_EVERY))
    except ValueError as error:
        raise CronError(f"failed to parse duration {text}: {error}") from None
    return Every(timedelta(seconds=max(1, int(length.seconds))))


def _parse_field(text: str, field: _Field) -> str:
    """The field as cronsim is to see it: a star, or all its numbers; empty where it has none."""
    numbers: set[int] = set()
    has_star = False
    for part in text.split(","):
        if part:
            some, is_star = _parse_range(part, field)
            numbers.update(some)
            has_star = has_star or is_star
    # Only a true star leaves the choice of days to the other field of days.
    return "*" if has_star else ",".join(str(number) for number in sorted(numbers))


def _parse_range(text: str, field: _Field) -> tuple[range, bool]:
    """The numbers of `a`, `a-b`, `*`, each with or without `/step`; whether it is a star."""
    span, *steps = text.split("/")
    ends = span.split("-")
    is_star = ends[0] in ("*", "?")
    if is_star:
        low, high = field.low, field.high
    elif len(ends) > 2:
        raise CronError(f"too many hyphens: {text}")
    else:
        low = _parse_number(ends[0], field.names, field.low)
        high = low if len(ends) == 1 else _parse_number(ends[1], field.names, field.low)
    step = 1
    if len(steps) > 1:
        raise CronError(f"too many slashes: {text}")
    if steps:
        step = _parse_number(steps[0], (), 0)
        high = field.high if len(ends) == 1 else high
    if low < field.low:
        raise CronError(f"beginning of range ({low}) below minimum ({field.low}): {text}")
    if high > field.high:
        raise CronError(f"end of range ({high}) above maximum ({field.high}): {text}")
    if low > high:
        raise CronError(f"beginning of range ({low}) beyond end of range ({high}): {text}")
    if step == 0:
        raise CronError(f"step of range should be a positive number: {text}")
    return range(low, high + 1, step), is_star and step == 1


def _parse_number(text: str, names: tuple[str, ...], first: int) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + first
    if not _INTEGER.fullmatch(text):
        raise CronError(
            f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax'
        )
    number = int(text)
    if number < 0:
        raise CronError(f"negative number ({number}) not allowed: {text}")
    return number
