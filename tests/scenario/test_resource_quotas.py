"""ResourceQuotas with their controller: what their status says, after whatever has happened."""

import asyncio
import random
import tempfile
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.api.apps import REPLICA_SETS
from shoal.api.core import CONFIG_MAPS, EVENTS, RESOURCE_QUOTAS
from shoal.api.crds import all_crds
from shoal.api.meta import find_condition
from shoal.api.node import NODES
from shoal.api.pod import PODS
from shoal.api.quantity import parse
from shoal.api.status import ApiError
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.base.clock import SystemClock, VirtualClock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import DeleteOptions
from shoal.controllers.kube.garbage_collector import CRDS
from shoal.controllers.kube.replica_set import replica_set_controller
from shoal.controllers.kube.resource_quota import resource_quota_controller
from shoal.scheduler.core import build_scheduler
from shoal.scheduler.fairness.rules import Rules
from shoal.scheduler.loop import SchedulerLoop
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES, in_tree_registry
from shoal.store.sqlite import SqliteStore
from shoal.testing.builders import make_node, make_pod
from shoal.testing.cluster import memory_cluster
from shoal.testing.volcano import make_pod_group
from tests.mortal import MortalClient, in_time, life
from tests.unit.apiserver.cron_tabs import CRON_TABS, cron_tab, definition
from tests.waiting import eventually

NS = "default"
GONE = DeleteOptions(grace_period_s=0)
START = datetime(2026, 1, 1, tzinfo=UTC)


def quotas(client, informers, recorder, clock):
    return resource_quota_controller(client, informers, clock)


def quota(hard, name="q", **spec):
    return {"metadata": {"name": name}, "spec": {"hard": hard, **spec}}


def pod(name, cpu="1", **spec):
    return make_pod(name).namespace(NS).req(cpu=cpu).spec(**spec).manifest()


async def says(client, used, name="q"):
    """Whether the quota's status does."""
    status = (await client.get(RESOURCE_QUOTAS, name, NS)).status
    return status.used == used and set(status.hard) == set(used)


@asynccontextmanager
async def cluster_with(*bodies, factories=(quotas,), crds=()):
    clock = VirtualClock(START)
    async with memory_cluster(clock=clock, crds=crds) as cluster:
        client = cluster.client
        for body in bodies:
            await client.create(RESOURCE_QUOTAS, body, NS)
        async with life(client, clock, *factories):

            async def comes_to(used, name="q", step_s=0.5):
                what = f"{name} to say {used}"
                await in_time(clock, lambda: says(client, used, name), what, step_s)

            yield client, comes_to


async def test_the_status_follows_what_there_is():
    async with cluster_with(quota({"pods": "3", "requests.cpu": "4"})) as (client, comes_to):
        await comes_to({"pods": "0", "requests.cpu": "0"})
        await client.create(PODS, pod("a"), NS)
        await client.create(PODS, pod("b", "500m"), NS)
        await comes_to({"pods": "2", "requests.cpu": "1500m"})
        await client.patch(PODS, "a", {"status": {"phase": "Failed"}}, NS, subresource="status")
        await comes_to({"pods": "1", "requests.cpu": "500m"})
        await client.delete(PODS, "b", NS, GONE)
        await comes_to({"pods": "0", "requests.cpu": "0"})


async def test_what_a_quota_does_not_name_any_more_leaves_its_status():
    async with cluster_with(quota({"pods": "3", "secrets": "4"})) as (client, comes_to):
        await comes_to({"pods": "0", "secrets": "0"})
        changed = {"spec": {"hard": {"secrets": None, "configmaps": "9"}}}
        await client.patch(RESOURCE_QUOTAS, "q", changed, NS)
        await comes_to({"pods": "0", "configmaps": "0"})


async def test_quotas_with_scopes_count_their_own_pods():
    bodies = (
        quota({"pods": "9"}, "ending", scopes=["Terminating"]),
        quota({"pods": "9"}, "staying", scopes=["NotTerminating"]),
    )
    async with cluster_with(*bodies) as (client, comes_to):
        await client.create(PODS, pod("a", activeDeadlineSeconds=60), NS)
        await client.create(PODS, pod("b"), NS)
        await client.create(PODS, pod("c"), NS)
        await comes_to({"pods": "1"}, "ending")
        await comes_to({"pods": "2"}, "staying")


async def test_a_kind_is_counted_from_when_it_is_served():
    name = f"count/{CRON_TABS.group_resource}"
    async with cluster_with(quota({name: "5", "pods": "1"})) as (client, comes_to):
        await comes_to({name: "0", "pods": "0"})
        await client.create(CRDS, definition())
        await eventually(lambda: client.list(CRON_TABS, NS), "the kind")
        await client.create(CRON_TABS, cron_tab("a"), NS)
        await comes_to({name: "1", "pods": "0"}, step_s=5)


async def test_a_pod_that_its_node_never_lets_go_is_counted_off_in_time():
    async with cluster_with(quota({"pods": "1"})) as (client, comes_to):
        await client.create(PODS, pod("a", nodeName="n"), NS)
        await comes_to({"pods": "1"})
        await client.delete(PODS, "a", NS, DeleteOptions(grace_period_s=10))
        await comes_to({"pods": "0"}, step_s=60)


async def test_a_controller_that_is_killed_is_made_up_for_by_the_next():
    clock = VirtualClock(START)
    async with memory_cluster(clock=clock) as cluster:
        client = cluster.client
        await client.create(RESOURCE_QUOTAS, quota({"configmaps": "9"}), NS)
        before = len((await client.list(CONFIG_MAPS, NS)).items)
        for number in range(4):
            mortal = MortalClient(client, writes=1)
            async with life(mortal, clock, quotas):
                body = {"metadata": {"name": f"c{number}"}}
                await client.create(CONFIG_MAPS, body, NS)
                await in_time(clock, lambda m=mortal: has_died(m), "a death")
            await client.create(CONFIG_MAPS, {"metadata": {"name": f"d{number}"}}, NS)
        async with life(client, clock, quotas):
            used = {"configmaps": str(before + 8)}
            await in_time(clock, lambda: says(client, used), "the recount")


async def has_died(mortal):
    return mortal.has_died


def replica_sets(client, informers, recorder, clock):
    return replica_set_controller(client, informers, recorder, clock)


async def test_a_replica_set_makes_what_fits_and_the_rest_when_there_is_room():
    body = {
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 4,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "a"}]},
            },
        },
    }
    factories = (quotas, replica_sets)
    async with cluster_with(quota({"pods": "2"}), factories=factories) as (client, comes_to):
        await client.create(REPLICA_SETS, body, NS)
        await comes_to({"pods": "2"})
        stuck = await client.get(REPLICA_SETS, "web", NS)
        failure = find_condition(stuck.status.conditions, "ReplicaFailure")
        assert failure is not None and failure.reason == "FailedCreate"
        assert "exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2" in (
            failure.message
        )
        assert stuck.status.replicas == 2
        events = (await client.list(EVENTS, NS)).items
        assert any(
            each.reason == "FailedCreate" and "is forbidden: exceeded quota: q" in each.message
            for each in events
        )
        await client.patch(RESOURCE_QUOTAS, "q", {"spec": {"hard": {"pods": "9"}}}, NS)
        await comes_to({"pods": "4"}, step_s=20)
        freed = await client.get(REPLICA_SETS, "web", NS)
        assert not freed.status.conditions


async def phase_of(client, name, phase):
    return (await client.get(POD_GROUPS, name, NS)).status.phase == phase


async def test_the_scheduler_admits_no_group_beyond_a_quota_that_is_served():
    clock = SystemClock()
    async with memory_cluster(clock=clock, crds=all_crds()) as cluster:
        client = cluster.client
        await client.create(RESOURCE_QUOTAS, quota({"requests.cpu": "4"}), NS)
        await client.create(NODES, make_node("n").capacity(cpu="16", pods="110").manifest())
        await client.create(PODS, pod("holder", "3"), NS)
        scheduler = build_scheduler(DEFAULT_PROFILES, in_tree_registry())
        scheduler.set_rules(Rules(resource_quota=True))
        async with life(client, clock, quotas), scheduled(client, scheduler, clock):
            await eventually(lambda: says(client, {"requests.cpu": "3"}), "the count")
            group = make_pod_group("g").namespace(NS).queue("default").needs(2)
            wanted = group.spec(minResources={"requests.cpu": "2"})
            await client.create(POD_GROUPS, wanted.manifest(), NS)
            told = await eventually(lambda: objection(client, "g"), "an objection")
            assert told == (
                "resource quota insufficient, requested: requests.cpu=2,"
                " used: requests.cpu=3, limited: requests.cpu=4 (ResourceQuota q)"
            )
            await client.delete(PODS, "holder", NS, GONE)
            await eventually(lambda: phase_of(client, "g", "Inqueue"), "admission")


async def objection(client, group):
    conditions = (await client.get(POD_GROUPS, group, NS)).status.conditions
    return next((each.message for each in conditions if "quota" in each.message), "")


@asynccontextmanager
async def scheduled(client, scheduler, clock):
    informers = InformerSet(client, clock, random.Random(0))
    recorder = EventRecorder(client, "test", clock)
    loop = SchedulerLoop(scheduler, client, informers, recorder, clock)
    tasks = [asyncio.create_task(each.run()) for each in (informers, recorder, loop)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


ENDED = {"status": {"phase": "Succeeded"}}
STEP = st.one_of(
    st.tuples(st.just("create"), st.integers(0, 5), st.sampled_from(["500m", "1", "2"])),
    st.tuples(st.sampled_from(["delete", "end", "relabel", "limit"]), st.integers(0, 5)),
)


async def carry_out(client, step):
    name = f"p{step[1]}"
    match step[0]:
        case "create":
            await client.create(PODS, pod(name, step[2]), NS)
        case "delete":
            await client.delete(PODS, name, NS, GONE)
        case "end":
            await client.patch(PODS, name, ENDED, NS, subresource="status")
        case "relabel":
            await client.patch(PODS, name, {"metadata": {"labels": {"a": name}}}, NS)
        case _:
            await client.patch(PODS, name, {"spec": {"activeDeadlineSeconds": 60}}, NS)


HARD = {"pods": "3", "requests.cpu": "3", "count/pods": "4"}


def sums(pods):
    """What the pods come to, by hand."""
    live = [each for each in pods if not each.is_finished]
    millis = {"500m": 500, "1": 1000, "2": 2000}
    cpu = sum(millis[each.spec.containers[0].resources.requests["cpu"]] for each in live)
    return {"pods": len(live), "requests.cpu": cpu / 1000, "count/pods": len(pods)}


def in_numbers(used):
    return {name: float(parse(text)) for name, text in used.items()}


@given(st.lists(st.lists(STEP, min_size=1, max_size=6), max_size=6))
@settings(max_examples=25, deadline=None)
def test_use_is_never_above_what_is_allowed_and_at_rest_what_there_is(rounds):
    asyncio.run(_hold(rounds))


async def _hold(rounds):
    """Each round's steps at once, on a store that takes its time."""
    with tempfile.TemporaryDirectory() as directory:
        clock = SystemClock()
        store = await SqliteStore.open(Path(directory) / "store.db", clock=clock)
        async with memory_cluster(store=store, clock=clock) as cluster:
            client = cluster.client
            bodies = (quota(HARD), quota({"pods": "1"}, "ending", scopes=["Terminating"]))
            for body in bodies:
                await client.create(RESOURCE_QUOTAS, body, NS)
            async with life(client, clock, quotas):
                for steps in rounds:
                    done = await asyncio.gather(
                        *(carry_out(client, step) for step in steps), return_exceptions=True
                    )
                    assert all(each is None or isinstance(each, ApiError) for each in done), done
                    await _check(client)
                pods = (await client.list(PODS, NS)).items
                expected = {name: float(number) for name, number in sums(pods).items()}
                await eventually(lambda: _used(client, expected), f"{expected}")


async def _check(client):
    pods = (await client.list(PODS, NS)).items
    ending = [p for p in pods if p.spec.active_deadline_seconds and not p.is_finished]
    assert len(ending) <= 1
    assert all(number <= int(HARD[name]) for name, number in sums(pods).items())
    status = (await client.get(RESOURCE_QUOTAS, "q", NS)).status
    assert all(number <= int(HARD[name]) for name, number in in_numbers(status.used).items())


async def _used(client, expected):
    return in_numbers((await client.get(RESOURCE_QUOTAS, "q", NS)).status.used) == expected
