"""The scheduler answers what kube-scheduler v1.36.2 answers (see data/scheduler/README.md)."""

import gzip
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shoal.scheduler.explaining.cases import answer_of, case_of, explain_case
from shoal.scheduler.plugins.in_tree import in_tree_registry

DATA = Path(__file__).parent / "data" / "scheduler"


def read_lines(name: str) -> list[bytes]:
    with gzip.open(DATA / name) as lines:
        return [line.rstrip() for line in lines]


@cache
def cases() -> dict[str, tuple[bytes, bytes]]:
    pairs = zip(read_lines("cases.jsonl.gz"), read_lines("expected.jsonl.gz"), strict=True)
    return {str(case_of(case).raw["name"]): (case, answer) for case, answer in pairs}


def answered(case: bytes) -> Any:
    return answer_of(explain_case(case_of(case), in_tree_registry()))


@pytest.mark.parametrize("name", cases())
def test_every_key_of_the_answer_is_that_of_kube_scheduler(name: str) -> None:
    case, expected = cases()[name]
    answer = answered(case)
    assert answer == msgspec.json.decode(expected)
    # Byte for byte, because programs compare what the command prints.
    assert msgspec.json.encode(answer) == expected
