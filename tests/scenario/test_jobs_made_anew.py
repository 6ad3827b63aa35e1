"""A Job that takes the name of another has nothing of its past."""

import asyncio
import random

from shoal.api.batch import JOBS
from shoal.api.meta import timestamp
from shoal.api.pod import PODS
from shoal.base.clock import VirtualClock
from shoal.client.events import EventRecorder
from shoal.client.informer import InformerSet
from shoal.client.protocol import DeleteOptions
from shoal.controllers.kube.job_controller import job_controllers
from shoal.testing.builders import make_batch_job
from shoal.testing.cluster import memory_cluster

NS = "default"


async def settle():
    for _ in range(300):
        await asyncio.sleep(0)


async def test_failures_of_a_former_job_of_the_name_delay_nothing():
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        client = cluster.client
        # News are handed over by hand: the end of one job and the next come at a time.
        informers = InformerSet(client, clock, random.Random(0))
        recorder = EventRecorder(client, "test", clock)
        controller, _ = job_controllers(client, informers, recorder, clock)
        jobs, pods = informers.informer(JOBS), informers.informer(PODS)
        running = asyncio.create_task(controller.run())
        jobs.replace([await client.create(JOBS, make_batch_job().manifest(), NS)])
        await settle()
        [pod] = (await client.list(PODS, NS)).items
        ready = {"type": "Ready", "status": "False", "lastTransitionTime": timestamp(clock.now())}
        status = {"status": {"phase": "Failed", "conditions": [ready]}}
        name = pod.metadata.name
        pods.replace([await client.patch(PODS, name, status, NS, subresource="status")])
        await settle()
        assert (await client.get(JOBS, "j", NS)).status.failed == 1
        await client.delete(PODS, name, NS, DeleteOptions(grace_period_s=0))
        await client.delete(JOBS, "j", NS, DeleteOptions(propagation="Background"))
        anew = await client.create(JOBS, make_batch_job().manifest(), NS)
        pods.replace([])
        jobs.replace([anew])
        await settle()
        [made] = (await client.list(PODS, NS)).items
        assert made.metadata.controller.uid == anew.metadata.uid
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
