"""StatefulSets on a cluster in memory: order, names, claims, updates, and killed controllers."""

from contextlib import asynccontextmanager

import pytest

from shoal.api.apps import CONTROLLER_REVISIONS, STATEFUL_SETS
from shoal.api.pod import PODS
from shoal.api.storage import CLAIMS
from shoal.client.protocol import DeleteOptions, PatchType
from shoal.controllers.kube.stateful_set import stateful_set_controller
from tests.mortal import MortalClient
from tests.workload_site import NS, site, template, workload


@asynccontextmanager
async def running(**spec):
    async with site() as each:
        await each.client.create(STATEFUL_SETS, stateful_set(**spec), NS)
        async with each.controllers(stateful_set_controller):
            yield each


def stateful_set(replicas=3, **spec):
    return workload("StatefulSet", replicas=replicas, serviceName="web", **spec)


def claim_template(name="data"):
    return {
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }


async def read(each):
    return await each.client.get(STATEFUL_SETS, "web", NS)


async def change(each, **spec):
    await each.client.patch(STATEFUL_SETS, "web", {"spec": spec}, NS)


def images(pods):
    return {name: pod.spec.containers[0].image for name, pod in pods.items()}


async def is_settled(each, *names):
    """As `kubectl rollout status` asks, and these pods and no others."""
    found, pods = await read(each), await each.pods()
    status = found.status
    return (
        tuple(pods) == names
        and status.observed_generation == found.metadata.generation
        and status.ready_replicas == len(names) == status.replicas
        and status.current_revision == status.update_revision
    )


async def until_settled(each, *names):
    await each.until(lambda: is_settled(each, *names), f"only {names}, all updated")


async def revisions(each):
    found = (await each.client.list(CONTROLLER_REVISIONS, NS)).items
    return {r.revision: r.data["spec"]["template"]["spec"]["containers"][0]["image"] for r in found}


async def test_pods_start_one_after_the_other_and_keep_their_names():
    async with running() as each:
        await until_settled(each, "web-0", "web-1", "web-2")
        assert each.made == ["web-0", "web-1", "web-2"]
        assert each.ready_before["web-2"] == {"web-0", "web-1"}
        pod = (await each.pods())["web-1"]
        assert (pod.spec.hostname, pod.spec.subdomain) == ("web-1", "web")
        assert pod.metadata.labels["apps.kubernetes.io/pod-index"] == "1"
        assert pod.metadata.labels["statefulset.kubernetes.io/pod-name"] == "web-1"
        found = await read(each)
        assert pod.metadata.labels["controller-revision-hash"] == found.status.update_revision
        assert found.status.available_replicas == found.status.current_replicas == 3
        told = await each.told()
        assert ("SuccessfulCreate", "create Pod web-0 in StatefulSet web successful") in told


async def test_no_pod_is_made_while_one_before_it_is_not_ready():
    async with running() as each:
        each.held.add("web-1")
        await each.settle()
        assert list(await each.pods()) == ["web-0", "web-1"]
        each.held.clear()
        await until_settled(each, "web-0", "web-1", "web-2")


async def test_a_pod_counts_only_when_it_has_been_ready_for_long_enough():
    async with running(replicas=2, minReadySeconds=30) as each:
        await each.settle(rounds=40)
        assert list(await each.pods()) == ["web-0"]
        await until_settled(each, "web-0", "web-1")
        assert (await read(each)).status.available_replicas == 1
        await each.until(lambda: is_available(each, 2), "the second is available")


async def is_available(each, count):
    return (await read(each)).status.available_replicas == count


async def test_the_highest_goes_first_and_only_when_the_last_one_has_gone():
    async with running() as each:
        await until_settled(each, "web-0", "web-1", "web-2")
        each.kept.add("web-2")
        await change(each, replicas=1)
        await each.settle()
        pods = await each.pods()
        assert [name for name, pod in pods.items() if pod.is_deleting] == ["web-2"]
        each.kept.clear()
        await until_settled(each, "web-0")
        told = await each.told()
        assert ("SuccessfulDelete", "delete Pod web-2 in StatefulSet web successful") in told


async def test_in_parallel_nobody_waits_for_anybody():
    async with running(podManagementPolicy="Parallel") as each:
        each.held |= {"web-0", "web-1"}
        await each.settle()
        assert list(await each.pods()) == ["web-0", "web-1", "web-2"]
        each.kept |= {"web-1", "web-2"}
        await change(each, replicas=1)
        await each.settle()
        pods = await each.pods()
        assert [name for name, pod in pods.items() if pod.is_deleting] == ["web-1", "web-2"]


async def test_numbers_may_begin_elsewhere():
    async with running(replicas=2, ordinals={"start": 5}) as each:
        await until_settled(each, "web-5", "web-6")
        await change(each, ordinals={"start": 6})
        await until_settled(each, "web-6", "web-7")


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
async def test_a_pod_that_has_ended_is_made_again_under_its_name(phase):
    async with running(replicas=2) as each:
        await until_settled(each, "web-0", "web-1")
        before = (await each.pods())["web-0"].metadata.uid
        await each.say("web-0", phase)

        async def is_replaced():
            pod = (await each.pods()).get("web-0")
            return pod is not None and pod.metadata.uid != before and pod.is_ready

        await each.until(is_replaced, "another web-0")


async def test_every_pod_has_claims_of_its_own_that_outlive_it():
    async with running(replicas=2, volumeClaimTemplates=[claim_template()]) as each:
        await until_settled(each, "web-0", "web-1")
        pod = (await each.pods())["web-1"]
        assert [(v.name, v.persistent_volume_claim.claim_name) for v in pod.spec.volumes] == [
            ("data", "data-web-1")
        ]
        await change(each, replicas=0)
        await until_settled(each)
        claims = (await each.client.list(CLAIMS, NS)).items
        assert {c.metadata.name for c in claims} == {"data-web-0", "data-web-1"}
        assert all(c.metadata.labels == {"app": "web"} for c in claims)
        assert not any(c.metadata.owner_references for c in claims)
        told = await each.told()
        message = "create Claim data-web-0 Pod web-0 in StatefulSet web success"
        assert ("SuccessfulCreate", message) in told


async def test_a_claim_that_somebody_else_manages_keeps_its_owner_and_holds_nothing_up():
    spec = {
        "volumeClaimTemplates": [claim_template()],
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"},
    }
    async with site() as each:
        owner = {
            "apiVersion": "b/v1",
            "kind": "Backup",
            "name": "b",
            "uid": "u",
            "controller": True,
        }
        claim = claim_template("data-web-0")
        claim["metadata"]["ownerReferences"] = [owner]
        await each.client.create(CLAIMS, claim, NS)
        await each.client.create(STATEFUL_SETS, stateful_set(replicas=2, **spec), NS)
        async with each.controllers(stateful_set_controller):
            await until_settled(each, "web-0", "web-1")
            claims = {c.metadata.name: c for c in (await each.client.list(CLAIMS, NS)).items}
            owners = {n: [r.kind for r in c.metadata.owner_references] for n, c in claims.items()}
            assert owners == {"data-web-0": ["Backup"], "data-web-1": ["StatefulSet"]}
            assert "ConflictingController" in {reason for reason, _ in await each.told()}


async def test_claims_go_with_the_pods_that_are_too_many_where_the_policy_says_so():
    policy = {"whenScaled": "Delete", "whenDeleted": "Delete"}
    spec = {
        "volumeClaimTemplates": [claim_template()],
        "persistentVolumeClaimRetentionPolicy": policy,
    }
    async with running(replicas=2, **spec) as each:
        await until_settled(each, "web-0", "web-1")
        uid = (await read(each)).metadata.uid

        async def owners():
            found = (await each.client.list(CLAIMS, NS)).items
            return {c.metadata.name: [r.uid for r in c.metadata.owner_references] for c in found}

        async def belong_to_the_set():
            return await owners() == {"data-web-0": [uid], "data-web-1": [uid]}

        await each.until(belong_to_the_set, "claims that the set owns")
        condemned = (await each.pods())["web-1"].metadata.uid
        await change(each, replicas=1)
        await until_settled(each, "web-0")
        assert await owners() == {"data-web-0": [uid], "data-web-1": [condemned]}
        # A pod that comes back must not take over the data that is about to go.
        await change(each, replicas=2)
        await each.settle()
        assert list(await each.pods()) == ["web-0"]
        # The garbage collector, and who keeps claims as long as pods use them.
        await each.client.delete(CLAIMS, "data-web-1", NS)
        await each.client.patch(CLAIMS, "data-web-1", {"metadata": {"finalizers": None}}, NS)
        await until_settled(each, "web-0", "web-1")


async def test_an_update_goes_from_the_highest_down():
    async with running() as each:
        await until_settled(each, "web-0", "web-1", "web-2")
        each.held.add("web-2")
        await change(each, template=template("b"))
        await each.settle()
        assert images(await each.pods()) == {"web-0": "a", "web-1": "a", "web-2": "b"}
        status = (await read(each)).status
        assert (status.current_replicas, status.updated_replicas) == (2, 1)
        assert status.current_revision != status.update_revision
        each.held.clear()
        await until_settled(each, "web-0", "web-1", "web-2")
        assert set(images(await each.pods()).values()) == {"b"}
        assert await revisions(each) == {1: "a", 2: "b"}


async def test_an_update_stops_at_its_partition_and_keeps_the_others_as_they_were():
    partition = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    async with running(updateStrategy=partition) as each:
        await until_settled(each, "web-0", "web-1", "web-2")
        await change(each, template=template("b"))
        await each.settle()
        await each.client.delete(PODS, "web-0", NS)
        await each.settle()
        assert images(await each.pods()) == {"web-0": "a", "web-1": "a", "web-2": "b"}
        await change(each, updateStrategy={"rollingUpdate": {"partition": 0}})
        await until_settled(each, "web-0", "web-1", "web-2")
        assert set(images(await each.pods()).values()) == {"b"}


async def test_an_update_takes_as_many_pods_at_a_time_as_may_be_unavailable():
    many = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "50%"}}
    async with running(replicas=4, updateStrategy=many, podManagementPolicy="Parallel") as each:
        names = [f"web-{n}" for n in range(4)]
        await until_settled(each, *names)
        each.kept |= set(names)
        await change(each, template=template("b"))
        await each.settle()
        pods = await each.pods()
        assert [name for name, pod in pods.items() if pod.is_deleting] == ["web-2", "web-3"]


async def test_on_delete_only_pods_that_people_delete_are_updated():
    async with running(replicas=2, updateStrategy={"type": "OnDelete"}) as each:
        await until_settled(each, "web-0", "web-1")
        await change(each, template=template("b"))
        await each.settle()
        assert set(images(await each.pods()).values()) == {"a"}
        await each.client.delete(PODS, "web-0", NS)
        await each.settle()
        assert images(await each.pods()) == {"web-0": "b", "web-1": "a"}


async def test_an_old_template_gets_the_newest_number_again():
    async with running(replicas=1) as each:
        await until_settled(each, "web-0")
        await change(each, template=template("b"))
        await until_settled(each, "web-0")
        [first] = [
            r for r in (await each.client.list(CONTROLLER_REVISIONS, NS)).items if r.revision == 1
        ]
        # What `kubectl rollout undo` sends.
        await each.client.patch(STATEFUL_SETS, "web", first.data, NS, type=PatchType.STRATEGIC)
        await until_settled(each, "web-0")
        assert images(await each.pods()) == {"web-0": "a"}
        assert await revisions(each) == {2: "b", 3: "a"}


async def test_no_more_old_revisions_are_kept_than_the_limit_says():
    async with running(replicas=1, revisionHistoryLimit=1) as each:
        for image in "abcd":
            await change(each, template=template(image))
            await until_settled(each, "web-0")
        await each.until(lambda: revisions_are(each, {3: "c", 4: "d"}), "two revisions")


async def revisions_are(each, wanted):
    return await revisions(each) == wanted


async def test_a_name_that_somebody_else_has_is_said_and_waited_for():
    async with site() as each:
        pod = {"metadata": {"name": "web-0"}, "spec": template("x")["spec"]}
        await each.client.create(PODS, pod, NS)
        await each.client.create(STATEFUL_SETS, stateful_set(1), NS)
        async with each.controllers(stateful_set_controller):
            await each.settle()
            [failure] = {m for r, m in await each.told() if r == "FailedCreate"}
            assert failure.startswith("create Pod web-0 in StatefulSet web failed error: ")
            await each.client.delete(PODS, "web-0", NS, DeleteOptions(grace_period_s=0))
            await until_settled(each, "web-0")


async def test_an_orphan_with_a_name_of_the_set_is_adopted_and_others_are_not():
    async with site() as each:
        for name in ("web-0", "web-x"):
            pod = {"metadata": {"name": name, "labels": {"app": "web"}}}
            await each.client.create(PODS, {**pod, "spec": template("a")["spec"]}, NS)
        await each.client.create(STATEFUL_SETS, stateful_set(1), NS)
        async with each.controllers(stateful_set_controller):

            async def is_adopted():
                return (await each.pods())["web-0"].metadata.controller is not None

            await each.until(is_adopted, "web-0 has an owner")
            assert (await each.pods())["web-x"].metadata.controller is None


@pytest.mark.parametrize("writes", range(1, 16))
async def test_a_controller_that_is_killed_leaves_nothing_twice_and_nothing_out(writes):
    async with site() as each:
        spec = {"volumeClaimTemplates": [claim_template()]}
        await each.client.create(STATEFUL_SETS, stateful_set(2, **spec), NS)
        mortal = MortalClient(each.client, writes)
        async with each.controllers(stateful_set_controller, client=mortal):
            await each.settle(rounds=8)
            await change(each, template=template("b"))
            await each.settle(rounds=8)
        async with each.controllers(stateful_set_controller):
            await until_settled(each, "web-0", "web-1")
        assert set(images(await each.pods()).values()) == {"b"}
        assert sorted((await revisions(each)).values()) in (["a", "b"], ["b"])
        assert len((await each.client.list(CLAIMS, NS)).items) == 2
        assert each.made == ["web-0", "web-1"]


async def test_claims_that_cannot_be_made_are_told():
    nameless = {key: value for key, value in claim_template().items() if key != "metadata"}
    async with running(replicas=1, volumeClaimTemplates=[nameless]) as each:

        async def is_told():
            return any(
                reason == "FailedCreate" and "Claim -web-0 Pod web-0" in message
                for reason, message in await each.told()
            )

        await each.until(is_told, "why there is no claim")
        assert await each.pods() == {}
