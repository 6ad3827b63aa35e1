"""Flags of `shoal explain --what-if`, and the table that it prints."""

import pytest

from shoal.cli.output import CliError
from shoal.cli.what_if_story import (
    ROOM_LIMIT,
    WhatIfFlags,
    prospect_json,
    prospect_table,
    whole_nodes,
)
from shoal.scheduler.explaining.explanation import Explanation, WayOut
from shoal.scheduler.explaining.score_sheet import ScoreSheet
from shoal.scheduler.explaining.what_if import Prospect

FITS = Explanation(
    2, {}, None, ["a", "b"], "", ScoreSheet({}, {"a": 1, "b": 2}), None, frozenset(), None
)


def rejected(way_out: WayOut) -> Explanation:
    return Explanation(2, {}, None, [], "0/2 fit.", ScoreSheet(), way_out, frozenset(), None)


def test_flags_become_changes_in_their_order() -> None:
    flags = WhatIfFlags(
        cpu="2",
        memory="4Gi",
        drop_affinity=True,
        drop_tolerations=True,
        tolerate=["team", "*"],
        drop_spread=True,
        priority=7,
        add_nodes=["2x cpu=1,memory=1Gi"],
        remove_nodes=["n"],
    )
    assert [change.text for change in flags.changes()] == [
        "cpu 2",
        "memory 4Gi",
        "without affinity and node selector",
        "without tolerations",
        "tolerating team",
        "tolerating every taint",
        "without topology spread",
        "priority 7",
        "2 more nodes of cpu=1,memory=1Gi",
        "without node n",
    ]
    assert WhatIfFlags().changes() == []


def test_a_flag_that_makes_no_sense_is_for_the_user_to_mend() -> None:
    with pytest.raises(CliError, match='--memory "x" is not an amount'):
        WhatIfFlags(memory="x").changes()


@pytest.mark.parametrize(
    ("words", "add_nodes", "names", "whole"),
    [
        (["pod", "a"], ["cpu=1"], ["pod", "a"], ["cpu=1"]),
        (["pod", "a"], ["4x cpu=1"], ["pod", "a"], ["4x cpu=1"]),
        (["pod", "a", "cpu=1"], ["4x"], ["pod", "a"], ["4x cpu=1"]),
        (["cpu=1", "a", "cpu=2"], ["4x", "cpu=9", "2x"], ["a"], ["4x cpu=1", "cpu=9", "2x cpu=2"]),
    ],
)
def test_what_the_shell_parted_is_put_together(
    words: list[str], add_nodes: list[str], names: list[str], whole: list[str]
) -> None:
    assert whole_nodes(words, add_nodes) == (names, whole)


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(CliError, match="--add-node 4x of what"):
        whole_nodes(["a"], ["4x"])
    with pytest.raises(CliError, match='"cpu=1" is no name'):
        whole_nodes(["a", "cpu=1"], [])


def test_the_table_says_where_it_fits_how_often_and_why_not() -> None:
    evicting = rejected(WayOut("a", ("default/x",)))
    prospects = [
        Prospect("as it is", rejected(WayOut(message="no")), 0),
        Prospect("priority 7", evicting, 0),
        Prospect("cpu 1", FITS, 5),
        Prospect("cpu 0", FITS, ROOM_LIMIT),
    ]
    assert prospect_table(prospects).rows == [
        ("as it is", "no", "-", "0/2", "0", "0/2 fit."),
        ("priority 7", "after evicting 1 pod", "a", "0/2", "0", "0/2 fit."),
        ("cpu 1", "yes", "b", "2/2", "5", ""),
        ("cpu 0", "yes", "b", "2/2", "1000 or more", ""),
    ]
    assert prospect_json(prospects[1])["evicting"] == ["default/x"]
    assert prospect_json(prospects[2])["node"] == "b"
