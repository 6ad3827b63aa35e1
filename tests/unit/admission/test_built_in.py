"""Admission inside the embedded server: when it is asked, and how its refusals look."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shoal.api.crds import all_crds
from shoal.api.pod import PODS
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.api.volcano.job import JOBS
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.api.volcano.queue import QUEUES
from shoal.apiserver.bootstrap import bootstrap
from shoal.client.protocol import Client
from shoal.testing.builders import make_pod
from shoal.testing.cluster import memory_cluster
from tests.unit.admission.objects import amounts, queue, task


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with memory_cluster(crds=all_crds()) as cluster:
        yield cluster.client


def job(name: str = "j", **spec: Any) -> JsonObject:
    return {"metadata": {"name": name}, "spec": {"tasks": [task()], **spec}}


async def refusal(call: Any) -> str:
    with pytest.raises(ApiError) as raised:
        await call
    assert (raised.value.code, raised.value.reason) == (400, "")
    return raised.value.message


async def test_the_built_in_queues_are_there_from_the_start(client: Client) -> None:
    found = {each.metadata.name: each.spec for each in (await client.list(QUEUES)).items}
    assert {name: (spec.weight, spec.reclaimable) for name, spec in found.items()} == {
        "root": (1, False),
        "default": (1, True),
    }


async def test_the_built_in_queues_keep_what_users_made_of_them() -> None:
    async with memory_cluster(crds=all_crds()) as cluster:
        share = {"deserved": amounts(2)}
        await cluster.client.patch(QUEUES, "default", {"spec": {**share, "weight": 7}})
        await cluster.client.create(QUEUES, queue("child", parent="default", **share))
        await bootstrap(cluster.client, all_crds())
        assert (await cluster.client.get(QUEUES, "default")).spec.weight == 7


async def test_a_job_is_stored_filled_in(client: Client) -> None:
    made = await client.create(JOBS, job(), "default")
    assert (made.spec.queue, made.spec.scheduler_name, made.spec.min_available) == (
        "default",
        "volcano",
        1,
    )


async def test_what_the_rules_fill_in_the_schema_does_not_miss(client: Client) -> None:
    made = await client.create(QUEUES, queue("q", weight=0))
    assert (made.spec.weight, made.spec.reclaimable) == (1, True)


async def test_the_schema_is_asked_before_the_rules(client: Client) -> None:
    with pytest.raises(ApiError) as raised:
        await client.create(JOBS, job(minAvailable=-1, queue="nowhere"), "default")
    assert raised.value.code == 422


async def test_a_refused_creation_names_the_webhook(client: Client) -> None:
    assert await refusal(client.create(JOBS, job(queue="gone"), "default")) == (
        'admission webhook "validatejob.volcano.sh" denied the request: unable to find job queue:'
        ' queue.scheduling.volcano.sh "gone" not found;'
    )
    with pytest.raises(ApiError, match="not found"):
        await client.get(JOBS, "j", "default")


async def test_a_refused_patch_and_a_refused_replacement_change_nothing(client: Client) -> None:
    made = await client.create(JOBS.untyped(), job(), "default")
    told = await refusal(client.patch(JOBS, "j", {"spec": {"queue": "root"}}, "default"))
    assert "job updates may not change fields other than" in told
    made["spec"]["queue"] = "root"
    assert told == await refusal(client.replace(JOBS.untyped(), made, "j", "default"))
    assert (await client.get(JOBS, "j", "default")).spec.queue == "default"


async def test_a_manifest_that_replaces_the_tasks_may_be_applied_again(client: Client) -> None:
    before = await client.create(JOBS, job(), "default")
    bare = {"spec": {"tasks": [{"name": "task-1", "replicas": 1, "template": task()["template"]}]}}
    after = await client.patch(JOBS, "j", bare, "default")
    assert after.spec == before.spec
    assert after.metadata.resource_version == before.metadata.resource_version


async def test_deletions_are_refused_one_by_one(client: Client) -> None:
    told = await refusal(client.delete(QUEUES, "root"))
    assert told.endswith('"validatequeue.volcano.sh" denied the request: `root` queue can not be'
                         " deleted")  # fmt: skip
    await client.create(QUEUES, queue("q"))
    await client.delete(QUEUES, "q")


async def test_a_status_may_be_written_whatever_the_rules_say(client: Client) -> None:
    state = {"status": {"state": "Closing"}}
    await client.patch(QUEUES, "default", state, subresource="status")
    assert "status is `Closing`" in await refusal(client.create(JOBS, job(), "default"))
    group = {"metadata": {"name": "g"}, "spec": {}}
    told = await refusal(client.create(POD_GROUPS, group, "default"))
    assert told.startswith('admission webhook "validatepodgroup.volcano.sh" denied the request: ')


async def test_pods_are_asked_only_about_their_budget(client: Client) -> None:
    pod = make_pod("p").container("main").manifest()
    pod["spec"]["schedulerName"] = "volcano"
    pod["metadata"]["annotations"] = {"volcano.sh/jdb-min-available": "0"}
    told = await refusal(client.create(PODS, pod, "default"))
    assert told.endswith("it must be a positive integer")
    pod["metadata"]["annotations"] = {"volcano.sh/jdb-min-available": "1"}
    await client.create(PODS, pod, "default")
