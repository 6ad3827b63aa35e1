"""What is measured is what users get: gangs are placed as wholes, on the way that is named."""

import json

import pytest
from typer.testing import CliRunner

from shoal.cli.bench import app
from shoal.testing.gang_load import GangLoad, Way
from shoal.testing.gangs_in_process import measure_in_process
from shoal.testing.gangs_through_api import measure_through_api


def test_in_process_all_members_of_all_gangs_are_bound() -> None:
    measured = measure_in_process(GangLoad(5, 4, 10))
    assert measured.bound == 40
    assert measured.writes["bind pods"] == 40
    assert 0 < measured.gang_s_p50 <= measured.gang_s_p99 <= measured.total_s


def test_a_gang_that_does_not_fit_is_not_bound_in_part() -> None:
    # 110 pods fit on a node, so two gangs of 40 do, and the third does not.
    assert measure_in_process(GangLoad(1, 3, 40)).bound == 80


@pytest.mark.parametrize("way", [Way.API, Way.JOBS])
def test_through_the_api_every_pod_is_created_and_bound_once(way: Way) -> None:
    measured = measure_through_api(GangLoad(5, 4, 10), way)
    assert measured.bound == 40
    assert measured.writes["create pods"] == 40
    assert measured.writes["update pods"] == 40
    assert measured.writes["create podgroups.scheduling.volcano.sh"] == 4
    assert measured.writes.get("create jobs.batch.volcano.sh", 0) == (4 if way is Way.JOBS else 0)


def test_a_gang_that_starts_costs_few_writes_beside_those_of_its_pods() -> None:
    """Statuses are told as wholes, a few times a second at most, not pod by pod."""
    writes = measure_through_api(GangLoad(5, 2, 20), Way.JOBS).writes
    assert writes["update podgroups.scheduling.volcano.sh"] <= 2 * 4
    assert writes["update jobs.batch.volcano.sh"] <= 2 * 4


def test_a_load_without_gangs_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        GangLoad(1, 0, 1)


def _printed(*arguments: str) -> list[dict[str, object]]:
    result = CliRunner().invoke(app, ["gangs", "--nodes", "5", "--gangs", "2", *arguments])
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_the_command_prints_one_json_list() -> None:
    (figures,) = _printed("--size", "3", "--json")
    assert {"pods_per_s", "gangs_per_s", "gang_s_p50", "writes"} <= figures.keys()
    assert figures["way"] == "in process"


def test_the_command_says_how_many_pods_found_no_node() -> None:
    arguments = ["gangs", "--nodes", "1", "--gangs", "3", "--size", "40"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert "only 80 of 120 pods found a node" in result.output
