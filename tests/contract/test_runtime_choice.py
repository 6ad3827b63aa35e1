"""Which runtime a machine gets, and what it says about it."""

import subprocess
import sys
from pathlib import Path

import pytest

from shoal.agent.runtime.probing import RuntimeChooser, probe_sandbox
from shoal.base.clock import SystemClock

LOCKED_DOWN = """
echo 0 > /proc/sys/user/max_user_namespaces && echo 0 > /proc/sys/user/max_mnt_namespaces &&
exec "$0" -c "$1" "$2"
"""
"""Runs where one may set limits for oneself: in a user namespace."""

CHOOSE = """
import asyncio, sys
from pathlib import Path
from shoal.agent.runtime.probing import RuntimeChooser, RuntimeUnavailableError
from shoal.base.clock import SystemClock

async def main():
    chooser = RuntimeChooser(SystemClock())
    choice = await chooser.choose("auto", Path(sys.argv[1]) / "a")
    print(choice.runtime.name)
    print(choice.sentence)
    try:
        await chooser.choose("sandbox", Path(sys.argv[1]) / "b")
    except RuntimeUnavailableError as error:
        print(error)

asyncio.run(main())
"""


def test_a_machine_that_refuses_namespaces_gets_processes_and_a_sentence(tmp_path: Path) -> None:
    shell = ["unshare", "--user", "--map-root-user", "sh", "-c"]
    if subprocess.run([*shell, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no user namespace in which to lock namespaces down")
    outcome = subprocess.run(
        [*shell, LOCKED_DOWN, sys.executable, CHOOSE, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    name, sentence, refusal = outcome.stdout.splitlines()
    assert name == "process"
    assert sentence.startswith("no sandbox on this machine: make ")
    assert "namespace" in sentence
    assert sentence.startswith(refusal)


async def test_processes_are_had_where_they_are_asked_for(tmp_path: Path) -> None:
    choice = await RuntimeChooser(SystemClock()).choose("process", tmp_path)
    assert choice.runtime.name == "process"
    assert not choice.runtime.capabilities.isolates_mounts
    assert choice.sentence.startswith("process runtime, as configured; ")


async def test_a_sandbox_is_had_by_default_where_the_machine_allows_it(tmp_path: Path) -> None:
    findings = await probe_sandbox(SystemClock())
    choice = await RuntimeChooser(SystemClock()).choose("auto", tmp_path)
    assert choice.runtime.name == ("process" if findings.confinement is None else "sandbox")
    assert choice.sentence.startswith(findings.sentence)
