"""Lengths of time as Go programs and their users write them: `15s`, `1m30s`, `1.5h`.

Source of the grammar: Go, time.ParseDuration.
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
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_WHOLE = re.compile(rf"[+-]?(({_PART.pattern})+|0)", re.ASCII)


class Duration(msgspec.Struct, frozen=True):
    """A length of time, and how it was written."""

    text: str
    seconds: float

    def __str__(self) -> str:
        return self.text


def duration(text: str) -> Duration:
    """Raises ValueError where the text is none."""
    if not _WHOLE.fullmatch(text):
        raise ValueError(f'time: invalid duration "{text}"')
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
    return Duration(text, -seconds if text.startswith("-") else seconds)
