"""Pods of a job find each other: from the objects of the plugins to the hosts files."""

import asyncio
import copy
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shoal.api.core import CONFIG_MAPS, SECRETS, SERVICES
from shoal.api.pod import PODS
from shoal.api.resource import Resource
from shoal.api.volcano.job import Job
from shoal.base.clock import VirtualClock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import Client
from shoal.controllers.kube.family import KubeControllers
from shoal.controllers.volcano.job_plugins.plugin import PodContext
from shoal.controllers.volcano.job_plugins.ssh_keys import KeyPair
from shoal.controllers.volcano.job_plugins.table import PLUGINS, build_plugins
from shoal.testing.agent import fake_machine_agent
from shoal.testing.cluster import memory_cluster
from shoal.testing.runtime import FakeMachine
from shoal.testing.volcano import make_job
from tests.waiting import eventually

NS = "default"
POLICIES: Resource[dict[str, Any]] = Resource(
    "networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", dict
)
RESOURCES: dict[str, Resource[Any]] = {
    each.kind: each for each in (CONFIG_MAPS, SECRETS, SERVICES, POLICIES)
}
NEVER_READY = {"exec": {"command": ["false"]}}


class World:
    def __init__(self, client: Client, machine: FakeMachine, clock: VirtualClock) -> None:
        self.client = client
        self.machine = machine
        self.clock = clock

    async def create(self, job: Job) -> None:
        """The job's pods and the objects beside them, as its controller would."""
        plugins = build_plugins(job, lambda: KeyPair("private", "public"))
        for plugin in plugins:
            for manifest in plugin.objects(job):
                await self.client.create(RESOURCES[manifest["kind"]], manifest, NS)
        labels = {"volcano.sh/job-name": job.metadata.name, "volcano.sh/job-namespace": NS}
        for task in job.spec.tasks:
            for index in range(task.replicas):
                name = f"{job.metadata.name}-{task.name}-{index}"
                spec = {**copy.deepcopy(task.template["spec"]), "nodeName": "node-0"}
                metadata: dict[str, Any] = {"name": name, "labels": labels}
                pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
                for plugin in plugins:
                    plugin.on_pod(pod, PodContext(job=job, task=task, task_index=index))
                await self.client.create(PODS, pod, NS)

    async def until_named(self, where: str, names: set[str]) -> None:
        """Until the hosts file of that pod has these names below the job's, and no others."""

        async def look() -> bool:
            await self.clock.advance(1)
            text = next((p.hosts_text for p in self.machine.pods.values() if p.name == where), "")
            return {word for word in text.split() if word.endswith(".j")} == names

        await eventually(look, f"{where} knows {names}")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = VirtualClock()
    machine = FakeMachine(clock)
    async with memory_cluster(clock=clock) as cluster:
        informers = InformerSet(cluster.client, clock, random.Random(1))
        recorder = EventRecorder(cluster.client, "test", clock)
        family = KubeControllers(cluster.client, informers, lambda component: recorder, clock)
        async with fake_machine_agent(cluster.client, machine, tmp_path / "pods"):
            tasks = [
                asyncio.ensure_future(run)
                for run in (informers.run(), recorder.run(), family.run())
            ]
            yield World(cluster.client, machine, clock)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def job_with(probe: dict[str, Any] | None, plugins: dict[str, list[str]]) -> Job:
    """A master, and two workers that are ready where the probe says so."""
    worker = {"name": "main", "image": "app", "command": ["serve"]}
    if probe is not None:
        worker |= {"readinessProbe": probe}
    template = {"spec": {"containers": [worker]}}
    master = {"spec": {"containers": [{**worker, "readinessProbe": None}]}}
    job = make_job("j").task("master", 1, template=master).task("worker", 2, template=template)
    return job.spec(plugins=plugins).obj()


async def test_pods_of_a_job_have_each_others_names(world: World) -> None:
    await world.create(job_with(None, {"svc": []}))
    hosts = {"j-master-0.j", "j-worker-0.j", "j-worker-1.j"}
    await world.until_named("j-master-0", hosts)
    await world.client.delete(PODS, "j-worker-1", NS)
    await world.until_named("j-master-0", hosts - {"j-worker-1.j"})


async def test_pods_that_are_not_ready_have_no_names(world: World) -> None:
    await world.create(job_with(NEVER_READY, {"svc": []}))
    await world.until_named("j-worker-0", {"j-master-0.j"})


async def test_pods_that_are_not_ready_are_published_where_the_job_says_so(world: World) -> None:
    await world.create(job_with(NEVER_READY, {"svc": ["--publish-not-ready-addresses=true"]}))
    hosts = {"j-master-0.j", "j-worker-0.j", "j-worker-1.j"}
    await world.until_named("j-worker-0", hosts)


async def test_the_server_takes_what_all_plugins_together_make(world: World) -> None:
    await world.create(job_with(None, {name: [] for name in PLUGINS}))
    assert {p.metadata.name for p in (await world.client.list(PODS, NS)).items} == {
        "j-master-0", "j-worker-0", "j-worker-1",
    }  # fmt: skip
    (policy,) = (await world.client.list(POLICIES, NS)).items
    assert policy["spec"]["policyTypes"] == ["Ingress"]
