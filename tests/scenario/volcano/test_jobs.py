"""Volcano jobs on a cluster in memory, from submission to their end."""

from collections.abc import AsyncGenerator

import pytest

from shoal.api.core import CONFIG_MAPS, SECRETS, SERVICES
from shoal.api.pod import PODS
from shoal.api.storage import CLAIMS
from shoal.api.volcano.job import JOBS
from shoal.testing.volcano import JobBuilder, make_job
from tests.job_site import NS, JobSite, job_site


@pytest.fixture
async def site() -> AsyncGenerator[JobSite]:
    async with job_site() as site:
        yield site


def job(replicas: int = 2, **spec: object) -> JobBuilder:
    return make_job("j").task("w", replicas).spec(minAvailable=replicas, **spec)


async def test_pods_are_made_when_the_group_has_been_admitted(site: JobSite):
    submitted = await site.submit(job())
    async with site.controller():
        group = await site.until("a PodGroup", site.group)
        assert group.metadata.name == f"j-{submitted.metadata.uid}"
        pending = await site.until_phase("Pending")
        assert [each.status for each in pending.status.conditions] == ["Pending"]
        await site.set_group("Pending")
        await site.settle()
        assert await site.pods() == {}
        await site.admit()
        pods = await site.until_pods("j-w-0", "j-w-1")
        annotations = pods["j-w-0"].metadata.annotations
        assert annotations["scheduling.k8s.io/group-name"] == group.metadata.name


async def test_a_job_runs_and_completes_and_says_so(site: JobSite):
    await site.submit(job())
    async with site.controller():
        await site.admit()
        await site.until_pods("j-w-0", "j-w-1")

        async def two_wait() -> bool:
            return (await site.job()).status.pending == 2

        await site.until("pending pods to be counted", two_wait)
        await site.run("j-w-0", "j-w-1")
        running = await site.until_phase("Running")
        assert (running.status.running, running.status.min_available) == (2, 2)
        assert running.status.task_status_count["w"].phase == {"Running": 2}
        await site.end("j-w-0")
        await site.end("j-w-1")
        completed = await site.until_phase("Completed")
        assert (completed.status.running, completed.status.succeeded) == (0, 2)
        assert completed.status.task_status_count["w"].phase == {"Succeeded": 2}
        phases = [each.status for each in completed.status.conditions]
        assert phases == ["Pending", "Running", "Completed"]
        assert completed.status.running_duration is not None

        async def has_no_group() -> bool:
            return await site.group() is None

        await site.until("the PodGroup to go", has_no_group)
        assert set(await site.pods()) == {"j-w-0", "j-w-1"}


async def test_a_job_that_is_left_alone_is_not_written_again(site: JobSite):
    await site.submit(job())
    site.is_lively = True
    async with site.controller():
        await site.until_phase("Running")
        await site.settle()
        before = await site.job()
        await site.say("j-w-0", "Running", ready=False)
        await site.settle(10)
        assert (await site.job()).metadata.resource_version == before.metadata.resource_version


async def test_a_large_job_is_not_looked_at_for_each_of_its_pods(site: JobSite):
    replicas = 200
    await site.submit(job(replicas))
    async with site.controller():
        await site.admit()
        names = [f"j-w-{index}" for index in range(replicas)]
        await site.until_pods(*names)
        await site.settle()
        before = await site.job()
        versions = {before.metadata.resource_version}
        for name in names:
            await site.run(name)
            await site.clock.advance(0.001)
            versions.add((await site.job()).metadata.resource_version)
        await site.until_phase("Running")
        assert len(versions) < replicas / 10


async def test_a_job_whose_pods_fail_fails(site: JobSite):
    await site.submit(job())
    site.is_lively = True
    async with site.controller():
        await site.until_phase("Running")
        await site.end("j-w-0", 1)
        await site.end("j-w-1")
        failed = await site.until_phase("Failed")
        assert (failed.status.succeeded, failed.status.failed) == (1, 1)


async def test_min_success_completes_a_job_and_ends_the_rest_of_it(site: JobSite):
    await site.submit(job(3, minSuccess=1))
    site.is_lively = True
    async with site.controller():
        await site.until_phase("Running")
        await site.end("j-w-1")
        await site.until_phase("Completed")
        await site.until_pods("j-w-1")


async def test_a_job_is_scaled_up_and_down(site: JobSite):
    await site.submit(make_job("j").task("w", 2, minAvailable=1).spec(minAvailable=1))
    site.is_lively = True
    async with site.controller():
        await site.until_phase("Running")
        tasks = (await site.client.get(JOBS.untyped(), "j", NS))["spec"]["tasks"]
        for replicas in (4, 1):
            tasks[0]["replicas"] = replicas
            await site.client.patch(JOBS, "j", {"spec": {"tasks": tasks}}, NS)
            await site.until_pods(*(f"j-w-{index}" for index in range(replicas)))
        assert (await site.job()).status.version == 0


async def test_the_group_follows_a_job_that_is_scaled(site: JobSite):
    await site.submit(job(2))
    async with site.controller():
        await site.until("a PodGroup", site.group)
        tasks = (await site.client.get(JOBS.untyped(), "j", NS))["spec"]["tasks"]
        tasks[0] |= {"replicas": 3, "minAvailable": 3}
        await site.client.patch(JOBS, "j", {"spec": {"tasks": tasks, "minAvailable": 3}}, NS)

        async def has_grown() -> bool:
            group = await site.group()
            assert group is not None and group.spec.min_resources is not None
            return (group.spec.min_member, group.spec.min_resources["cpu"]) == (3, "3")

        await site.until("the group to grow", has_grown)


async def test_a_gang_that_loses_pods_with_its_node_is_made_whole_again(site: JobSite):
    await site.submit(job(3))
    async with site.controller():
        await site.admit()
        await site.until_pods("j-w-0", "j-w-1", "j-w-2")
        await site.run("j-w-0", "j-w-1", "j-w-2")
        await site.set_group("Running")
        await site.until_phase("Running")
        await site.delete("j-w-1", at_once=True)
        await site.delete("j-w-2", at_once=True)
        await site.set_group("Unknown")
        await site.until_pods("j-w-0", "j-w-1", "j-w-2")
        await site.until_phase("Pending")
        await site.run("j-w-1", "j-w-2")
        healed = await site.until_phase("Running")
        assert (healed.status.retry_count, healed.status.version) == (0, 0)


async def test_a_task_waits_for_those_that_it_depends_on(site: JobSite):
    after = {"name": ["m", "n"]}
    built = make_job("j").task("m").task("n").task("w", dependsOn=after).spec(minAvailable=1)
    await site.submit(built)
    async with site.controller():
        await site.admit()
        await site.until_pods("j-m-0", "j-n-0")
        await site.run("j-m-0")
        await site.settle()
        assert "j-w-0" not in await site.pods()
        await site.run("j-n-0")
        await site.until_pods("j-m-0", "j-n-0", "j-w-0")


async def test_a_task_may_wait_for_any_of_several(site: JobSite):
    after = {"name": ["m", "n"], "iteration": "any"}
    built = make_job("j").task("m").task("n").task("w", dependsOn=after).spec(minAvailable=1)
    await site.submit(built)
    async with site.controller():
        await site.admit()
        await site.until_pods("j-m-0", "j-n-0")
        await site.run("j-n-0")
        await site.until_pods("j-m-0", "j-n-0", "j-w-0")


async def test_a_finished_job_is_removed_when_its_time_has_come(site: JobSite):
    await site.submit(job(1, ttlSecondsAfterFinished=60))
    site.is_lively = True
    async with site.controller():
        await site.until_phase("Running")
        await site.end("j-w-0")
        await site.until_phase("Completed")
        await site.settle(30)
    async with site.controller():
        await site.settle(20)
        assert (await site.job()).metadata.deletion_timestamp is None

        async def is_leaving() -> bool:
            found = await site.exists(JOBS, "j")
            return found is None or found.metadata.deletion_timestamp is not None

        await site.until("the job to be removed", is_leaving)


async def test_new_claims_are_made_named_and_mounted(site: JobSite):
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    await site.submit(job(1, volumes=[{"mountPath": "/data", "volumeClaim": claim}]))
    site.is_lively = True
    async with site.controller():
        running = await site.until_phase("Running")
        name = running.spec.volumes[0].volume_claim_name
        found = await site.client.get(CLAIMS, name, NS)
        assert found.metadata.owner_references[0].uid == running.metadata.uid
        pod = (await site.pods())["j-w-0"]
        mounted = [each.persistent_volume_claim for each in pod.spec.volumes]
        assert [claim.claim_name for claim in mounted if claim] == [name]
        assert running.status.controlled_resources == {f"volume-pvc-{name}": name}


async def test_a_job_waits_for_a_claim_that_is_not_there_and_says_so(site: JobSite):
    text = "pvc data is not found, the job will be in the Pending state until the PVC is created"
    await site.submit(job(1, volumes=[{"mountPath": "/data", "volumeClaimName": "data"}]))
    site.is_lively = True
    async with site.controller():

        async def says_so() -> bool:
            return (await site.job()).status.state.message == text

        await site.until("the reason", says_so)
        assert await site.group() is None
        await site.settle()
        assert f"Warning PVCError j: {text}" in await site.messages()
        body = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
        await site.client.create(CLAIMS, body, NS)
        running = await site.until_phase("Running")
        assert running.status.state.message == ""


async def test_plugins_objects_are_made_follow_the_scale_and_go_with_the_end(site: JobSite):
    await site.submit(job(1, plugins={"svc": [], "ssh": [], "env": []}))
    site.is_lively = True
    async with site.controller():
        running = await site.until_phase("Running")
        assert running.status.controlled_resources == {
            "plugin-env": "env",
            "plugin-ssh": "ssh",
            "plugin-svc": "svc",
        }
        service = await site.client.get(SERVICES, "j", NS)
        assert service.metadata.owner_references[0].uid == running.metadata.uid
        keys = (await site.client.get(SECRETS, "j-ssh", NS)).data["id_rsa"]
        tasks = (await site.client.get(JOBS.untyped(), "j", NS))["spec"]["tasks"]
        tasks[0]["replicas"] = 2
        await site.client.patch(JOBS, "j", {"spec": {"tasks": tasks}}, NS)
        await site.until_pods("j-w-0", "j-w-1")
        hosts = (await site.client.get(CONFIG_MAPS, "j-svc", NS)).data["w.host"]
        assert hosts == "j-w-0.j\nj-w-1.j"
        assert (await site.client.get(SECRETS, "j-ssh", NS)).data["id_rsa"] == keys
        await site.end("j-w-0")
        await site.end("j-w-1")
        await site.until_phase("Completed")

        async def are_gone() -> bool:
            left = [await site.exists(*each) for each in ((SERVICES, "j"), (SECRETS, "j-ssh"))]
            return left == [None, None]

        await site.until("plugins' objects to go", are_gone)
        assert (await site.job()).status.controlled_resources == {}


async def test_a_service_of_somebody_else_is_left_alone_and_named(site: JobSite):
    body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "j"},
        "spec": {"ports": [{"port": 80}]},
    }
    await site.client.create(SERVICES, body, NS)
    await site.submit(job(1, plugins={"svc": []}))
    site.is_lively = True
    async with site.controller():

        async def is_told() -> bool:
            said = "Warning FailedCreate j: Service j is there and is not of job j"
            return said in await site.messages()

        await site.until("an event", is_told)
        assert await site.pods() == {}
        await site.client.delete(SERVICES, "j", NS)
        await site.until_phase("Running")


async def test_a_pod_that_admission_refuses_is_told_of(site: JobSite):
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "j-w-0"}}
    spec = {"containers": [{"name": "c", "image": "i"}]}
    await site.client.create(PODS, {**body, "spec": spec}, NS)
    await site.submit(job(1))
    async with site.controller():
        await site.admit()

        async def is_told() -> bool:
            said = "Warning FailedCreate j: Pod j-w-0 is there and is not of job j"
            return said in await site.messages()

        await site.until("an event", is_told)


async def test_why_a_group_waits_is_told_once_for_each_reason(site: JobSite):
    await site.submit(job(1))
    async with site.controller():
        await site.admit()
        for message in ("1/1 tasks in gang unschedulable", "1/1 tasks in gang unschedulable", "no"):
            condition = {"type": "Unschedulable", "status": "True", "message": message}
            await site.set_group("Inqueue", conditions=[condition])
            await site.settle()
        told = [each for each in await site.messages() if "PodGroupPending" in each]
        assert told == [
            f"Warning PodGroupPending j: PodGroup default:j unschedule,reason: {why}"
            for why in ("1/1 tasks in gang unschedulable", "no")
        ]
