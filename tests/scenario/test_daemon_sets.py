"""DaemonSets on a cluster in memory: nodes that come and go, updates, failures, kills."""

import itertools
from contextlib import asynccontextmanager

import pytest

from shoal.api.apps import CONTROLLER_REVISIONS, DAEMON_SETS
from shoal.api.node import NODES
from shoal.api.pod import PODS
from shoal.client.protocol import DeleteOptions, PatchType
from shoal.controllers.kube.daemon_set import daemon_set_controller
from tests.mortal import MortalClient
from tests.workload_site import NS, site, template, workload


@asynccontextmanager
async def running(*nodes, **spec):
    async with site(*nodes or ("n1", "n2", "n3")) as each:
        await each.client.create(DAEMON_SETS, workload("DaemonSet", **spec), NS)
        async with each.controllers(daemon_set_controller):
            yield each


async def read(each):
    return await each.client.get(DAEMON_SETS, "web", NS)


async def change(each, **spec):
    await each.client.patch(DAEMON_SETS, "web", {"spec": spec}, NS)


async def on_nodes(each):
    """Images by node, of pods that are to stay."""
    return sorted(
        (pod.spec.node_name, pod.spec.containers[0].image)
        for pod in (await each.pods()).values()
        if not pod.is_deleting
    )


async def until_on(each, *nodes, image="a"):
    async def are_there():
        found = await read(each)
        status = found.status
        return (
            await on_nodes(each) == [(node, image) for node in nodes]
            and status.observed_generation == found.metadata.generation
            and status.number_available == len(nodes) == status.desired_number_scheduled
            and status.updated_number_scheduled == len(nodes) == len(await each.pods())
        )

    await each.until(are_there, f"a pod of {image} on each of {nodes}")


async def pod_on(each, node):
    [found] = [p for p in (await each.pods()).values() if p.spec.node_name == node]
    return found


async def test_every_node_has_one_pod_also_those_that_come_later():
    async with running() as each:
        await until_on(each, "n1", "n2", "n3")
        await each.node("n4")
        await until_on(each, "n1", "n2", "n3", "n4")
        pod = await pod_on(each, "n4")
        affinity = pod.spec.affinity.node_affinity
        [term] = affinity.required_during_scheduling_ignored_during_execution.node_selector_terms
        [field] = term.match_fields
        assert (field.key, field.operator, field.values) == ("metadata.name", "In", ["n4"])
        assert pod.metadata.labels["pod-template-generation"] == "1"
        [revision] = (await each.client.list(CONTROLLER_REVISIONS, NS)).items
        hashed = pod.metadata.labels["controller-revision-hash"]
        assert revision.metadata.name == f"web-{hashed}"
        assert ("SuccessfulCreate", f"Created pod: {pod.metadata.name}") in await each.told()


async def test_only_nodes_that_the_template_asks_for_have_a_pod():
    chosen = template("a")
    chosen["spec"]["nodeSelector"] = {"disk": "ssd"}
    async with site("n1") as each:
        await each.node("n2", disk="ssd")
        await each.client.create(DAEMON_SETS, workload("DaemonSet", template=chosen), NS)
        async with each.controllers(daemon_set_controller):
            await until_on(each, "n2")
            await each.client.patch(NODES, "n1", {"metadata": {"labels": {"disk": "ssd"}}})
            await until_on(each, "n1", "n2")
            await each.client.patch(NODES, "n2", {"metadata": {"labels": {"disk": "hdd"}}})
            await until_on(each, "n1")


def taint(key, effect):
    return {"spec": {"taints": [{"key": key, "effect": effect}]}}


async def test_a_cordon_neither_removes_a_pod_nor_keeps_one_away():
    async with running("n1") as each:
        await until_on(each, "n1")
        before = await pod_on(each, "n1")
        cordon = taint("node.kubernetes.io/unschedulable", "NoSchedule")
        cordon["spec"]["unschedulable"] = True
        await each.client.patch(NODES, "n1", cordon)
        await each.settle()
        assert (await pod_on(each, "n1")).metadata.uid == before.metadata.uid
        await each.client.delete(PODS, before.metadata.name, NS)
        await each.settle()
        await until_on(each, "n1")
        assert (await pod_on(each, "n1")).metadata.uid != before.metadata.uid


async def test_a_taint_keeps_pods_away_and_one_that_ends_pods_ends_them():
    async with running("n1", "n2") as each:
        await until_on(each, "n1", "n2")
        await each.client.patch(NODES, "n1", taint("mine", "NoSchedule"))
        await until_misplaced(each, 1)
        assert await on_nodes(each) == [("n1", "a"), ("n2", "a")]
        await each.client.patch(NODES, "n1", taint("mine", "NoExecute"))
        await until_on(each, "n2")


async def until_misplaced(each, count):
    async def are_counted():
        return (await read(each)).status.number_misscheduled == count

    await each.until(are_counted, f"{count} misplaced")


async def test_a_node_that_goes_is_counted_no_more():
    async with running("n1", "n2") as each:
        await until_on(each, "n1", "n2")
        lost = await pod_on(each, "n2")
        await each.client.delete(NODES, "n2")
        await each.client.delete(PODS, lost.metadata.name, NS, DeleteOptions(grace_period_s=0))
        await until_on(each, "n1")


async def test_an_update_replaces_one_pod_at_a_time():
    async with running() as each:
        await until_on(each, "n1", "n2", "n3")
        each.kept |= set(await each.pods())
        await change(each, template=template("b"))
        await each.settle()
        assert sum(p.is_deleting for p in (await each.pods()).values()) == 1
        each.kept.clear()
        await until_on(each, "n1", "n2", "n3", image="b")
        pod = await pod_on(each, "n1")
        assert pod.metadata.labels["pod-template-generation"] == "2"


async def test_an_update_waits_for_new_pods_that_do_not_become_ready():
    async with running() as each:
        await until_on(each, "n1", "n2", "n3")
        await change(each, template=template("b"))

        async def hold_new():
            pods = await each.pods()
            each.held |= {n for n, p in pods.items() if p.spec.containers[0].image == "b"}

        for _ in range(40):
            await hold_new()
            await each.settle(rounds=1)
        assert [image for _, image in await on_nodes(each)].count("b") == 1
        # A third template replaces at once what is broken anyway.
        await change(each, template=template("c"))
        await until_on(each, "n1", "n2", "n3", image="c")


async def test_with_surge_the_old_pod_stays_until_the_new_one_is_available():
    surge = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    async with running("n1", "n2", updateStrategy=surge, minReadySeconds=5) as each:
        await until_on(each, "n1", "n2")
        await change(each, template=template("b"))
        most = 0
        for _ in range(60):
            await each.settle(rounds=1)
            staying = [p for p in (await each.pods()).values() if not p.is_deleting]
            assert {p.spec.node_name for p in staying if p.is_ready} == {"n1", "n2"}
            most = max(most, len(staying))
        assert most == 3
        await until_on(each, "n1", "n2", image="b")


async def test_on_delete_only_pods_that_people_delete_are_updated():
    async with running("n1", "n2", updateStrategy={"type": "OnDelete"}) as each:
        await until_on(each, "n1", "n2")
        await change(each, template=template("b"))
        await each.settle()
        assert await on_nodes(each) == [("n1", "a"), ("n2", "a")]
        await each.client.delete(PODS, (await pod_on(each, "n1")).metadata.name, NS)
        await each.settle()
        assert await on_nodes(each) == [("n1", "b"), ("n2", "a")]


async def test_pods_that_fail_at_once_are_replaced_at_longer_and_longer_intervals():
    async with running("n1") as each:
        failed: list[float] = []
        for _ in range(240):
            await each.settle(rounds=1)
            for name, pod in (await each.pods()).items():
                each.held.add(name)
                if not pod.is_finished and not pod.is_deleting and pod.spec.node_name:
                    await each.say(name, "Failed")
                    failed.append(each.clock.monotonic())
        pauses = [after - before for before, after in itertools.pairwise(failed)]
        assert 5 <= len(failed) <= 8
        assert all(before <= after for before, after in itertools.pairwise(pauses))
        first = each.made[0]
        message = f"Found failed daemon pod default/{first} on node n1, will try to kill it"
        assert ("FailedDaemonPod", message) in await each.told()


async def test_a_pod_that_succeeds_is_replaced():
    async with running("n1") as each:
        await until_on(each, "n1")
        before = (await pod_on(each, "n1")).metadata.name
        await each.say(before, "Succeeded")
        await each.until(lambda: is_gone(each, before), "the ended pod is gone")
        await until_on(each, "n1")


async def is_gone(each, name):
    return name not in await each.pods()


async def test_an_old_template_gets_the_newest_number_again():
    async with running("n1") as each:
        await until_on(each, "n1")
        await change(each, template=template("b"))
        await until_on(each, "n1", image="b")
        revisions = (await each.client.list(CONTROLLER_REVISIONS, NS)).items
        [first] = [r for r in revisions if r.revision == 1]
        # What `kubectl rollout undo` sends.
        await each.client.patch(DAEMON_SETS, "web", first.data, NS, type=PatchType.STRATEGIC)
        await until_on(each, "n1")
        revisions = (await each.client.list(CONTROLLER_REVISIONS, NS)).items
        assert {r.metadata.name: r.revision for r in revisions}[first.metadata.name] == 3


async def test_no_more_old_revisions_are_kept_than_the_limit_says():
    async with running("n1", revisionHistoryLimit=0) as each:
        await until_on(each, "n1")
        await change(each, template=template("b"))
        await until_on(each, "n1", image="b")

        async def is_one():
            revisions = (await each.client.list(CONTROLLER_REVISIONS, NS)).items
            return [r.revision for r in revisions] == [2]

        await each.until(is_one, "only the present revision")


@pytest.mark.parametrize("writes", range(1, 14))
async def test_a_controller_that_is_killed_leaves_no_node_with_two_pods_and_none_without(writes):
    async with site("n1", "n2") as each:
        await each.client.create(DAEMON_SETS, workload("DaemonSet"), NS)
        mortal = MortalClient(each.client, writes)
        async with each.controllers(daemon_set_controller, client=mortal):
            await each.settle(rounds=8)
            await change(each, template=template("b"))
            await each.settle(rounds=8)
        async with each.controllers(daemon_set_controller):
            await until_on(each, "n1", "n2", image="b")
