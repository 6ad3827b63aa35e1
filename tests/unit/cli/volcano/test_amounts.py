"""Amounts of resources on the command line."""

import pytest

from shoal.cli.output import CliError
from shoal.cli.volcano.amounts import amount_text, amounts_text, counted_amounts, parse_amounts

GI = 2**30


def test_amounts_of_a_flag_are_kept_as_they_are_written():
    assert parse_amounts("cpu=1000m, memory=100Mi", "-R") == {"cpu": "1000m", "memory": "100Mi"}
    assert parse_amounts("", "-R") == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("cpu", '-R: "cpu" is not NAME=AMOUNT, such as cpu=2'),
        ("=2", '-R: "=2" is not NAME=AMOUNT, such as cpu=2'),
        ("cpu=much", '-R: "much" is no amount of cpu, such as 2 or 4Gi'),
    ],
)
def test_what_is_no_amount_is_named_with_its_flag(text: str, sentence: str):
    with pytest.raises(CliError) as refused:
        parse_amounts(text, "-R")
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("resource", "amount", "text"),
    [
        ("cpu", 2000, "2"),
        ("cpu", 250, "0.25"),
        ("cpu", 12345, "12.3"),
        ("memory", 4 * GI, "4Gi"),
        ("memory", GI * 3 // 2, "1.5Gi"),
        ("memory", 100, "100"),
        ("nvidia.com/gpu", 8, "8"),
    ],
)
def test_people_read_amounts_with_a_decimal_at_most(resource: str, amount: int, text: str):
    assert amount_text(resource, amount) == text


def test_cpu_and_memory_come_first():
    counted = counted_amounts({"x.com/a": "1", "memory": "1Gi", "cpu": "500m", "bad": "much"})
    assert amounts_text(counted) == "cpu=0.5,memory=1Gi,x.com/a=1"
    assert amounts_text({}) == "-"
