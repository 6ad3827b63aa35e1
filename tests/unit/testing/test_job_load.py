"""What is measured of Jobs is what users get: each is taken in and has its pod."""

import json

import pytest
from typer.testing import CliRunner

from shoal.cli.bench import app
from shoal.testing.job_load import JobLoad, measure_jobs


def test_every_job_has_one_pod_and_costs_one_write_of_its_status():
    measured = measure_jobs(JobLoad(20, 4))
    assert measured.pods == 20
    assert measured.writes["create jobs.batch"] == 20
    assert measured.writes["create pods"] == 20
    assert measured.writes.get("update jobs.batch", 0) <= 20
    assert measured.taken_in_s > 0
    assert 0 < measured.create_s_p50 <= measured.create_s_p99


def test_a_load_without_jobs_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        JobLoad(0)


def test_the_command_prints_json_or_a_table():
    result = CliRunner().invoke(app, ["jobs", "--jobs", "5", "--clients", "2", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["pods"] == 5
    result = CliRunner().invoke(app, ["jobs", "--jobs", "5"])
    assert "writes: create pods" in result.stdout
