"""`ray`: commands, ports and the Service of the head."""

from typing import Any

from shoal.controllers.volcano.job_plugins.ray import RayPlugin
from tests.unit.controllers.volcano.job_plugins.pods_of_jobs import edited, job_of, ports

WORDS = ["--port=1234", "--dashboardPort=3456", "--clientPort=4567", "--head=test-head"]
JOB = job_of("ray-cluster", head=1, worker=2).obj()


def pod_with(container: str) -> dict[str, Any]:
    return {"metadata": {}, "spec": {"containers": [{"name": container}, {"name": "other"}]}}


def commands(pod: dict[str, Any]) -> list[list[str] | None]:
    return [container.get("command") for container in pod["spec"]["containers"]]


def test_the_head_starts_a_cluster_on_its_ports() -> None:
    job = job_of("ray-cluster", test_head=1).obj()
    pod = edited(RayPlugin(WORDS), job, "test-head", pod=pod_with("head"))
    start = (
        "ray start --head --block --dashboard-host=0.0.0.0"
        " --port=1234 --dashboard-port=3456 --ray-client-server-port=4567"
    )
    assert commands(pod) == [["sh", "-c", start], None]
    assert ports(pod) == [("gcs", 1234), ("dashboard", 3456), ("client-server", 4567)]


def test_workers_join_the_head() -> None:
    pod = edited(RayPlugin([]), JOB, "worker", pod=pod_with("worker"))
    join = "ray start --block --address=ray-cluster-head-0.ray-cluster:6379"
    assert commands(pod) == [["sh", "-c", join], None]
    assert ports(pod) == []


def test_containers_may_have_other_names() -> None:
    plugin = RayPlugin(["--headContainer=h", "--workerContainer=w"])
    assert commands(edited(plugin, JOB, "head", pod=pod_with("h")))[0] is not None
    assert commands(edited(plugin, JOB, "worker", pod=pod_with("w")))[0] is not None
    assert commands(edited(plugin, JOB, "head", pod=pod_with("head"))) == [None, None]


def test_a_job_without_a_head_keeps_its_commands() -> None:
    job = job_of("j", worker=1).obj()
    assert commands(edited(RayPlugin([]), job, pod=pod_with("worker"))) == [None, None]


def test_ports_that_the_head_declares_stay_as_they_are() -> None:
    pod = pod_with("head")
    pod["spec"]["containers"][0]["ports"] = [{"name": "mine", "containerPort": 8265}]
    after = edited(RayPlugin([]), JOB, "head", pod=pod)
    assert ports(after) == [("mine", 8265), ("gcs", 6379), ("client-server", 10001)]


def test_the_service_leads_to_the_head() -> None:
    (service,) = RayPlugin([]).objects(JOB)
    assert service["metadata"] == {"name": "ray-cluster-head-svc"}
    assert service["spec"] == {
        "selector": {
            "volcano.sh/job-name": "ray-cluster",
            "volcano.sh/job-namespace": "default",
            "volcano.sh/task-spec": "head",
        },
        "ports": [
            {"name": "gcs", "port": 6379, "targetPort": "gcs", "protocol": "TCP"},
            {"name": "dashboard", "port": 8265, "targetPort": "dashboard", "protocol": "TCP"},
            {
                "name": "client-server",
                "port": 10001,
                "targetPort": "client-server",
                "protocol": "TCP",
            },
        ],
    }
