"""Flags of plugins are read as Go's flags are."""

import pytest

from shoal.api.volcano.plugin_flags import Flags


@pytest.mark.parametrize(
    "words", [["--port=5000"], ["-port=5000"], ["--port", "5000"], ["-port", "5000"]]
)
def test_a_value_stands_behind_an_equals_sign_or_in_the_next_word(words: list[str]) -> None:
    assert Flags(words).number("port", 22) == 5000


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ([], True),
        (["--on=false"], False),
        (["--on=F"], False),
        (["--on=0"], False),
        (["--on"], True),
        (["--on=maybe"], True),
    ],
)
def test_a_switch_keeps_its_default_unless_it_is_said_otherwise(
    words: list[str], value: bool
) -> None:
    assert Flags(words).switch("on", True) is value


def test_a_switch_may_stand_alone_before_another_flag() -> None:
    flags = Flags(["--on", "--port=1"])
    assert flags.switch("on", False) and flags.number("port", 0) == 1


def test_a_number_that_is_none_leaves_the_default() -> None:
    assert Flags(["--port=http"]).number("port", 22) == 22


def test_a_value_may_hold_equals_signs_and_begin_with_dashes() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nAA==\n"
    assert Flags([f"--ssh-private-key={key}"]).text("ssh-private-key", "") == key


def test_words_that_are_no_flags_are_passed_over() -> None:
    assert Flags(["stray", "--port=1"]).number("port", 0) == 1
