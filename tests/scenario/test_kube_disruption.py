"""Disruption budgets on a cluster in memory: their status, and evictions that go by it."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest

from shoal.api.apps import REPLICA_SETS
from shoal.api.core import EVENTS
from shoal.api.meta import Condition, Object, ObjectMeta, find_condition, timestamp
from shoal.api.pod import PODS
from shoal.api.policy import BUDGETS, PodDisruptionBudget
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.base.clock import VirtualClock
from shoal.client.protocol import Client, DeleteOptions, PatchType
from shoal.controllers.kube.disruption import disruption_controller
from shoal.controllers.kube.stale_disruption import stale_disruption_controller, stale_in_s
from shoal.testing.cluster import memory_cluster
from tests.mortal import MortalClient, in_time, life

NS = "default"
LABELS = {"app": "web"}


class Site:
    """A ReplicaSet with pods that nobody makes or mends, and a budget for them."""

    def __init__(self, client: Client, clock: VirtualClock) -> None:
        self.client = client
        self.clock = clock

    def controllers(self, client: Any = None) -> Any:
        return life(client or self.client, self.clock, disruption_controller)

    async def pods(self, count: int, *, owner: Object | None = None) -> None:
        for number in range(count):
            await self.pod(f"web-{number}", owner=owner)

    async def pod(self, name: str, *, owner: Object | None = None, is_ready: bool = True) -> None:
        body: JsonObject = {
            "metadata": {"name": name, "labels": LABELS},
            "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "i"}]},
        }
        if owner is not None:
            body["metadata"]["ownerReferences"] = [
                {
                    "apiVersion": owner.api_version,
                    "kind": owner.kind,
                    "name": owner.metadata.name,
                    "uid": owner.metadata.uid,
                    "controller": True,
                }
            ]
        await self.client.create(PODS, body, NS)
        ready = {
            "type": "Ready",
            "status": "True" if is_ready else "False",
            "lastTransitionTime": timestamp(self.clock.now()),
        }
        status = {"phase": "Running", "conditions": [ready]}
        await self.client.patch(PODS, name, {"status": status}, NS, subresource="status")

    async def replica_set(self, replicas: int) -> Object:
        body: JsonObject = {
            "metadata": {"name": "web"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": LABELS},
                "template": {
                    "metadata": {"labels": LABELS},
                    "spec": {"containers": [{"name": "c", "image": "i"}]},
                },
            },
        }
        return await self.client.create(REPLICA_SETS, body, NS)

    async def budget(self, name: str = "web", **spec: Any) -> None:
        body = {
            "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": LABELS}, **spec},
        }
        await self.client.create(BUDGETS, body, NS)

    async def read(self) -> PodDisruptionBudget:
        return await self.client.get(BUDGETS, "web", NS)

    async def until_counted(
        self, *, healthy: int, desired: int, expected: int, allowed: int
    ) -> None:
        async def is_counted() -> bool:
            budget = await self.read()
            status = budget.status
            return status.observed_generation == budget.metadata.generation and (
                status.current_healthy,
                status.desired_healthy,
                status.expected_pods,
                status.disruptions_allowed,
            ) == (healthy, desired, expected, allowed)

        await in_time(self.clock, is_counted, f"{healthy} healthy, {allowed} allowed")

    async def evict(self, name: str, **options: Any) -> JsonObject:
        body: JsonObject = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name},
        }
        if options:
            body["deleteOptions"] = options
        return await self.client.call(PODS, name, "eviction", body, NS)

    async def refused(self, name: str, **options: Any) -> ApiError:
        with pytest.raises(ApiError) as refusal:
            await self.evict(name, **options)
        return refusal.value

    async def is_going(self, name: str) -> bool:
        return (await self.client.get(PODS, name, NS)).is_deleting

    async def until_told(self, reason: str, message: str) -> None:
        async def is_told() -> bool:
            events = (await self.client.list(EVENTS)).items
            return (reason, message) in [(event.reason, event.message) for event in events]

        await in_time(self.clock, is_told, f"{reason}: {message}")


@pytest.fixture
async def site() -> AsyncGenerator[Site]:
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        yield Site(cluster.client, clock)


async def test_a_number_that_must_stay_is_held_against_the_pods_that_are_there(site: Site):
    await site.pods(3)
    await site.pod("sick", is_ready=False)
    await site.budget(minAvailable=2)
    async with site.controllers():
        await site.until_counted(healthy=3, desired=2, expected=4, allowed=1)
        condition = find_condition((await site.read()).status.conditions, "DisruptionAllowed")
        assert condition and (condition.status, condition.reason) == ("True", "SufficientPods")


@pytest.mark.parametrize(
    ("spec", "desired", "allowed"),
    [
        ({"maxUnavailable": 1}, 9, 0),
        ({"maxUnavailable": 4}, 6, 1),
        # Shares are rounded up.
        ({"maxUnavailable": "31%"}, 6, 1),
        ({"minAvailable": "51%"}, 6, 1),
    ],
)
async def test_shares_are_of_what_the_owner_asks_for(
    site: Site, spec: JsonObject, desired: int, allowed: int
):
    owner = await site.replica_set(10)
    await site.pods(7, owner=owner)
    await site.budget(**spec)
    async with site.controllers():
        await site.until_counted(healthy=7, desired=desired, expected=10, allowed=allowed)


async def test_pods_without_an_owner_leave_a_share_of_nothing(site: Site):
    await site.pods(2)
    await site.budget(maxUnavailable=1)
    async with site.controllers():
        await site.until_counted(healthy=2, desired=0, expected=0, allowed=0)


async def test_pods_of_an_owner_that_does_not_scale_may_not_be_evicted(site: Site):
    body = {
        "metadata": {"name": "agents"},
        "spec": {
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
    }
    path = f"/apis/apps/v1/namespaces/{NS}/daemonsets"
    made = await site.client.request("POST", path, body=body)
    metadata = ObjectMeta(name="agents", uid=made["metadata"]["uid"])
    await site.pod("a", owner=Object(kind="DaemonSet", api_version="apps/v1", metadata=metadata))
    await site.budget(maxUnavailable=1)
    why = "daemonsets.apps does not implement the scale subresource"
    async with site.controllers():
        await site.until_told(
            "CalculateExpectedPodCountFailed",
            f"Failed to calculate the number of expected pods: {why}",
        )

        async def has_failed() -> bool:
            found = find_condition((await site.read()).status.conditions, "DisruptionAllowed")
            return found is not None and (found.reason, found.message) == ("SyncFailed", why)

        await in_time(site.clock, has_failed, "SyncFailed")
        refusal = await site.refused("a")
    [cause] = refusal.details["causes"]
    assert cause["message"].endswith(f"because it failed sync: {why}")


class Listening:
    """Notes what is asked for by path."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.paths: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def request(self, method: str, path: str, **options: Any) -> Any:
        self.paths.append(path)
        return await self._client.request(method, path, **options)


async def settle(site: Site) -> None:
    for _ in range(4):
        await site.clock.advance(0.5)
        for _ in range(20):
            await asyncio.sleep(0)


async def test_the_server_is_asked_once_for_the_kinds_of_many_owners(site: Site):
    meta = ObjectMeta(name="j", uid="u")
    owner = Object(kind="Job", api_version="batch/v1", metadata=meta)
    listening = Listening(site.client)
    await site.budget(maxUnavailable=1)
    async with site.controllers(listening):
        for number in range(5):
            await site.pod(f"web-{number}", owner=owner)
            await settle(site)
        await site.until_told(
            "CalculateExpectedPodCountFailed",
            "Failed to calculate the number of expected pods: jobs.batch does not implement the "
            "scale subresource",
        )
        assert listening.paths == ["/api", "/apis"]
        await site.clock.advance(31)
        await site.pod("later", owner=owner)
        await settle(site)
        assert listening.paths == ["/api", "/apis"] * 2


HERDS: JsonObject = {
    "metadata": {"name": "herds.farm.io"},
    "spec": {
        "group": "farm.io",
        "scope": "Namespaced",
        "names": {"plural": "herds", "singular": "herd", "kind": "Herd", "listKind": "HerdList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
                "subresources": {
                    "scale": {
                        "specReplicasPath": ".spec.replicas",
                        "statusReplicasPath": ".status.replicas",
                    }
                },
            }
        ],
    },
}


async def test_an_owner_of_a_kind_that_came_a_moment_ago_is_asked_for_its_scale(site: Site):
    async with site.controllers():
        job = Object(kind="Job", api_version="batch/v1", metadata=ObjectMeta(name="j", uid="u"))
        await site.budget(maxUnavailable=1)
        await site.pod("a", owner=job)
        await settle(site)
        await site.client.delete(PODS, "a", NS, DeleteOptions(grace_period_s=0))
        crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        await site.client.request("POST", crds, body=HERDS)
        body = {"metadata": {"name": "h"}, "spec": {"replicas": 4}, "kind": "Herd"}
        path = f"/apis/farm.io/v1/namespaces/{NS}/herds"
        made = await site.client.request("POST", path, body={"apiVersion": "farm.io/v1", **body})
        meta = ObjectMeta(name="h", uid=made["metadata"]["uid"])
        await site.pods(4, owner=Object(kind="Herd", api_version="farm.io/v1", metadata=meta))
        await site.until_counted(healthy=4, desired=3, expected=4, allowed=1)


async def test_a_pod_that_was_to_be_evicted_and_is_not_loses_the_condition(site: Site):
    async def say(name: str, reason: str) -> None:
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": reason,
            "message": "m",
            "lastTransitionTime": timestamp(site.clock.now()),
        }
        status = {"conditions": [condition]}
        await site.client.patch(
            PODS, name, {"status": status}, NS, subresource="status", type=PatchType.STRATEGIC
        )

    async def condition_of(name: str) -> tuple[str, str, str]:
        pod = await site.client.get(PODS, name, NS)
        found = find_condition(pod.status.conditions, "DisruptionTarget")
        assert found is not None
        return found.status, found.reason, found.message

    def controller(client: Any, informers: Any, recorder: Any, clock: Any) -> Any:
        return stale_disruption_controller(client, informers, clock)

    await site.pods(3)
    async with life(site.client, site.clock, controller):
        await say("web-0", "PreemptionByScheduler")
        await say("web-1", "TerminationByKubelet")
        await site.evict("web-2")
        await site.clock.advance(119)
        await settle(site)

        async def is_off() -> bool:
            return await condition_of("web-0") == ("False", "", "")

        await in_time(site.clock, is_off, "the condition is off")
        ready = find_condition(
            (await site.client.get(PODS, "web-0", NS)).status.conditions, "Ready"
        )
        assert ready and ready.status == "True"
        assert await condition_of("web-1") == ("True", "TerminationByKubelet", "m")
        assert (await condition_of("web-2"))[0] == "True"


async def test_a_deletion_may_come_for_two_minutes(site: Site):
    since = site.clock.now()
    told = Condition(type="DisruptionTarget", status="True", last_transition_time=since)
    assert stale_in_s(told, since + timedelta(seconds=119)) == 1
    assert stale_in_s(told, since + timedelta(seconds=121)) == 0


async def test_an_eviction_takes_from_the_budget_and_says_why_on_the_pod(site: Site):
    await site.pods(3)
    await site.budget(minAvailable=2)
    async with site.controllers():
        await site.until_counted(healthy=3, desired=2, expected=3, allowed=1)
        await site.evict("web-0")
        pod = await site.client.get(PODS, "web-0", NS)
        assert pod.is_deleting
        condition = find_condition(pod.status.conditions, "DisruptionTarget")
        assert condition is not None
        assert (condition.reason, condition.message) == (
            "EvictionByEvictionAPI",
            "Eviction API: evicting",
        )
        await site.until_counted(healthy=2, desired=2, expected=3, allowed=0)
        refusal = await site.refused("web-1")
        assert (refusal.code, refusal.reason) == (429, "TooManyRequests")
        assert refusal.message == (
            "Cannot evict pod as it would violate the pod's disruption budget."
        )
        assert refusal.details["causes"] == [
            {
                "reason": "DisruptionBudget",
                "message": "The disruption budget web needs 2 healthy pods and has 2 currently",
            }
        ]
        assert not await site.is_going("web-1")


async def test_evictions_at_the_same_time_get_no_more_than_the_budget_allows(site: Site):
    await site.pods(8)
    await site.budget(minAvailable=5)
    async with site.controllers():
        await site.until_counted(healthy=8, desired=5, expected=8, allowed=3)
    # Nobody keeps the status meanwhile: what it says is all there is.
    outcomes = await asyncio.gather(
        *(site.evict(f"web-{number}") for number in range(8)), return_exceptions=True
    )
    refusals = [each for each in outcomes if isinstance(each, ApiError)]
    assert [each.code for each in refusals] == [429] * 5
    going = [await site.is_going(f"web-{number}") for number in range(8)]
    assert going.count(True) == 3
    assert len((await site.read()).status.disrupted_pods) == 3


async def test_a_dry_run_takes_nothing(site: Site):
    await site.pods(2)
    await site.budget(minAvailable=1)
    async with site.controllers():
        await site.until_counted(healthy=2, desired=1, expected=2, allowed=1)
    await site.evict("web-0", dryRun=["All"])
    assert not await site.is_going("web-0")
    assert (await site.read()).status.disruptions_allowed == 1


async def test_a_budget_that_nobody_has_looked_at_allows_nothing_yet(site: Site):
    await site.pods(2)
    await site.budget(minAvailable=1)
    refusal = await site.refused("web-0")
    assert refusal.details["retryAfterSeconds"] == 10
    [cause] = refusal.details["causes"]
    assert cause["message"] == "The disruption budget web is still being processed by the server."


async def test_two_budgets_for_one_pod_are_a_mistake(site: Site):
    await site.pods(2)
    await site.budget(minAvailable=1)
    await site.budget("other", minAvailable=1)
    refusal = await site.refused("web-0")
    assert refusal.code == 500
    assert refusal.message == (
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does "
        "not support."
    )


@pytest.mark.parametrize(
    ("spec", "is_allowed"),
    [
        ({"minAvailable": 2}, False),
        ({"minAvailable": 1}, True),
        ({"minAvailable": 2, "unhealthyPodEvictionPolicy": "AlwaysAllow"}, True),
    ],
)
async def test_a_pod_that_is_not_ready_takes_nothing_where_it_may_go(
    site: Site, spec: JsonObject, is_allowed: bool
):
    await site.pod("well")
    await site.pod("sick", is_ready=False)
    await site.budget(**spec)
    desired = spec["minAvailable"]
    async with site.controllers():
        await site.until_counted(healthy=1, desired=desired, expected=2, allowed=0)
    if is_allowed:
        await site.evict("sick")
        assert (await site.read()).status.disrupted_pods == {}
    else:
        assert (await site.refused("sick")).code == 429
    assert await site.is_going("sick") is is_allowed


async def test_an_evicted_pod_that_stays_is_counted_again_after_two_minutes(site: Site):
    await site.pods(2)
    await site.budget(minAvailable=1)
    now = timestamp(site.clock.now())
    async with site.controllers():
        await site.until_counted(healthy=2, desired=1, expected=2, allowed=1)
        # As an API server leaves it that is killed before it deletes the pod.
        status = {"disruptionsAllowed": 0, "disruptedPods": {"web-0": now}}
        await site.client.patch(BUDGETS, "web", {"status": status}, NS, subresource="status")
        await site.until_counted(healthy=1, desired=1, expected=2, allowed=0)
        await site.until_counted(healthy=2, desired=1, expected=2, allowed=1)
        assert (await site.read()).status.disrupted_pods == {}
        await site.until_told(
            "NotDeleted", "Pod was expected by PDB default/web to be deleted but it wasn't"
        )


async def test_a_controller_that_is_killed_leaves_a_status_that_the_next_mends(site: Site):
    await site.pods(3)
    await site.budget(minAvailable=1)
    mortal = MortalClient(site.client, 1)
    async with site.controllers(mortal):

        async def has_died() -> bool:
            return mortal.has_died

        await in_time(site.clock, has_died, "death")
    await site.client.delete(PODS, "web-2", NS, DeleteOptions(grace_period_s=0))
    async with site.controllers():
        await site.until_counted(healthy=2, desired=1, expected=2, allowed=1)
