"""`mpi`: the workers' names for the master, and sshd's port for all."""

import pytest

from shoal.controllers.volcano.job_plugins.mpi import MpiPlugin
from shoal.testing.volcano import JobBuilder
from tests.unit.controllers.volcano.job_plugins.pods_of_jobs import (
    edited,
    job_of,
    ports,
    variables,
)

JOB = job_of("test-mpi", master=1, worker=2).obj()
HOSTS = {"MPI_HOST": "test-mpi-worker-0.test-mpi,test-mpi-worker-1.test-mpi"}


@pytest.mark.parametrize(("words", "port"), [([], 22), (["--port=5000"], 5000)])
@pytest.mark.parametrize("task", ["master", "worker"])
def test_all_containers_declare_the_port(words: list[str], port: int, task: str) -> None:
    pod = edited(MpiPlugin(words), JOB, task)
    assert ports(pod) == ports(pod, init=True) == [("mpijob-port", port)]


def test_a_port_that_is_declared_is_not_declared_again() -> None:
    container = {"name": "main", "ports": [{"name": "ssh", "containerPort": 22}]}
    pod = {"metadata": {}, "spec": {"containers": [container]}}
    assert ports(edited(MpiPlugin([]), JOB, pod=pod)) == [("ssh", 22)]


def test_the_master_knows_the_workers() -> None:
    pod = edited(MpiPlugin([]), JOB, "master")
    assert variables(pod) == variables(pod, init=True) == HOSTS


def test_workers_are_told_nothing() -> None:
    assert variables(edited(MpiPlugin([]), JOB, "worker")) == {}


def test_tasks_may_have_other_names() -> None:
    job = job_of("j", boss=1, hand=1).obj()
    pod = edited(MpiPlugin(["--master=boss", "--worker=hand"]), job, "boss")
    assert variables(pod) == {"MPI_HOST": "j-hand-0.j"}


@pytest.mark.parametrize("job", [job_of("j", master=1), job_of("j", master=1, worker=0)])
def test_a_master_without_workers_has_an_empty_list(job: JobBuilder) -> None:
    assert variables(edited(MpiPlugin([]), job.obj(), "master")) == {"MPI_HOST": ""}


def test_workers_that_share_a_hostname_are_one_host() -> None:
    job = job_of("j", master=1).task("worker", 2, template={"spec": {"hostname": "h"}}).obj()
    assert variables(edited(MpiPlugin([]), job, "master")) == {"MPI_HOST": "h.j"}
