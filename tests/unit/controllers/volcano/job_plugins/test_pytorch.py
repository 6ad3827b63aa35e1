"""`pytorch`: the master's place, ranks, and waiting for the master."""

import subprocess

import pytest

from shoal.controllers.volcano.job_plugins.pytorch import PytorchPlugin
from tests.unit.controllers.volcano.job_plugins.pods_of_jobs import (
    edited,
    job_of,
    ports,
    variables,
)

JOB = job_of("test-pytorch", master=1, worker=2).obj()


def expected(rank: str, port: str = "23456", size: str = "3") -> dict[str, str]:
    return {
        "MASTER_ADDR": "test-pytorch-master-0.test-pytorch",
        "MASTER_PORT": port,
        "WORLD_SIZE": size,
        "RANK": rank,
    }


@pytest.mark.parametrize(
    ("task", "index", "rank"), [("master", 0, "0"), ("worker", 0, "1"), ("worker", 1, "2")]
)
def test_every_pod_knows_the_master_and_its_rank(task: str, index: int, rank: str) -> None:
    pod = edited(PytorchPlugin([]), JOB, task, index)
    assert variables(pod) == expected(rank)
    assert list(variables(pod)) == list(expected(rank))
    assert ports(pod) == [("pytorchjob-port", 23456)]
    assert (variables(pod, init=True), ports(pod, init=True)) == ({}, [])


def test_the_port_can_be_another() -> None:
    pod = edited(PytorchPlugin(["--port=5000"]), JOB, "master")
    assert variables(pod) == expected("0", port="5000")
    assert ports(pod) == [("pytorchjob-port", 5000)]


@pytest.mark.parametrize(
    ("declared", "after"),
    [
        (("pytorchjob-port", 23456), [("pytorchjob-port", 23456)]),
        (("mine", 23456), [("mine", 23456)]),
        (("pytorchjob-port", 123), [("pytorchjob-port", 123), ("", 23456)]),
    ],
)
def test_ports_of_the_template_stay_and_no_name_is_there_twice(
    declared: tuple[str, int], after: list[tuple[str, int]]
) -> None:
    name, port = declared
    container = {"name": "main", "ports": [{"name": name, "containerPort": port}]}
    pod = {"metadata": {}, "spec": {"containers": [container]}}
    assert ports(edited(PytorchPlugin([]), JOB, pod=pod)) == after


def test_a_job_without_a_master_is_left_alone() -> None:
    pod = edited(PytorchPlugin([]), job_of("j", worker=1).obj())
    assert (variables(pod), ports(pod)) == ({}, [])


def test_other_tasks_have_no_rank_and_count_for_nothing() -> None:
    job = job_of("test-pytorch", master=1, worker=1, board=4).obj()
    found = variables(edited(PytorchPlugin([]), job, "board"))
    assert "RANK" not in found and found["WORLD_SIZE"] == "2"


def test_tasks_may_have_other_names() -> None:
    job = job_of("j", boss=1, hand=1).obj()
    pod = edited(PytorchPlugin(["--master=boss", "--worker=hand"]), job, "hand")
    found = variables(pod)
    assert (found["MASTER_ADDR"], found["RANK"]) == ("j-boss-0.j", "1")


def test_workers_wait_for_the_master_where_they_are_told_to() -> None:
    plugin = PytorchPlugin(["--wait-master-enabled=true", "--wait-master-timeout=7"])
    wait, init = edited(plugin, JOB, "worker")["spec"]["initContainers"]
    assert (wait["name"], wait["image"], init["name"]) == (
        "wait-for-master",
        "busybox:1.36.1",
        "init",
    )
    shell, option, script = wait["command"]
    assert "nc -z -w 1 test-pytorch-master-0.test-pytorch 23456" in script
    assert "+ 7 ))" in script
    assert subprocess.run([shell, "-n", option, script]).returncode == 0
    assert len(edited(plugin, JOB, "master")["spec"]["initContainers"]) == 1


def test_the_image_that_waits_can_be_another() -> None:
    plugin = PytorchPlugin(["--wait-master-enabled", "--wait-master-image=tools:1"])
    assert edited(plugin, JOB)["spec"]["initContainers"][0]["image"] == "tools:1"


def test_nobody_waits_unless_told_to() -> None:
    pod = edited(PytorchPlugin([]), JOB)
    assert [each["name"] for each in pod["spec"]["initContainers"]] == ["init"]
