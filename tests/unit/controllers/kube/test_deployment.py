"""The Deployment reconciler against what its informers have not shown it yet."""

import pytest

from shoal.api.apps import DEPLOYMENTS, REPLICA_SETS
from shoal.api.meta import ObjectKey
from shoal.api.status import ApiError
from shoal.base.clock import VirtualClock
from shoal.client.events import EventRecorder
from shoal.client.indexer import Indexer
from shoal.client.informer import Lister
from shoal.controllers.kube.deployment import DeploymentReconciler
from shoal.testing.cluster import memory_cluster

KEY = ObjectKey("default", "web")
LABELS = {"app": "web"}
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": LABELS},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {"containers": [{"name": "c", "image": "a"}]},
        },
    },
}


async def test_a_replica_set_that_has_changed_meanwhile_is_not_resized():
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        client = cluster.client
        deployments, replica_sets = Indexer(), Indexer()
        reconciler = DeploymentReconciler(
            client, Lister(deployments), Lister(replica_sets), Lister(Indexer()),
            EventRecorder(client, "test", clock), clock,
        )  # fmt: skip
        deployments.set(KEY, await client.create(DEPLOYMENTS, DEPLOYMENT, "default"))
        await reconciler.reconcile(KEY)
        [seen] = (await client.list(REPLICA_SETS, "default")).items
        replica_sets.set(seen.metadata.key, seen)
        await client.patch(REPLICA_SETS, seen.metadata.name, {"spec": {"replicas": 2}}, "default")
        grown = await client.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 5}}, "default")
        deployments.set(KEY, grown)
        with pytest.raises(ApiError) as refused:
            await reconciler.reconcile(KEY)
        assert refused.value.is_conflict
        [kept] = (await client.list(REPLICA_SETS, "default")).items
        assert kept.spec.replicas == 2
