"""A node agent on an API server in memory and a machine without processes, for tests of agents."""

from shoal.api.core import EVENTS
from shoal.api.pod import PODS
from shoal.api.status import ApiError
from shoal.testing.agent import fake_machine_agent
from tests.waiting import eventually

NS = "default"


class World:
    def __init__(self, client, machine, clock, pods_dir) -> None:
        self.client = client
        self.machine = machine
        self.clock = clock
        self.pods_dir = pods_dir

    def agent(self, **options):
        return fake_machine_agent(self.client, self.machine, self.pods_dir, **options)

    async def create(self, name, *containers, node="node-0", **spec):
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {"nodeName": node, "containers": list(containers), **spec},
        }
        return await self.client.create(PODS, body, NS)

    async def get(self, name):
        return await self.client.get(PODS, name, NS)

    async def until(self, condition, what="the condition"):
        """Wait, in real time and without letting virtual time pass."""
        return await eventually(condition, what)

    async def until_pod(self, name, condition):
        async def look():
            pod = await self.get(name)
            return pod if condition(pod) else None

        return await self.until(look)

    async def until_phase(self, name, phase):
        return await self.until_pod(name, lambda pod: pod.status.phase == phase)

    async def until_gone(self, name):
        async def look():
            try:
                await self.get(name)
            except ApiError as error:
                return error.is_not_found
            return False

        await self.until(look)

    async def events(self, reason):
        events = await self.client.list(EVENTS, NS)
        return [event.message for event in events.items if event.reason == reason]

    async def until_event(self, reason):
        return await self.until(lambda: self.events(reason))


def run(*argv, name="c", **more):
    return {"name": name, "image": "img", "command": list(argv), **more}


async def settled(is_so):
    return is_so
