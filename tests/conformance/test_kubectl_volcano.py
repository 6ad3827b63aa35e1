"""Volcano's kinds by kubectl: what its users see of names, columns and refusals."""

import json

import pytest

from shoal.api.crds import all_crds
from shoal.testing.cluster import HttpsCluster, https_cluster
from tests import kubectl as binaries
from tests.kubectl import Kubectl

pytestmark = pytest.mark.kubectl


@pytest.fixture
async def https(tmp_path):
    async with https_cluster(tmp_path, crds=all_crds()) as cluster:
        yield cluster


@pytest.fixture(params=binaries.oldest_and_newest(), ids=binaries.label)
def kubectl(request: pytest.FixtureRequest, https: HttpsCluster, tmp_path) -> Kubectl:
    if not request.param.exists():
        pytest.skip(f"{request.param} is not there")
    return Kubectl(request.param, https.kubeconfig, tmp_path)


def job(**spec: object) -> str:
    container = {"name": "main", "image": "busybox"}
    task = {"name": "t", "replicas": 2, "template": {"spec": {"containers": [container]}}}
    return json.dumps(
        {
            "apiVersion": "batch.volcano.sh/v1alpha1",
            "kind": "Job",
            "metadata": {"name": "j"},
            "spec": {"tasks": [task], **spec},
        }
    )


async def test_a_job_for_a_queue_that_is_not_there_is_refused(kubectl: Kubectl):
    told = await kubectl.refused("create", "-f", "-", stdin=job(queue="gone"))
    assert told.startswith("Error from server: ")
    assert (
        'admission webhook "validatejob.volcano.sh" denied the request: unable to find job queue:'
        ' queue.scheduling.volcano.sh "gone" not found;'
    ) in told


async def test_a_queue_with_more_than_its_parent_is_refused(kubectl: Kubectl):
    queues = [
        {
            "apiVersion": "scheduling.volcano.sh/v1beta1",
            "kind": "Queue",
            "metadata": {"name": name},
            "spec": {"parent": parent, "capability": {"cpu": cpu}},
        }
        for name, parent, cpu in (("team", "root", "4"), ("alice", "team", "8"))
    ]
    await kubectl("create", "-f", "-", stdin=json.dumps(queues[0]))
    told = await kubectl.refused("apply", "-f", "-", stdin=json.dumps(queues[1]))
    assert (
        'admission webhook "validatequeue.volcano.sh" denied the request: queue alice'
        " capability[cpu]=8 exceeds its ancestor's capability=4"
    ) in told


async def test_the_default_queue_cannot_be_deleted(kubectl: Kubectl):
    told = await kubectl.refused("delete", "queue", "default")
    assert (
        'admission webhook "validatequeue.volcano.sh" denied the request: `default` queue can not'
        " be deleted"
    ) in told


async def test_a_job_that_is_applied_again_is_unchanged_and_only_its_size_may_change(
    kubectl: Kubectl,
):
    await kubectl("apply", "-f", "-", stdin=job())
    again = json.loads(await kubectl("apply", "-f", "-", "-o", "json", stdin=job()))
    assert again["metadata"]["generation"] == 1
    await kubectl("patch", "vcjob", "j", "--type=merge", "-p", '{"spec": {"minAvailable": 1}}')
    told = await kubectl.refused("apply", "-f", "-", stdin=job(maxRetry=9))
    assert "job updates may not change fields other than `minAvailable`" in told


async def test_columns_are_those_of_volcano(kubectl: Kubectl):
    await kubectl("create", "-f", "-", stdin=job(queue="default"))
    assert (await kubectl("get", "vj")).split()[:5] == [
        *("NAME", "STATUS", "MINAVAILABLE", "RUNNINGS", "AGE"),
    ]
    assert (await kubectl("get", "vcjob", "-o", "wide")).split("\n")[0].split()[-1] == "QUEUE"
    lines = (await kubectl("get", "q")).splitlines()
    assert [line.split() for line in lines] == [["NAME", "PARENT"], ["default"], ["root"]]
