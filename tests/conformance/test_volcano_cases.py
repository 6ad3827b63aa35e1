"""Queues and gangs get what Volcano v1.15 gives them (see data/volcano/README.md)."""

from functools import cache
from pathlib import Path

import pytest

from shoal.sim.cases import ClusterCase, answer, read_case
from shoal.sim.comparing import ExpectedOutcome, differences, read_expected

DATA = Path(__file__).parent / "data" / "volcano"
FILES = {"cases": "expected", "more": "more_expected"}


@cache
def cases() -> dict[str, tuple[ClusterCase, ExpectedOutcome]]:
    found: dict[str, tuple[ClusterCase, ExpectedOutcome]] = {}
    for clusters, outcomes in FILES.items():
        lines = (DATA / f"{clusters}.jsonl").read_bytes().splitlines()
        expected = (DATA / f"{outcomes}.jsonl").read_bytes().splitlines()
        for case, outcome in zip(map(read_case, lines), expected, strict=True):
            assert case.name not in found
            found[case.name] = case, read_expected(outcome)
    return found


@pytest.mark.parametrize("name", cases())
def test_queues_and_gangs_get_what_volcano_gives_them(name: str) -> None:
    case, expected = cases()[name]
    assert differences(answer(case), expected) == []
