"""Lengths of time as Go programs and their users write them: `15s`, `1m30s`, `1.5h`.

Source of the grammar: Go, time.ParseDuration and time.Duration.String.
"""

import re

import msgspec

_UNITS_S = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_MAX_S = (2**63 - 1) / 1e9
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_WHOLE = re.compile(rf"[+-]?(({_PART.pattern})+|0)", re.ASCII)


class Duration(msgspec.Struct, frozen=True):
    """A length of time, and how it was written."""

    text: str
    seconds: float

    def __str__(self) -> str:
        return self.text


def duration(text: str) -> Duration:
    """Raises ValueError where the text is none, or longer than Go can say: 292 years."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f'time: invalid duration "{text}"')
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
    if seconds > _MAX_S:
        raise ValueError(f'time: invalid duration "{text}"')
    return Duration(text, -seconds if text.startswith("-") else seconds)


def format_duration(length_s: float) -> str:
    """As Go prints it: `1m0s`, `1h0m20s`, `1.5s`, `20ms`."""
    left_ns = round(length_s * 1e9)
    if left_ns < 10**9:
        for unit, one_ns in (("ms", 10**6), ("µs", 10**3), ("ns", 1)):
            if left_ns >= one_ns:
                return f"{_decimal(left_ns, one_ns)}{unit}"
        return "0s"
    minutes, left_ns = divmod(left_ns, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{text}{_decimal(left_ns, 10**9)}s"


def _decimal(amount: int, unit: int) -> str:
    """The quotient without zeros at its end. Integers, because a float would round."""
    whole, rest = divmod(amount, unit)
    digits = str(rest).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if rest else str(whole)
