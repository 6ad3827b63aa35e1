"""`svc`: hostnames, the files and variables that list them, and the objects beside the pods."""

from typing import Any

import pytest

from shoal.api.volcano.job import Job
from shoal.controllers.volcano.job_plugins.svc import SvcPlugin
from tests.unit.controllers.volcano.job_plugins.pods_of_jobs import edited, job_of, variables

DISTCC = job_of("distcc", master=1, worker=2).obj()
PODS_OF_DISTCC = {"volcano.sh/job-name": "distcc", "volcano.sh/job-namespace": "default"}


def objects(job: Job, *words: str) -> dict[str, dict[str, Any]]:
    return {each["kind"]: each for each in SvcPlugin(words).objects(job)}


def test_a_pod_is_called_by_its_name_below_the_jobs() -> None:
    spec = edited(SvcPlugin([]), DISTCC, "worker", 1)["spec"]
    assert (spec["hostname"], spec["subdomain"]) == ("distcc-worker-1", "distcc")


def test_a_hostname_and_subdomain_of_the_template_stay() -> None:
    pod = {"metadata": {"name": "p"}, "spec": {"hostname": "h", "subdomain": "s"}}
    spec = edited(SvcPlugin([]), DISTCC, pod=pod)["spec"]
    assert (spec["hostname"], spec["subdomain"]) == ("h", "s")


def test_every_container_has_the_host_files_and_their_variables() -> None:
    pod = edited(SvcPlugin([]), DISTCC)
    assert pod["spec"]["volumes"] == [{"name": "distcc-svc", "configMap": {"name": "distcc-svc"}}]
    mount = {"name": "distcc-svc", "mountPath": "/etc/volcano"}
    names = ["VC_MASTER_HOSTS", "VC_MASTER_NUM", "VC_WORKER_HOSTS", "VC_WORKER_NUM"]
    for kind in ("containers", "initContainers"):
        (container,) = pod["spec"][kind]
        assert container["volumeMounts"] == [mount]
        assert [each["name"] for each in container["env"]] == names
    assert container["env"][2]["valueFrom"] == {
        "configMapKeyRef": {"name": "distcc-svc", "key": "VC_WORKER_HOSTS"}
    }


def test_variables_can_be_left_out_where_they_would_be_too_long() -> None:
    pod = edited(SvcPlugin(["--inject-hosts-env=false"]), DISTCC)
    assert variables(pod) == {}
    assert pod["spec"]["volumes"]


def test_what_the_template_mounts_stays() -> None:
    container = {"name": "main", "volumeMounts": [{"name": "v", "mountPath": "/v"}], "env": None}
    spec = {"containers": [container], "volumes": [{"name": "v", "emptyDir": {}}]}
    after = edited(SvcPlugin([]), DISTCC, pod={"metadata": {"name": "p"}, "spec": spec})["spec"]
    assert [volume["name"] for volume in after["volumes"]] == ["v", "distcc-svc"]
    assert [m["name"] for m in after["containers"][0]["volumeMounts"]] == ["v", "distcc-svc"]


def test_the_config_map_lists_the_hosts_of_each_task() -> None:
    config_map = objects(DISTCC)["ConfigMap"]
    assert config_map["metadata"] == {"name": "distcc-svc"}
    assert config_map["data"] == {
        "master.host": "distcc-master-0.distcc",
        "VC_MASTER_HOSTS": "distcc-master-0.distcc",
        "VC_MASTER_NUM": "1",
        "worker.host": "distcc-worker-0.distcc\ndistcc-worker-1.distcc",
        "VC_WORKER_HOSTS": "distcc-worker-0.distcc,distcc-worker-1.distcc",
        "VC_WORKER_NUM": "2",
    }


def test_a_task_with_a_dash_has_a_file_under_both_spellings() -> None:
    data = objects(job_of("j", data_node=1).obj())["ConfigMap"]["data"]
    host = "j-data-node-0.j"
    assert data == {
        "data-node.host": host,
        "data_node.host": host,
        "VC_DATA_NODE_HOSTS": host,
        "VC_DATA_NODE_NUM": "1",
    }


@pytest.mark.parametrize(
    ("template", "hosts"),
    [
        ({"hostname": "h"}, "h.j"),
        ({"subdomain": "s"}, "j-t-0.s\nj-t-1.s"),
        ({"hostname": "h", "subdomain": "s"}, "h.s"),
    ],
)
def test_a_hostname_of_the_template_is_one_host_for_all(
    template: dict[str, str], hosts: str
) -> None:
    job = job_of("j").task("t", 2, template={"spec": {"containers": [], **template}}).obj()
    data = objects(job)["ConfigMap"]["data"]
    assert data["t.host"] == hosts
    assert data["VC_T_NUM"] == str(len(hosts.split()))


def test_a_task_without_pods_has_an_empty_file() -> None:
    data = objects(job_of("j", t=0).obj())["ConfigMap"]["data"]
    assert data == {"t.host": "", "VC_T_HOSTS": "", "VC_T_NUM": "0"}


def test_the_service_is_headless_and_selects_the_jobs_pods() -> None:
    service = objects(DISTCC)["Service"]
    assert service["metadata"] == {"name": "distcc"}
    assert service["spec"] == {
        "clusterIP": "None",
        "selector": PODS_OF_DISTCC,
        "publishNotReadyAddresses": False,
    }


def test_pods_can_be_published_before_they_are_ready() -> None:
    service = objects(DISTCC, "--publish-not-ready-addresses=true")["Service"]
    assert service["spec"]["publishNotReadyAddresses"] is True


def test_the_network_policy_lets_in_the_jobs_own_pods() -> None:
    policy = objects(DISTCC)["NetworkPolicy"]
    pods = {"matchLabels": PODS_OF_DISTCC}
    assert policy["spec"] == {
        "podSelector": pods,
        "ingress": [{"from": [{"podSelector": pods}]}],
        "policyTypes": ["Ingress"],
    }


def test_the_network_policy_can_be_left_out() -> None:
    assert set(objects(DISTCC, "--disable-network-policy=true")) == {"ConfigMap", "Service"}
