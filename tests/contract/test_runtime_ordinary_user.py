"""The runtimes for someone who is not root: the same suites, run again as such a user."""

import os
import site
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import shoal

NOBODY = 65534
SUITES = (
    "test_hidden_files.py",
    "test_limits.py",
    "test_privileges.py",
    "test_runtime.py",
    "test_runtime_processes.py",
    "test_sandbox.py",
)


def _as_nobody(command: list[str], directory: str) -> subprocess.CompletedProcess[str]:
    paths = [str(Path(shoal.__file__).parents[1]), *site.getsitepackages()]
    return subprocess.run(
        command,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd=Path(__file__).parents[2],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": directory,
            "TMPDIR": directory,
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def _interpreter(directory: str) -> str:
    """One that this user can run: root's own may be out of reach."""
    tried: list[str] = []
    for python in (sys.executable, "/usr/bin/python3"):
        script = (
            "import sys, pytest, pytest_asyncio, hypothesis; assert sys.version_info >= (3, 11)"
        )
        try:
            outcome = _as_nobody([python, "-c", script], directory)
        except OSError as error:
            tried.append(str(error))
            continue
        if outcome.returncode == 0:
            return python
        tried.append(outcome.stderr.strip().splitlines()[-1])
    pytest.skip(f"no interpreter that an ordinary user may run: {'; '.join(tried)}")


@pytest.mark.skipif(os.geteuid() != 0, reason="the suites run as an ordinary user already")
def test_the_suites_pass_as_an_ordinary_user() -> None:
    with tempfile.TemporaryDirectory() as directory:
        os.chown(directory, NOBODY, NOBODY)
        suites = [str(Path(__file__).with_name(name)) for name in SUITES]
        options = ["-q", "-p", "no:cacheprovider", f"--basetemp={directory}/pytest"]
        outcome = _as_nobody(
            [_interpreter(directory), "-m", "pytest", *options, *suites], directory
        )
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
