"""Orphans and who takes them: an owner is asked for before it gets anything, as what a controller
has seen of it may be old."""

import pytest

from shoal.api.apps import (
    CONTROLLER_REVISIONS,
    DAEMON_SETS,
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
)
from shoal.api.batch import JOBS
from shoal.api.pod import PODS
from shoal.client.protocol import DeleteOptions
from shoal.controllers.kube.daemon_set import daemon_set_controller
from shoal.controllers.kube.deployment import deployment_controller
from shoal.controllers.kube.job_controller import job_controllers
from shoal.controllers.kube.replica_set import replica_set_controller
from shoal.controllers.kube.stateful_set import stateful_set_controller
from tests.lagging import LaggingClient
from tests.workload_site import LABELS, NS, site, template, workload


def job_controller(*args):
    return job_controllers(*args)[0]


def manifest(resource, **spec):
    if resource in (DAEMON_SETS, STATEFUL_SETS):
        return workload(resource.kind, updateStrategy={"type": "OnDelete"}, **spec)
    if resource is not JOBS:
        return workload(resource.kind)
    once = template("a")
    once["spec"]["restartPolicy"] = "Never"
    return {
        "metadata": {"name": "web"},
        "spec": {"manualSelector": True, "selector": {"matchLabels": LABELS}, "template": once},
    }


def without_pods(resource):
    """A StatefulSet gives its pods the name of the orphan."""
    return manifest(resource, **({"replicas": 0} if resource is STATEFUL_SETS else {}))


async def make_orphan(each, resource):
    if resource is not DEPLOYMENTS:
        spec = template("a")["spec"] | {"nodeName": "n"}
        body = {"metadata": {"name": "web-0", "labels": LABELS}, "spec": spec}
        return await each.client.create(PODS, body, NS)
    body = workload("ReplicaSet", name="web-0")
    body["metadata"]["labels"] = LABELS
    return await each.client.create(REPLICA_SETS, body, NS)


async def controller_of_orphan(each, resource):
    kind = REPLICA_SETS if resource is DEPLOYMENTS else PODS
    return (await each.client.get(kind, "web-0", NS)).metadata.controller


OWNERS = [
    (REPLICA_SETS, replica_set_controller),
    (DAEMON_SETS, daemon_set_controller),
    (STATEFUL_SETS, stateful_set_controller),
    (DEPLOYMENTS, deployment_controller),
    (JOBS, job_controller),
]
each_owner = pytest.mark.parametrize(
    ("resource", "controller"), OWNERS, ids=[resource.kind for resource, _ in OWNERS]
)


@each_owner
async def test_an_orphan_is_adopted(resource, controller):
    async with site() as each:
        await make_orphan(each, resource)
        owner = await each.client.create(resource, manifest(resource), NS)
        async with each.controllers(controller):

            async def is_adopted():
                found = await controller_of_orphan(each, resource)
                return found is not None and found.uid == owner.metadata.uid

            await each.until(is_adopted, "an owner")


@each_owner
async def test_nobody_adopts_in_the_name_of_an_owner_that_has_been_made_anew(resource, controller):
    async with site() as each:
        await each.client.create(resource, without_pods(resource), NS)
        lagging = LaggingClient(each.client, resource)
        async with each.controllers(controller, client=lagging):
            await each.settle(4)
            await each.client.delete(resource, "web", NS, DeleteOptions(propagation="Background"))
            await each.client.create(resource, without_pods(resource), NS)
            await make_orphan(each, resource)
            await each.settle(8)
            assert await controller_of_orphan(each, resource) is None


@each_owner
async def test_an_owner_on_its_way_out_adopts_nothing(resource, controller):
    async with site() as each:
        await each.client.create(resource, without_pods(resource), NS)
        lagging = LaggingClient(each.client, resource)
        async with each.controllers(controller, client=lagging):
            await each.settle(4)
            # It waits for somebody to set its dependents free.
            await each.client.delete(resource, "web", NS, DeleteOptions(propagation="Orphan"))
            await make_orphan(each, resource)
            await each.settle(8)
            assert await controller_of_orphan(each, resource) is None


async def test_the_status_of_a_former_set_is_not_written_into_the_next():
    async with site() as each:
        await each.client.create(REPLICA_SETS, manifest(REPLICA_SETS), NS)
        lagging = LaggingClient(each.client, REPLICA_SETS)
        async with each.controllers(replica_set_controller, client=lagging):
            await each.client.delete(
                REPLICA_SETS, "web", NS, DeleteOptions(propagation="Background")
            )
            await each.client.create(REPLICA_SETS, manifest(REPLICA_SETS), NS)
            await each.settle(8)
            assert (await each.client.get(REPLICA_SETS, "web", NS)).status.replicas == 0


async def test_a_replica_set_that_comes_without_an_owner_is_adopted():
    async with site() as each:
        owner = await each.client.create(DEPLOYMENTS, manifest(DEPLOYMENTS), NS)
        async with each.controllers(deployment_controller):
            await each.settle(4)
            await make_orphan(each, DEPLOYMENTS)

            async def is_adopted():
                found = await controller_of_orphan(each, DEPLOYMENTS)
                return found is not None and found.uid == owner.metadata.uid

            await each.until(is_adopted, "an owner")


async def test_revisions_of_a_former_set_are_left_to_the_set_that_is_there():
    async with site() as each:
        await each.client.create(DAEMON_SETS, workload("DaemonSet"), NS)
        lagging = LaggingClient(each.client, DAEMON_SETS)
        async with each.controllers(daemon_set_controller, client=lagging):
            await each.settle(4)
            gone = DeleteOptions(propagation="Background")
            await each.client.delete(DAEMON_SETS, "web", NS, gone)
            await each.client.create(DAEMON_SETS, workload("DaemonSet"), NS)
            body = {"metadata": {"name": "old", "labels": LABELS}, "revision": 7, "data": {}}
            await each.client.create(CONTROLLER_REVISIONS, body, NS)
            await make_orphan(each, DAEMON_SETS)
            await each.settle(8)
            found = await each.client.get(CONTROLLER_REVISIONS, "old", NS)
            assert found.metadata.controller is None


@pytest.mark.parametrize(
    ("resource", "controller"),
    [(DAEMON_SETS, daemon_set_controller), (STATEFUL_SETS, stateful_set_controller)],
    ids=["DaemonSet", "StatefulSet"],
)
async def test_a_set_made_anew_takes_up_the_revision_that_it_has_not_seen_yet(resource, controller):
    async with site() as each:
        lagging = LaggingClient(each.client, CONTROLLER_REVISIONS)
        async with each.controllers(controller, client=lagging):
            await each.client.create(resource, without_pods(resource), NS)
            await each.settle(4)
            (kept,) = (await each.client.list(CONTROLLER_REVISIONS, NS)).items
            await each.client.delete(resource, "web", NS, DeleteOptions(propagation="Background"))
            free = {"metadata": {"ownerReferences": []}}
            await each.client.patch(CONTROLLER_REVISIONS, kept.metadata.name, free, NS)
            anew = await each.client.create(resource, without_pods(resource), NS)
            await each.settle(8)
            (found,) = (await each.client.list(CONTROLLER_REVISIONS, NS)).items
            assert found.metadata.uid == kept.metadata.uid
            assert found.metadata.controller.uid == anew.metadata.uid
