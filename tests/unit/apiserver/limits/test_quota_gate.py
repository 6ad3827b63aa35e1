"""What ResourceQuotas let through: one write at a time, several at once, and those that fail."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from shoal.api.core import CONFIG_MAPS, LIMIT_RANGES, NAMESPACES, RESOURCE_QUOTAS, SERVICES
from shoal.api.pod import PODS
from shoal.api.status import ApiError
from shoal.base.clock import SystemClock, VirtualClock
from shoal.client.protocol import DeleteOptions
from shoal.store.memory import MemoryStore
from shoal.store.published import Retention
from shoal.store.sqlite import SqliteStore
from shoal.testing.builders import make_pod
from shoal.testing.cluster import memory_cluster
from tests.unit.apiserver.cron_tabs import CRON_TABS, cron_tab, definition
from tests.waiting import eventually

NS = "default"


def quota(name="q", /, **hard):
    names = {key.replace("_", "."): amount for key, amount in hard.items()}
    return {"metadata": {"name": name}, "spec": {"hard": names}}


def pod(name, cpu="1", namespace=NS):
    return make_pod(name).namespace(namespace).req(cpu=cpu).manifest()


async def refused(write):
    with pytest.raises(ApiError) as raised:
        await write
    assert raised.value.is_forbidden, raised.value
    return raised.value.message


@asynccontextmanager
async def cluster_with(*quotas, **how):
    async with memory_cluster(**how) as cluster:
        for each in quotas:
            await cluster.client.create(RESOURCE_QUOTAS, each, NS)
        yield cluster.client


async def test_what_there_is_no_room_for_is_refused():
    async with cluster_with(quota(requests_cpu="2", pods="5")) as client:
        await client.create(PODS, pod("a"), NS)
        assert await refused(client.create(PODS, pod("b", "1500m"), NS)) == (
            'pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=1500m,'
            " used: requests.cpu=1, limited: requests.cpu=2"
        )
        await client.create(PODS, pod("b"), NS)
        await client.create(PODS, pod("c", namespace="kube-system"), "kube-system")


async def test_a_pod_must_say_what_the_quota_counts():
    async with cluster_with(quota(limits_cpu="2")) as client:
        assert await refused(client.create(PODS, pod("a"), NS)) == (
            'pods "a" is forbidden: failed quota: q: must specify limits.cpu for: c0'
        )
        limits = {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}
        await client.create(LIMIT_RANGES, {"metadata": {"name": "l"}, "spec": limits}, NS)
        await client.create(PODS, pod("a"), NS)


async def test_room_comes_back_when_pods_end_or_go():
    async with cluster_with(quota(pods="1")) as client:
        await client.create(PODS, pod("a"), NS)
        await refused(client.create(PODS, pod("b"), NS))
        done = {"status": {"phase": "Succeeded"}}
        await client.patch(PODS, "a", done, NS, subresource="status")
        await client.create(PODS, pod("b"), NS)
        await client.delete(PODS, "b", NS, DeleteOptions(grace_period_s=0))
        await client.create(PODS, pod("c"), NS)


async def test_ended_pods_still_count_as_objects():
    hard = {"metadata": {"name": "q"}, "spec": {"hard": {"count/pods": "1"}}}
    async with cluster_with(hard) as client:
        await client.create(PODS, pod("a"), NS)
        await client.patch(PODS, "a", {"status": {"phase": "Failed"}}, NS, subresource="status")
        await refused(client.create(PODS, pod("b"), NS))


async def test_a_pod_whose_node_does_not_let_it_go_makes_room_in_the_end():
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    async with cluster_with(quota(pods="1"), clock=clock) as client:
        await client.create(PODS, make_pod("a").req(cpu="1").node("n").manifest(), NS)
        await client.delete(PODS, "a", NS, DeleteOptions(grace_period_s=10))
        await refused(client.create(PODS, pod("b"), NS))
        await clock.advance(60)
        await client.create(PODS, pod("b"), NS)


async def test_a_dry_run_is_checked_and_charges_nothing():
    async with cluster_with(quota(pods="1")) as client:
        await client.create(PODS, pod("a"), NS, dry_run=True)
        await client.create(PODS, pod("b"), NS)
        await refused(client.create(PODS, pod("c"), NS, dry_run=True))


async def test_a_create_that_fails_charges_nothing():
    async with cluster_with(quota(configmaps="2")) as client:
        await client.create(CONFIG_MAPS, {"metadata": {"name": "a"}}, NS)
        for _ in range(3):
            with pytest.raises(ApiError, match="already exists"):
                await client.create(CONFIG_MAPS, {"metadata": {"name": "a"}}, NS)
        await client.create(CONFIG_MAPS, {"metadata": {"name": "b"}}, NS)
        await refused(client.create(CONFIG_MAPS, {"metadata": {"name": "c"}}, NS))


async def test_updates_that_grow_are_checked_and_others_are_not():
    def with_ports(*ports):
        listed = [{"name": f"p{port}", "port": port} for port in ports]
        return {"metadata": {"name": "s"}, "spec": {"type": "NodePort", "ports": listed}}

    async with cluster_with(quota(services_nodeports="2")) as client:
        await client.create(SERVICES, with_ports(1), NS)
        told = await refused(client.patch(SERVICES, "s", with_ports(1, 2, 3), NS))
        assert "requested: services.nodeports=2, used: services.nodeports=1" in told
        await refused(client.patch(SERVICES, "s", with_ports(1, 2, 3), NS, dry_run=True))
        await client.patch(SERVICES, "s", with_ports(1, 2), NS)
        lower = {"spec": {"hard": {"services.nodeports": "0"}}}
        await client.patch(RESOURCE_QUOTAS, "q", lower, NS)
        await client.patch(SERVICES, "s", {"metadata": {"labels": {"a": "b"}}}, NS)
        await client.patch(SERVICES, "s", with_ports(1), NS)
        await refused(client.patch(SERVICES, "s", with_ports(1, 2), NS))


async def test_a_service_that_becomes_a_load_balancer_is_checked():
    async with cluster_with(quota(services_loadbalancers="0")) as client:
        service = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
        await client.create(SERVICES, service, NS)
        becomes = client.patch(SERVICES, "s", {"spec": {"type": "LoadBalancer"}}, NS)
        assert "services.loadbalancers=1" in await refused(becomes)


async def test_kinds_of_users_are_counted_by_number():
    hard = {"metadata": {"name": "q"}, "spec": {"hard": {f"count/{CRON_TABS.group_resource}": 1}}}
    async with cluster_with(hard, crds=[definition()]) as client:
        await client.create(CRON_TABS, cron_tab("a"), NS)
        assert "exceeded quota" in await refused(client.create(CRON_TABS, cron_tab("b"), NS))


async def test_several_quotas_hold_each_by_itself():
    async with cluster_with(quota("wide", pods="9"), quota("narrow", requests_cpu="1")) as client:
        await client.create(PODS, pod("a"), NS)
        assert "exceeded quota: narrow" in await refused(client.create(PODS, pod("b"), NS))
        await client.delete(RESOURCE_QUOTAS, "narrow", NS)
        await client.create(PODS, pod("b"), NS)
        await client.patch(RESOURCE_QUOTAS, "wide", {"spec": {"hard": {"pods": "2"}}}, NS)
        await refused(client.create(PODS, pod("c"), NS))
        await client.delete(RESOURCE_QUOTAS, "wide", NS)
        await client.create(PODS, pod("c"), NS)


async def test_what_was_written_long_ago_is_counted_again():
    async with cluster_with(quota(pods="3"), store=MemoryStore(Retention(ring_events=4))) as client:
        await client.create(PODS, pod("a"), NS)
        for number in range(10):
            body = pod(f"elsewhere-{number}", namespace="kube-system")
            await client.create(PODS, body, "kube-system")
        await client.delete(PODS, "a", NS, DeleteOptions(grace_period_s=0))
        for name in ("b", "c", "d"):
            await client.create(PODS, pod(name), NS)
        await refused(client.create(PODS, pod("e"), NS))


async def test_as_many_as_there_is_room_for_come_in_of_many_at_once(tmp_path):
    """And none is refused for the sake of one that is not there yet."""
    store = await SqliteStore.open(tmp_path / "store.db", clock=SystemClock())
    async with cluster_with(quota(pods="7"), store=store) as client:
        for free in (5, 2):
            bodies = [pod(f"p-{free}-{number}") for number in range(free)]
            await asyncio.gather(*(client.create(PODS, body, NS) for body in bodies))
        writes = [client.create(PODS, pod(f"late-{number}"), NS) for number in range(5)]
        answers = await asyncio.gather(*writes, return_exceptions=True)
        assert all(isinstance(each, ApiError) and each.is_forbidden for each in answers)
        await client.patch(RESOURCE_QUOTAS, "q", {"spec": {"hard": {"pods": "17"}}}, NS)
        writes = [client.create(PODS, pod(f"more-{number}"), NS) for number in range(25)]
        answers = await asyncio.gather(*writes, return_exceptions=True)
        assert sum(not isinstance(each, ApiError) for each in answers) == 10
        assert len((await client.list(PODS, NS)).items) == 17


async def test_who_hangs_up_has_used_the_room_all_the_same(tmp_path):
    store = await SqliteStore.open(tmp_path / "store.db", clock=SystemClock())
    async with cluster_with(quota(pods="1"), store=store) as client:
        write = asyncio.create_task(client.create(PODS, pod("a"), NS))
        await asyncio.sleep(0)
        write.cancel()
        answers = await asyncio.gather(
            write, client.create(PODS, pod("b"), NS), return_exceptions=True
        )
        assert isinstance(answers[0], asyncio.CancelledError)
        assert isinstance(answers[1], ApiError)
        assert (await eventually(lambda: _pods(client), "the write"))[0].metadata.name == "a"


async def _pods(client):
    return (await client.list(PODS, NS)).items


async def test_nothing_is_remembered_of_namespaces_that_have_no_quota_any_more():
    async with memory_cluster() as cluster:
        for number in range(5):
            name = f"team-{number}"
            await cluster.client.create(NAMESPACES, {"metadata": {"name": name}})
            await cluster.client.create(RESOURCE_QUOTAS, quota(configmaps="2"), name)
            await cluster.client.create(CONFIG_MAPS, {"metadata": {"name": "a"}}, name)
            await cluster.client.delete(RESOURCE_QUOTAS, "q", name)
        assert set(cluster.core.quotas.tallied_namespaces) <= {"team-4"}
