"""What is measured is what users get: all pods are placed, and their demands are met."""

import json

import pytest
from typer.testing import CliRunner

from shoal.cli.bench import app
from shoal.testing.scheduling_load import Constraint, Load, measure


@pytest.mark.parametrize("constraint", list(Constraint))
@pytest.mark.parametrize("in_turn", [False, True])
def test_every_pod_of_a_load_that_fits_is_placed(constraint: Constraint, in_turn: bool) -> None:
    measured = measure(Load(20, 40, 4, constraint=constraint, in_turn=in_turn))
    assert measured.bound == 40
    assert measured.pods_per_s > 0
    assert 0 < measured.cycle_ms_p50 <= measured.cycle_ms_p99


def test_pods_that_keep_apart_are_placed_once_a_host() -> None:
    assert measure(Load(10, 25, 1, constraint=Constraint.ANTI_AFFINITY)).bound == 10


def test_a_load_without_nodes_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        measure(Load(0, 1, 1))


def test_the_command_prints_one_json_object() -> None:
    arguments = ["scheduler", "--nodes", "5", "--pods", "10", "--templates", "2", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    figures = json.loads(result.stdout)
    assert {"pods_per_s", "cycle_ms_p50", "cycle_ms_p99", "rss_mb"} <= figures.keys()


def test_the_command_refuses_a_constraint_that_there_is_not() -> None:
    result = CliRunner().invoke(app, ["scheduler", "--with", "magic"])
    assert result.exit_code == 1
    assert 'unknown constraint "magic"' in result.output
