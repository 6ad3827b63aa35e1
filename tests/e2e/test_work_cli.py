"""`shoal work` as people and shell scripts use it, bad input included."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command_line import Shoal
from tests.servers import postgresql

__all__ = ["postgresql"]

VARIABLES = ("SHOAL_WORK_URL", "SHOAL_WORK_QUEUE", "SHOAL_WORK_LEASE_SECONDS", "KUBECONFIG")


@pytest.fixture
def shoal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Shoal:
    """On the queues of the control plane's data folder."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("SHOAL_DATA_DIR", str(tmp_path / "data"))
    return Shoal(capsys, monkeypatch)


def until(holds: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < give_up_s
        time.sleep(0.02)


def size(shoal: Shoal, queue: str = "orders") -> dict[str, object]:
    figures = json.loads(shoal("work", "size", queue, "--json"))
    del figures["queue"], figures["total"]
    return {name: figure for name, figure in figures.items() if figure}


def test_items_of_a_file_are_put_and_seen(shoal: Shoal, tmp_path: Path) -> None:
    (tmp_path / "items").write_text("a\n\n b \r\nc")
    said = shoal("work", "put", "orders", "-n", "team-a", "--from", str(tmp_path / "items"))
    assert said == "3 items put into team-a/orders\n"
    peeked = shoal("work", "peek", "team-a/orders", "--json").splitlines()
    assert [json.loads(line)["body"] for line in peeked] == ["a", " b ", "c"]
    assert (tmp_path / "data" / "work" / "team-a.db").exists()
    assert "READY" in shoal("work", "size", "orders", "-n", "team-a")
    assert size(shoal, "team-a/orders") == {"ready": 3}


def test_a_batch_is_put_once(shoal: Shoal, tmp_path: Path) -> None:
    words = ("work", "put", "orders", "--item", "a", "--item", "b", "--batch-id", "night")
    assert shoal(*words).startswith("2 items")
    assert shoal(*words).startswith("0 items")


def test_a_batch_of_that_name_with_other_items_is_refused(shoal: Shoal) -> None:
    shoal("work", "put", "orders", "--item", "a", "--item", "b", "--batch-id", "night")
    said = shoal.run("work", "put", "orders", "--item", "x", "--batch-id", "night")
    assert "batch night of default/orders holds other items; use another" in said.sentence
    assert size(shoal) == {"ready": 2}


def test_queues_are_listed_and_an_unknown_one_is_told(shoal: Shoal) -> None:
    assert "No queues found" in shoal.run("work", "list").err
    shoal("work", "put", "orders", "--item", "a")
    shoal("work", "put", "days", "--item", "a")
    assert [line.split()[0] for line in shoal("work", "list").splitlines()] == [
        "QUEUE", "default/days", "default/orders",
    ]  # fmt: skip
    listed = [json.loads(line) for line in shoal("work", "list", "--json").splitlines()]
    assert [(each["queue"], each["ready"]) for each in listed] == [
        ("default/days", 1), ("default/orders", 1),
    ]  # fmt: skip
    for words in (["size", "oders"], ["peek", "oders"], ["get", "oders", "--json"]):
        said = shoal.run("work", *words)
        assert said.err.startswith("nobody has put an item into default/oders; `shoal work list`")
        assert said.code == (3 if words[0] == "get" else 0)


def test_ids_that_are_not_dead_are_told(shoal: Shoal) -> None:
    shoal("work", "put", "orders", "--item", "a")
    told = json.loads(shoal("work", "get", "orders", "--json"))
    shoal("work", "nack", told["token"], "--max-attempts", "1")
    said = shoal.run("work", "revive", "orders", "--id", "99", "--id", str(told["id"]))
    assert "no dead item of default/orders has the id 99" in said.sentence
    assert "1 dead item of default/orders revived" in said.sentence
    assert size(shoal) == {"ready": 1}


def test_who_only_looks_makes_no_file(shoal: Shoal, tmp_path: Path) -> None:
    shoal("work", "size", "q", "--url", f"sqlite://{tmp_path}/no/q.db")
    assert not (tmp_path / "no").exists()
    shoal("work", "size", "orders")
    assert list((tmp_path / "data").iterdir()) == []


def test_a_shell_takes_an_item_and_says_what_became_of_it(shoal: Shoal, tmp_path: Path) -> None:
    shoal("work", "put", "orders", "--item", "a")
    token = str(tmp_path / "token")
    assert shoal("work", "get", "orders", "--token-file", token) == "a\n"
    assert shoal.run("work", "get", "orders", "--json", "--no-wait").code == 4
    shoal("work", "renew", "--token-file", token)
    shoal("work", "nack", "--token-file", token, "--reason", "later")
    assert "the item is somebody else's" in shoal.run("work", "ack", "--token-file", token).sentence
    told = json.loads(shoal("work", "get", "orders", "--json"))
    assert (told["body"], told["attempt"], told["queue"]) == ("a", 2, "default/orders")
    shoal("work", "ack", told["token"])
    assert shoal.run("work", "get", "orders", "--json").code == 3


def test_the_dead_are_listed_revived_and_purged(shoal: Shoal) -> None:
    shoal("work", "put", "orders", "--item", "a", "--item", "b")
    for _ in range(2):
        told = json.loads(shoal("work", "get", "orders", "--json"))
        shoal("work", "nack", told["token"], "--reason", "bad row", "--max-attempts", "1")
    assert "bad row" in shoal("work", "dead", "orders")
    [first, _] = map(json.loads, shoal("work", "dead", "orders", "--json").splitlines())
    assert shoal("work", "revive", "orders", "--id", str(first["id"])).startswith("1 dead item ")
    assert shoal("work", "revive", "orders").startswith("1 dead item ")
    assert shoal("work", "purge", "orders") == "default/orders purged; 2 items were not done\n"


def test_a_command_runs_for_each_item(shoal: Shoal, tmp_path: Path) -> None:
    shoal("work", "put", "orders", "--item", "a", "--item", "b c")
    script = f'echo "$ITEM|$(cat)|$ITEM_ATTEMPT" >> {tmp_path}/out'
    shoal("work", "each", "-q", "orders", "--", "sh", "-c", script)
    assert (tmp_path / "out").read_text() == "a|a|1\nb c|b c|1\n"
    assert shoal.run("work", "get", "orders", "--json").code == 3


def test_with_a_count_the_commands_failure_is_the_exit_code(shoal: Shoal) -> None:
    shoal("work", "put", "orders", "--item", "a", "--item", "b")
    said = shoal.run("work", "each", "-q", "orders", "--count", "1", "--", "sh", "-c", "exit 7")
    assert (said.code, "item 1 failed at attempt 1: exit code 7" in said.err) == (7, True)
    said = shoal.run("work", "each", "-q", "orders", "--count", "1", "--", "true")
    assert said.code == 0


def test_a_command_that_cannot_be_run_costs_no_attempt(shoal: Shoal) -> None:
    shoal("work", "put", "orders", "--item", "a")
    said = shoal.run("work", "each", "-q", "orders", "--", "no-such-command")
    assert "no-such-command cannot be run" in said.err and said.code == 1
    assert json.loads(shoal("work", "get", "orders", "--json"))["attempt"] == 1


def test_sigterm_reaches_the_command_and_hands_its_item_back(shoal: Shoal, tmp_path: Path) -> None:
    shoal("work", "put", "orders", "--item", "a", "--item", "b")
    begun = tmp_path / "begun"
    loop = "import sys; from shoal.cli.main import main; sys.argv[0] = 'shoal'; main()"
    script = f"touch {begun}; exec sleep 60"
    process = subprocess.Popen(
        [sys.executable, "-c", loop, "work", "each", "-q", "orders", "--", "sh", "-c", script],
        env={**os.environ},
        stderr=subprocess.DEVNULL,
    )
    until(begun.exists)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert size(shoal)["ready"] == 2
    assert json.loads(shoal("work", "get", "orders", "--json"))["attempt"] == 1


def test_a_server_is_named_by_a_variable_or_a_file_and_its_password_never_shown(
    shoal: Shoal, postgresql, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("QUEUES", postgresql.url)
    assert shoal("work", "put", "cli", "--item", "a", "--url-from-env", "QUEUES").startswith("1 ")
    (tmp_path / "url").write_text(postgresql.url + "\n")
    assert '"ready":1' in shoal(
        "work", "size", "cli", "--json", "--url-file", str(tmp_path / "url")
    )
    shoal("work", "purge", "cli", "--url-from-env", "QUEUES")
    monkeypatch.setenv("QUEUES", postgresql.url.replace("a-password", "another"))
    refusal = shoal.run("work", "size", "cli", "--url-from-env", "QUEUES").sentence
    assert "password authentication failed" in refusal and "another" not in refusal


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["size"], "which queue?"),
        (["size", "a b"], "names no queue"),
        (["size", "a/b/c"], "names no queue"),
        (["size", "team.db/a"], "names no queue"),
        (["size", "a", "-n", "team.db"], "names no queue"),
        (["size", "x/y", "-n", "z"], 'is not in namespace "z"'),
        (["size", "q", "--url", "redis://:geheim@h"], "--url must not hold a password"),
        (["size", "q", "--url", "mysql://h/db"], "no known kind of work source"),
        (["size", "q", "--url-from-env", "NOT_SET"], "$NOT_SET is empty"),
        (["size", "q", "--url-file", "/no/file"], "cannot be read"),
        (["size", "q", "--url-from-env", "A", "--data-dir", "/x"], "give only one of"),
        (["size", "q", "--data-dir", "/no/folder"], "no data folder of `shoal up`"),
        (["put", "q"], "name the items"),
        (["put", "q", "--from", "/no/file"], "/no/file cannot be read"),
        (["get", "q"], "keep it with --token-file"),
        (["get", "q", "--json", "--lease", "0"], "--lease must be above 0"),
        (["get", "q", "--json", "--lease", "nan"], "--lease must be above 0 and at most"),
        (["get", "q", "--json", "--lease", "inf"], "--lease must be above 0 and at most"),
        (["nack", "default/q/1-a", "--delay", "nan"], "--delay must be from 0 to"),
        (["get", "q", "--json", "--max-attempts", "99999999999"], "'--max-attempts'"),
        (["size", "q", "--url-file", "/"], "/ cannot be read: Is a directory\n"),
        (
            ["put", "q", "--item", "a", "--url", "sqlite:////no/folder/x.db"],
            "a folder that is there",
        ),
        (["ack"], "name a token"),
        (["ack", "strange"], "is no token"),
        (["ack", "default/q/1-a"], "ran out or was given up"),
        (["ack", "--token-file", "/no/file"], "/no/file holds no token"),
    ],
)
def test_what_a_user_can_mend_is_said_in_a_sentence(
    shoal: Shoal, words: list[str], sentence: str
) -> None:
    said = shoal.run("work", *words).sentence
    assert sentence in said and "geheim" not in said


def test_lines_that_are_not_json_are_told_by_number(shoal: Shoal, tmp_path: Path) -> None:
    (tmp_path / "items").write_text('{"a": 1}\n{oops\n')
    said = shoal.run("work", "put", "q", "--from", str(tmp_path / "items"), "--json")
    assert "line 2 is not JSON" in said.sentence
    (tmp_path / "items").write_bytes(b"\xff\xfe\n")
    said = shoal.run("work", "put", "q", "--from", str(tmp_path / "items"))
    assert "is no UTF-8 text" in said.sentence
