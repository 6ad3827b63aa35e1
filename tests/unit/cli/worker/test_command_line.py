"""Command lines of `shoal worker` that are refused before anything is asked of a cluster."""

import pytest

from tests.command_line import Shoal


@pytest.fixture
def shoal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shoal:
    return Shoal(capsys, monkeypatch)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "--", "true"], "name the worker before --"),
        (["run", "-m", "stream", "--", "sh", "-c", "x"], "name the worker before --"),
        (["run"], "name the worker, or give its file with -f"),
        (["run", "sync", "-f", "w.yaml"], "the file says all of its worker; leave out the name"),
        (["run", "sync", "--parallelism", "99999999999"], "'--parallelism'"),
        (["run", "sync", "--retries", "99999999999"], "'--retries'"),
        (["logs", "sync", "--attempt", "0"], "attempts count from 1, or from the newest as -1"),
    ],
)
def test_what_a_user_can_mend_is_said_in_a_sentence(
    shoal: Shoal, words: list[str], sentence: str
) -> None:
    assert sentence in shoal.run("worker", *words).sentence


def test_the_help_of_explain_names_workers(shoal: Shoal) -> None:
    assert "worker" in shoal("explain", "--help")
