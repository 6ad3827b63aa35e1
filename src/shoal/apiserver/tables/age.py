"""Times as people read them: `5m30s`, `3h`, `2d4h`.

Source of the steps: Kubernetes v1.36, apimachinery/pkg/util/duration, HumanDuration.
"""

from datetime import datetime, timedelta

from shoal.api.resource import JsonObject

UNKNOWN = "<unknown>"
INVALID = "<invalid>"

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_YEAR = 365 * _DAY


def human_duration(elapsed: timedelta) -> str:
    """Two units at most, finer for what is recent."""
    # Clocks of two machines may differ a little: up to two seconds of future are now.
    if elapsed <= timedelta(seconds=-2):
        return INVALID
    seconds = max(0, int(elapsed.total_seconds()))
    if seconds < 2 * _MINUTE:
        return f"{seconds}s"
    if seconds < 10 * _MINUTE:
        return _two(seconds // _MINUTE, "m", seconds % _MINUTE, "s")
    if seconds < 3 * _HOUR:
        return f"{seconds // _MINUTE}m"
    if seconds < 8 * _HOUR:
        return _two(seconds // _HOUR, "h", seconds % _HOUR // _MINUTE, "m")
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR}h"
    if seconds < 8 * _DAY:
        return _two(seconds // _DAY, "d", seconds % _DAY // _HOUR, "h")
    if seconds < 2 * _YEAR:
        return f"{seconds // _DAY}d"
    if seconds < 8 * _YEAR:
        return _two(seconds // _YEAR, "y", seconds % _YEAR // _DAY, "d")
    return f"{seconds // _YEAR}y"


def since(moment: object, now: datetime) -> str:
    """How long ago an RFC 3339 text was; `<unknown>` where there is none."""
    if not moment:
        return UNKNOWN
    parsed = parse_time(moment)
    return INVALID if parsed is None else human_duration(now - parsed)


def age_of(obj: JsonObject, now: datetime) -> str:
    return since(obj["metadata"].get("creationTimestamp"), now)


def parse_time(text: object) -> datetime | None:
    """An aware time, or None for what is none."""
    try:
        parsed = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return parsed if parsed.tzinfo is not None else None


def _two(whole: int, unit: str, rest: int, smaller_unit: str) -> str:
    return f"{whole}{unit}{rest}{smaller_unit}" if rest else f"{whole}{unit}"
