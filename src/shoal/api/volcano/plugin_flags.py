"""The arguments of a job's plugin: command line flags as a list of words.

Admission and the plugins themselves read them, and must understand the same. One or two dashes,
the value after `=` or as the next word; a flag that is switched on may stand alone. What cannot be
read leaves the default, and what nobody asks for is passed over. Source: Go's package flag as
Volcano v1.15 uses it, pkg/controllers/job/plugins.
"""

from collections.abc import Iterator, Sequence

_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


class Flags:
    """Answers by the flag's name, without dashes; the last of equal flags counts."""

    def __init__(self, words: Sequence[str]) -> None:
        self._values = dict(_read(words))

    def text(self, name: str, default: str) -> str:
        value = self._values.get(name)
        return default if value is None else value

    def number(self, name: str, default: int) -> int:
        try:
            return int(self._values.get(name) or "")
        except ValueError:
            return default

    def switch(self, name: str, default: bool) -> bool:
        if name not in self._values:
            return default
        value = self._values[name]
        if value is None or value in _TRUE:
            return True
        return False if value in _FALSE else default


def _read(words: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Flags with their values; None where there is none."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            continue
        name, has_value, value = word.removeprefix("-").removeprefix("-").partition("=")
        if has_value:
            yield name, value
        elif rest and not rest[0].startswith("-"):
            yield name, rest.pop(0)
        else:
            yield name, None
