"""What counts as the expected outcome of a case."""

import pytest

from shoal.sim.cases import CaseOutcome, CaseUnreadableError
from shoal.sim.comparing import Difference, differences, read_expected

OUTCOME = CaseOutcome(
    binds={"ns/a": "n1", "ns/b": "n2"},
    evictions=["ns/x", "ns/y"],
    pipelined={"ns/c": "n1"},
    phases={"ns/g": "Running", "ns/h": "Pending"},
)


@pytest.mark.parametrize(
    "expected",
    [
        "{}",
        '{"binds": {"ns/a": "n1", "ns/b": "*"}}',
        '{"bindCount": 2}',
        '{"bindOptions": [{}, {"ns/a": "*", "ns/b": "n2"}]}',
        '{"evictions": ["ns/y", "ns/x"]}',
        '{"pipelined": {"ns/c": "n1"}}',
        '{"phases": {"ns/h": "Pending"}}',
    ],
)
def test_only_what_is_expected_matters(expected: str) -> None:
    assert differences(OUTCOME, read_expected(expected)) == []


@pytest.mark.parametrize(
    ("expected", "key"),
    [
        ('{"binds": {"ns/a": "n1"}}', "binds"),
        ('{"binds": {"ns/a": "n1", "ns/b": "n1"}}', "binds"),
        ('{"binds": {"ns/a": "n1", "ns/b": "n2", "ns/c": "*"}}', "binds"),
        ('{"bindCount": 1}', "bindCount"),
        ('{"bindOptions": [{"ns/a": "n1"}, {}]}', "bindOptions"),
        ('{"evictions": ["ns/x"]}', "evictions"),
        ('{"evictions": []}', "evictions"),
        ('{"pipelined": {}}', "pipelined"),
        ('{"phases": {"ns/g": "Pending"}}', "phases"),
        ('{"phases": {"ns/nobody": "Pending"}}', "phases"),
    ],
)
def test_what_differs_is_named_by_its_key(expected: str, key: str) -> None:
    assert [each.what for each in differences(OUTCOME, read_expected(expected))] == [key]


def test_a_difference_shows_both_sides() -> None:
    expected = read_expected('{"phases": {"ns/g": "Inqueue"}}')
    assert differences(OUTCOME, expected) == [
        Difference("phases", '{"ns/g":"Inqueue"}', '{"ns/g":"Running"}')
    ]


@pytest.mark.parametrize("line", ["x", "[]", '{"bind": {}}', '{"bindCount": -1}'])
def test_a_line_that_is_no_expected_outcome_is_refused(line: str) -> None:
    with pytest.raises(CaseUnreadableError):
        read_expected(line)
