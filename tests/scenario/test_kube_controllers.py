"""Kubernetes' own controllers on a cluster in memory: real handlers, real watches.

A stand-in for scheduler and agent makes pods ready and lets deleted ones go.
"""

import asyncio
import random
from contextlib import asynccontextmanager

import pytest

from shoal.api.apps import DEPLOYMENTS, REPLICA_SETS
from shoal.api.core import CONFIG_MAPS, ENDPOINTS, NAMESPACES, SERVICE_ACCOUNTS, SERVICES
from shoal.api.discovery import ENDPOINT_SLICES, SERVICE_NAME_LABEL
from shoal.api.node import NODES
from shoal.api.pod import PODS
from shoal.api.status import ApiError
from shoal.base.clock import SystemClock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import DeleteOptions
from shoal.controllers.kube.family import KubeControllers
from shoal.testing.builders import make_node
from shoal.testing.cluster import memory_cluster
from tests.waiting import eventually

NS = "default"
LABELS = {"app": "web"}


@asynccontextmanager
async def controllers(*, ready=True):
    clock = SystemClock()
    async with memory_cluster(clock=clock) as cluster:
        await cluster.client.create(NODES, make_node("n").manifest())
        informers = InformerSet(cluster.client, clock, random.Random(1))
        recorder = EventRecorder(cluster.client, "test", clock)
        family = KubeControllers(cluster.client, informers, lambda component: recorder, clock)
        tasks = [
            asyncio.create_task(run)
            for run in (informers.run(), recorder.run(), family.run(), pods_live(cluster, ready))
        ]
        try:
            yield cluster.client
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def pods_live(cluster, ready):
    """What scheduler and agent would do to pods."""
    async with cluster.client.watch(PODS, send_initial_events=True) as events:
        async for event in events:
            pod = event.object
            if pod is None or event.type == "DELETED":
                continue
            name, namespace = pod.metadata.name, pod.metadata.namespace
            try:
                if pod.is_deleting:
                    gone = DeleteOptions(grace_period_s=0)
                    await cluster.client.delete(PODS, name, namespace, gone)
                elif not pod.spec.node_name:
                    target = {"apiVersion": "v1", "kind": "Node", "name": "n"}
                    await cluster.client.call(PODS, name, "binding", {"target": target}, namespace)
                elif ready and not pod.is_ready:
                    status = {
                        "phase": "Running",
                        "podIP": "127.0.9.9",
                        "conditions": [{"type": "Ready", "status": "True",
                                        "lastTransitionTime": "2026-01-01T00:00:00Z"}],
                    }  # fmt: skip
                    await cluster.client.patch(
                        PODS, name, {"status": status}, namespace, subresource="status"
                    )
            except ApiError as error:
                if not (error.is_not_found or error.is_conflict):
                    raise


def deployment(replicas=3, image="a", name="web", **spec):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {"containers": [{"name": "c", "image": image}]},
            },
            **spec,
        },
    }


async def pods(client, namespace=NS):
    return (await client.list(PODS, namespace)).items


async def is_complete(client, image, replicas=3):
    each = await client.get(DEPLOYMENTS, "web", NS)
    running = await pods(client)
    return (
        each.status.observed_generation == each.metadata.generation
        and each.status.available_replicas == replicas
        and each.status.updated_replicas == replicas
        and len(running) == replicas
        and all(p.spec.containers[0].image == image for p in running)
    )


def condition(each, type):
    return next((c for c in each.status.conditions if c.type == type), None)


async def test_a_deployment_reaches_its_size_and_says_so():
    async with controllers() as client:
        await client.create(DEPLOYMENTS, deployment(), NS)
        await eventually(lambda: is_complete(client, "a"), "three pods")
        each = await client.get(DEPLOYMENTS, "web", NS)
        assert condition(each, "Available").reason == "MinimumReplicasAvailable"
        assert condition(each, "Progressing").reason == "NewReplicaSetAvailable"
        assert each.metadata.annotations["deployment.kubernetes.io/revision"] == "1"


async def test_a_new_template_rolls_over_and_the_old_replica_set_is_kept_as_history():
    async with controllers() as client:
        await client.create(DEPLOYMENTS, deployment(), NS)
        await eventually(lambda: is_complete(client, "a"), "first rollout")
        changed = deployment(image="b")["spec"]
        await client.patch(DEPLOYMENTS, "web", {"spec": changed}, NS)
        await eventually(lambda: is_complete(client, "b"), "second rollout")
        sets = (await client.list(REPLICA_SETS, NS)).items
        sizes = {
            e.metadata.annotations["deployment.kubernetes.io/revision"]: e.spec.replicas
            for e in sets
        }
        assert sizes == {"1": 0, "2": 3}


async def test_going_back_to_an_old_template_gives_it_the_newest_revision():
    async with controllers() as client:
        await client.create(DEPLOYMENTS, deployment(), NS)
        await eventually(lambda: is_complete(client, "a"), "first rollout")
        for image in ("b", "a"):
            await client.patch(DEPLOYMENTS, "web", {"spec": deployment(image=image)["spec"]}, NS)
            await eventually(lambda image=image: is_complete(client, image), image)
        each = await client.get(DEPLOYMENTS, "web", NS)
        assert each.metadata.annotations["deployment.kubernetes.io/revision"] == "3"


async def test_recreate_removes_all_old_pods_before_new_ones_come():
    async with controllers() as client:
        spec = {"strategy": {"type": "Recreate"}}
        await client.create(DEPLOYMENTS, deployment(**spec), NS)
        await eventually(lambda: is_complete(client, "a"), "first rollout")
        images: dict[str, str] = {}
        mixtures = []
        async with client.watch(PODS, NS, send_initial_events=True) as events:
            changed = deployment(image="b", **spec)["spec"]
            await client.patch(DEPLOYMENTS, "web", {"spec": changed}, NS)
            async with asyncio.timeout(20):
                async for event in events:
                    if event.object is None:
                        continue
                    name = event.object.metadata.name
                    if event.type == "DELETED":
                        images.pop(name, None)
                    else:
                        images[name] = event.object.spec.containers[0].image
                    if len(set(images.values())) > 1:
                        mixtures.append(dict(images))
                    if list(images.values()) == ["b"] * 3:
                        break
        assert mixtures == []


async def test_a_rollout_without_ready_pods_stops_at_its_bounds():
    async with controllers(ready=False) as client:
        await client.create(DEPLOYMENTS, deployment(4), NS)

        async def four():
            return len(await pods(client)) == 4

        await eventually(four, "four pods")
        await client.patch(DEPLOYMENTS, "web", {"spec": deployment(4, image="b")["spec"]}, NS)

        async def stuck():
            images = [p.spec.containers[0].image for p in await pods(client)]
            return images.count("b") >= 1 and len(images) <= 5

        await eventually(stuck, "bounded rollout")
        each = await client.get(DEPLOYMENTS, "web", NS)
        assert condition(each, "Available").status == "False"


async def test_scaling_changes_the_replica_set_and_its_pods():
    async with controllers() as client:
        await client.create(DEPLOYMENTS, deployment(), NS)
        await eventually(lambda: is_complete(client, "a"), "three pods")
        for size in (5, 1):
            await client.patch(
                DEPLOYMENTS, "web", {"spec": {"replicas": size}}, NS, subresource="scale"
            )
            await eventually(lambda size=size: is_complete(client, "a", size), f"{size} pods")


async def test_a_deleted_pod_is_replaced():
    async with controllers() as client:
        await client.create(DEPLOYMENTS, deployment(), NS)
        await eventually(lambda: is_complete(client, "a"), "three pods")
        victim = (await pods(client))[0].metadata
        await client.delete(PODS, victim.name, NS)

        async def replaced():
            names = {p.metadata.name for p in await pods(client)}
            return len(names) == 3 and victim.name not in names

        await eventually(replaced, "a replacement")


@pytest.mark.parametrize("propagation", ["Background", "Foreground"])
async def test_deleting_a_deployment_takes_its_replica_sets_and_pods(propagation):
    async with controllers() as client:
        await client.create(DEPLOYMENTS, deployment(), NS)
        await eventually(lambda: is_complete(client, "a"), "three pods")
        await client.delete(DEPLOYMENTS, "web", NS, DeleteOptions(propagation=propagation))

        async def gone():
            left = [
                len((await client.list(kind, NS)).items)
                for kind in (DEPLOYMENTS, REPLICA_SETS, PODS)
            ]
            return left == [0, 0, 0]

        await eventually(gone, "nothing left")


async def test_orphaned_pods_stay_and_are_adopted_again():
    async with controllers() as client:
        await client.create(DEPLOYMENTS, deployment(), NS)
        await eventually(lambda: is_complete(client, "a"), "three pods")
        before = {p.metadata.uid for p in await pods(client)}
        await client.delete(DEPLOYMENTS, "web", NS, DeleteOptions(propagation="Orphan"))

        async def orphaned():
            sets = (await client.list(REPLICA_SETS, NS)).items
            try:
                await client.get(DEPLOYMENTS, "web", NS)
            except ApiError:
                return all(not e.metadata.owner_references for e in sets)
            return False

        await eventually(orphaned, "orphans")
        await client.create(DEPLOYMENTS, deployment(), NS)
        await eventually(lambda: is_complete(client, "a"), "adopted")
        assert {p.metadata.uid for p in await pods(client)} == before


async def test_endpoints_follow_ready_pods():
    async with controllers() as client:
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"selector": LABELS, "ports": [{"port": 80, "targetPort": 8080}]},
        }
        await client.create(SERVICES, service, NS)
        await client.create(DEPLOYMENTS, deployment(2), NS)

        async def two_addresses():
            try:
                each = await client.get(ENDPOINTS, "web", NS)
            except ApiError:
                return False
            return sum(len(s.addresses) for s in each.subsets) == 2

        await eventually(two_addresses, "two addresses")
        await client.delete(SERVICES, "web", NS)

        async def removed():
            return not (await client.list(ENDPOINTS, NS)).items

        await eventually(removed, "endpoints removed")


async def test_endpoint_slices_follow_pods_and_go_with_their_service():
    async with controllers() as client:
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"selector": LABELS, "ports": [{"port": 80, "targetPort": 8080}]},
        }
        await client.create(SERVICES, service, NS)

        async def endpoints():
            of_service = f"{SERVICE_NAME_LABEL}=web"
            found = (await client.list(ENDPOINT_SLICES, NS, label_selector=of_service)).items
            return [each.endpoints for each in found]

        async def there_are(count):
            return [len(each) for each in await endpoints()] == [count]

        await eventually(lambda: there_are(0), "an empty slice")
        await client.create(DEPLOYMENTS, deployment(2), NS)

        async def two_ready():
            return await there_are(2) and all(
                each["conditions"]["ready"] for each in (await endpoints())[0]
            )

        await eventually(two_ready, "two endpoints")
        await client.delete(SERVICES, "web", NS)

        async def removed():
            return await endpoints() == []

        await eventually(removed, "slice removed")


async def test_a_namespace_gets_an_account_and_ends_with_all_it_holds():
    async with controllers() as client:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
        await client.create(NAMESPACES, body)

        async def has_account():
            return (await client.list(SERVICE_ACCOUNTS, "team")).items

        await eventually(has_account, "default account")
        await client.create(DEPLOYMENTS, deployment(2), "team")
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}
        await client.create(CONFIG_MAPS, config, "team")
        await client.delete(NAMESPACES, "team")

        async def gone():
            names = {n.metadata.name for n in (await client.list(NAMESPACES)).items}
            return "team" not in names

        await eventually(gone, "namespace gone")
        assert not await pods(client, "team")
