"""Numbers and times in the sentences of `shoal explain`."""

from datetime import datetime

from shoal.api.core import Event
from shoal.api.meta import Condition
from shoal.apiserver.tables.age import human_duration


def counted(number: int, noun: str) -> str:
    """`1 time`, `2 times`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def lasting(since: datetime | None, now: datetime) -> str:
    """` for 3m`; empty where it is not known since when."""
    return f" for {human_duration(now - since)}" if since is not None else ""


def condition_line(condition: Condition, now: datetime) -> str:
    duration = lasting(condition.last_transition_time, now)
    return f"  {condition.reason}{duration}: {condition.message}"


def event_line(event: Event, now: datetime) -> str:
    ago = ""
    if event.last_timestamp is not None:
        ago = f", {human_duration(now - event.last_timestamp)} ago"
    times = counted(max(event.count, 1), "time")
    return f"  {event.type} {event.reason} ({times}{ago}): {event.message}"
