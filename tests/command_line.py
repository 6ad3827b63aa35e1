"""The `shoal` command line, as tests run it.

Its main function is called in this process: starting a Python for every command would take most
of the time.
"""

import sys
import time
from dataclasses import dataclass

import pytest

from shoal.cli.main import main

TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """What a failed command said: one line, no traceback."""
        assert self.code == 1, self
        assert self.err.startswith("error: ") and self.err.count("\n") == 1, self.err
        return self.err


class Shoal:
    """The command line, pointed at the plane."""

    def __init__(self, capsys: pytest.CaptureFixture[str], patched: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._patched = patched

    def run(self, *words: str) -> Said:
        self._patched.setattr(sys, "argv", ["shoal", *words])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capsys.readouterr()
        return Said(int(ended.value.code or 0), out, err)

    def __call__(self, *words: str) -> str:
        """Output of a command that must succeed."""
        said = self.run(*words)
        assert said.code == 0, said
        return said.out

    def until(self, text: str, *words: str) -> str:
        """Output of a command, run again until it holds `text`."""
        give_up_s = time.monotonic() + TIMEOUT_S
        while text not in (said := self.run(*words)).out:
            assert time.monotonic() < give_up_s, said
            time.sleep(0.05)
        return said.out
