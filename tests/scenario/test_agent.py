"""The node agent on an API server in memory and a machine without processes."""

from dataclasses import replace

import pytest

from shoal.agent.node_context import NodeConfig
from shoal.agent.runtime.protocol import ContainerKey, ExecResult
from shoal.api.core import CONFIG_MAPS, ENDPOINTS, LEASES, SERVICES
from shoal.api.node import NODES
from shoal.api.pod import PODS
from shoal.base.clock import VirtualClock
from shoal.client.protocol import DeleteOptions
from shoal.testing.cluster import memory_cluster
from shoal.testing.runtime import FakeMachine, read_command
from tests.agent_site import World, run, settled

NS = "default"


HEADLESS = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "job"},
    "spec": {"clusterIP": "None", "selector": {"app": "a"}},
}


def endpoints_of_job(*addresses):
    """Of `HEADLESS`; `addresses` are (ip, hostname)."""
    subset = {"addresses": [{"ip": ip, "hostname": name} for ip, name in addresses]}
    metadata = {"name": "job"}
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": [subset]}


@pytest.fixture
async def world(tmp_path):
    clock = VirtualClock()
    async with memory_cluster(clock=clock) as cluster:
        yield World(cluster.client, FakeMachine(clock), clock, tmp_path / "pods")


async def test_a_node_appears_with_what_it_offers(world):
    async with world.client.watch(NODES, send_initial_events=True) as events, world.agent():
        async for event in events:
            if event.object is not None:
                break
    assert event.object.status.allocatable["pods"] == "110"


async def test_a_pod_runs_to_its_end(world):
    async with world.agent():
        await world.create("p", run("sleep", "5"), restartPolicy="Never")
        pod = await world.until_phase("p", "Running")
        status = pod.status.container_statuses[0]
        assert pod.is_ready and status.started and status.ready
        assert pod.status.pod_ip.startswith("127.") and pod.status.host_ip == "127.0.0.1"
        assert pod.status.qos_class == "BestEffort"
        await world.clock.advance(5)
        pod = await world.until_phase("p", "Succeeded")
        terminated = pod.status.container_statuses[0].state.terminated
        assert (terminated.exit_code, terminated.reason) == (0, "Completed")
        assert await world.until_event("Started") == ["Container started"]


async def test_a_failing_pod_tells_its_exit_code(world):
    async with world.agent():
        await world.create("p", run("sh", "-c", "exit 7"), restartPolicy="Never")
        pod = await world.until_phase("p", "Failed")
        assert pod.status.container_statuses[0].state.terminated.exit_code == 7


async def test_a_crashing_container_backs_off(world):
    async with world.agent():
        await world.create("p", run("false"))

        def backs_off(pod):
            statuses = pod.status.container_statuses
            waiting = statuses[0].state.waiting if statuses else None
            return waiting is not None and waiting.reason == "CrashLoopBackOff"

        # A virtual second lets the containers that run for no time at all end.
        await world.until_pod("p", lambda pod: pod.status.container_statuses)
        pod = await world.until_pod("p", backs_off)
        assert pod.status.phase == "Running"
        assert pod.status.container_statuses[0].restart_count == 1
        await world.clock.advance(10)
        pod = await world.until_pod(
            "p", lambda pod: pod.status.container_statuses[0].restart_count == 2
        )


async def test_a_deleted_pod_is_told_to_stop_and_then_gone(world):
    async with world.agent() as agent:
        await world.create("p", run("serve"))
        pod = await world.until_phase("p", "Running")
        await world.client.delete(PODS, "p", NS)
        await world.until_gone("p")
        assert world.machine.running() == []
        assert pod.metadata.uid not in world.machine.pods
        await world.until(lambda: settled(agent.pod_count == 0))


async def test_a_pod_that_ignores_the_signal_is_killed_after_its_grace(world):
    world.machine.behave = lambda spec: replace(read_command(spec.argv), ignores_term=True)
    async with world.agent():
        await world.create("p", run("serve"), terminationGracePeriodSeconds=30)
        await world.until_phase("p", "Running")
        await world.client.delete(PODS, "p", NS)
        await world.until_event("Killing")
        await world.clock.advance(29)
        assert len(world.machine.running()) == 1
        await world.clock.advance(1)
        await world.until_gone("p")


async def test_a_pod_deleted_by_force_leaves_nothing_behind(world):
    async with world.agent():
        await world.create("p", run("serve"))
        await world.until_phase("p", "Running")
        await world.client.delete(PODS, "p", NS, DeleteOptions(grace_period_s=0))
        await world.until(lambda: settled(world.machine.pods == {}))
        assert world.machine.running() == []


async def test_a_restarted_agent_finds_its_containers_and_starts_none_twice(world):
    async with world.agent():
        pods = [await world.create(f"p{i}", run("sleep", "60"), restartPolicy="Never")
                for i in range(5)]  # fmt: skip
        for i in range(5):
            await world.until_phase(f"p{i}", "Running")
        address = (await world.get("p0")).status.pod_ip
    # Two end while nobody looks.
    for pod, code in ((pods[0], 0), (pods[1], 3)):
        world.machine.finish(ContainerKey(pod.metadata.uid, "c", 0), code)
    async with world.agent():
        await world.until_phase("p0", "Succeeded")
        failed = await world.until_phase("p1", "Failed")
        assert failed.status.container_statuses[0].state.terminated.exit_code == 3
        await world.clock.advance(60)
        for i in range(2, 5):
            await world.until_phase(f"p{i}", "Succeeded")
        assert (await world.get("p0")).status.pod_ip == address
    assert len(world.machine.starts) == len(set(world.machine.starts)) == 5


async def test_what_is_left_of_pods_deleted_meanwhile_is_removed(world):
    async with world.agent():
        await world.create("p", run("serve"))
        await world.until_phase("p", "Running")
    await world.client.delete(PODS, "p", NS, DeleteOptions(grace_period_s=0))
    async with world.agent():
        await world.until(lambda: settled(world.machine.pods == {}))
    assert world.machine.running() == []


async def test_a_missing_config_map_is_waited_for(world):
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}}]
    async with world.agent():
        await world.create("p", run("serve", env=env))

        def waits(pod):
            statuses = pod.status.container_statuses
            waiting = statuses[0].state.waiting if statuses else None
            return waiting is not None and waiting.message == 'configmap "cm" not found'

        pod = await world.until_pod("p", waits)
        assert pod.status.container_statuses[0].state.waiting.reason == (
            "CreateContainerConfigError"
        )
        await world.client.create(CONFIG_MAPS, {"metadata": {"name": "cm"}, "data": {"k": "v"}}, NS)
        await world.clock.advance(10)
        pod = await world.until_phase("p", "Running")
        spec = world.machine.containers[ContainerKey(pod.metadata.uid, "c", 0)].spec
        assert spec.env["A"] == "v"


async def test_a_missing_volume_is_an_event_and_then_a_file_that_follows_changes(world):
    volumes = [{"name": "v", "configMap": {"name": "cm"}}]
    mounts = [{"name": "v", "mountPath": "/etc/cm"}]
    async with world.agent():
        await world.create("p", run("serve", volumeMounts=mounts), volumes=volumes)
        assert await world.until_event("FailedMount") == [
            'MountVolume.SetUp failed for volume "v" : configmap "cm" not found'
        ]
        body = {"metadata": {"name": "cm"}, "data": {"k": "one"}}
        await world.client.create(CONFIG_MAPS, body, NS)
        await world.clock.advance(1)
        pod = await world.until_phase("p", "Running")
        file = world.pods_dir / pod.metadata.uid / "volumes" / "v" / "k"
        assert file.read_text() == "one"
        await world.client.patch(CONFIG_MAPS, "cm", {"data": {"k": "two"}}, NS)
        await world.clock.advance(60)
        await world.until(lambda: settled(file.read_text() == "two"))


async def test_an_image_that_nobody_maps_is_said_so(world):
    async with world.agent():
        await world.create("p", {"name": "c", "image": "who/knows:1"})

        def waits(pod):
            statuses = pod.status.container_statuses
            waiting = statuses[0].state.waiting if statuses else None
            return waiting is not None and waiting.reason == "NoImageCommand"

        pod = await world.until_pod("p", waits)
        assert "who/knows:1" in pod.status.container_statuses[0].state.waiting.message


async def test_readiness_follows_the_probe(world):
    answers = {"code": 1}
    world.machine.answer = lambda key, argv: ExecResult(exit_code=answers["code"], output="no")
    probe = {"exec": {"command": ["check"]}, "periodSeconds": 5, "failureThreshold": 1}
    async with world.agent():
        await world.create("p", run("serve", readinessProbe=probe))
        pod = await world.until_phase("p", "Running")
        assert not pod.is_ready
        assert await world.until_event("Unhealthy") == ["Readiness probe failed: no"]
        answers["code"] = 0
        await world.clock.advance(5)
        await world.until_pod("p", lambda pod: pod.is_ready)
        answers["code"] = 1
        await world.clock.advance(5)
        pod = await world.until_pod("p", lambda pod: not pod.is_ready)
        ready = next(c for c in pod.status.conditions if c.type == "Ready")
        assert ready.reason == "ContainersNotReady"
        assert ready.message == "containers with unready status: [c]"


async def test_pods_get_the_service_account_token_unasked(world):
    async with world.agent():
        await world.create("p", run("serve"))
        pod = await world.until_phase("p", "Running")
        spec = world.machine.containers[ContainerKey(pod.metadata.uid, "c", 0)].spec
        [mount] = spec.mounts
        assert mount.target == "/var/run/secrets/kubernetes.io/serviceaccount"
        assert (mount.source / "ca.crt").read_bytes() == b"CA"
        assert (mount.source / "namespace").read_text() == NS
        assert (mount.source / "token").read_text()


async def test_several_virtual_nodes_register_and_run_their_own_pods(world):
    nodes = [NodeConfig(name=f"n{i}", resources={"cpu": "1", "nvidia.com/gpu": "2"})
             for i in range(3)]  # fmt: skip
    async with world.agent(nodes=nodes):
        for i in range(3):
            await world.create(f"p{i}", run("serve"), node=f"n{i}")
            await world.until_phase(f"p{i}", "Running")
        await world.create("other", run("serve"), node="elsewhere")

        async def leased():
            return len((await world.client.list(LEASES, "kube-node-lease")).items) == 3

        await world.until(leased)
        node = await world.client.get(NODES, "n1")
        assert node.status.allocatable["nvidia.com/gpu"] == "2"
        ready = next(c for c in node.status.conditions if c.type == "Ready")
        assert ready.status == "True"
        before = (await world.client.get(LEASES, "n1", "kube-node-lease")).spec.renew_time
        await world.clock.advance(10)

        async def renewed():
            lease = await world.client.get(LEASES, "n1", "kube-node-lease")
            return lease.spec.renew_time > before

        await world.until(renewed)
        assert (await world.get("other")).status.phase == "Pending"


async def test_two_hundred_pods_at_once_all_run(world):
    async with world.agent():
        for i in range(200):
            await world.create(f"p{i}", run("serve"))

        async def all_run():
            pods = await world.client.list(PODS, NS)
            return all(pod.status.phase == "Running" for pod in pods.items)

        await world.until(all_run)
    assert len(world.machine.starts) == len(set(world.machine.starts)) == 200


async def test_names_of_a_headless_service_come_to_pods_that_run_and_go_again(world):
    async with world.agent():
        await world.create("p", run("serve"))
        pod = await world.until_phase("p", "Running")
        await world.client.create(SERVICES, HEADLESS, NS)
        await world.client.create(ENDPOINTS, endpoints_of_job(("127.9.9.9", "w-0")), NS)

        async def until_named(is_named):
            async def look():
                await world.clock.advance(1)
                text = world.machine.pods[pod.metadata.uid].hosts_text
                return ("127.9.9.9\tw-0.job.default" in text) == is_named

            await world.until(look, f"named: {is_named}")

        await until_named(True)
        await world.client.patch(ENDPOINTS, "job", {"subsets": None}, NS)
        await until_named(False)


async def test_a_restarted_agent_brings_hosts_up_to_date(world):
    async with world.agent():
        await world.create("p", run("serve"))
        pod = await world.until_phase("p", "Running")
    await world.client.create(SERVICES, HEADLESS, NS)
    await world.client.create(ENDPOINTS, endpoints_of_job(("127.9.9.9", "w-0")), NS)
    async with world.agent():
        await world.until(
            lambda: "\tw-0.job\t" in world.machine.pods[pod.metadata.uid].hosts_text, "the name"
        )


async def test_a_pod_that_is_over_needs_nothing_of_the_machine_but_its_records(world):
    async with world.agent():
        runs = await world.create("runs", run("sleep", "5"), restartPolicy="Never")
        over = await world.create("over", run("true"), restartPolicy="Never")
        await world.until_phase("over", "Succeeded")
        await world.until_phase("runs", "Running")
        await world.until(lambda: over.metadata.uid in world.machine.released)
        assert runs.metadata.uid not in world.machine.released
        assert over.metadata.uid in world.machine.pods


async def test_a_pod_that_was_over_when_its_agent_was_killed_is_released_by_the_next(world):
    async with world.agent():
        over = await world.create("over", run("true"), restartPolicy="Never")
        await world.until_phase("over", "Succeeded")
    world.machine.released.clear()
    async with world.agent():
        await world.until(lambda: over.metadata.uid in world.machine.released)
