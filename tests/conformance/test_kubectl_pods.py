"""What kubectl shows of pods that run, wait and fail: get, describe, logs, events, wait."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from shoal.client.protocol import Client
from tests.conformance import standing
from tests.kubectl import OF_THE_WHEEL, Kubectl
from tests.plane import Plane
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.xdist_group("kubectl-pods"),
]
ADDRESS = r"(127|10)\.\d+\.\d+\.\d+"
"""Of a pod, by whether it has a network of its own."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pods(up: Plane, homes: Path) -> AsyncIterator[None]:
    """All of `standing`, at rest."""
    kubectl = Kubectl(OF_THE_WHEEL, up.kubeconfig, homes)
    await kubectl("create", "namespace", standing.NAMESPACE)
    kubectl = kubectl.in_namespace(standing.NAMESPACE)
    await kubectl("apply", "-f", "-", stdin=standing.PODS)
    await at_rest(kubectl)
    await kubectl("rollout", "status", "deploy/web")
    yield
    await kubectl("delete", "namespace", standing.NAMESPACE, "--wait=false")


async def rows(kubectl: Kubectl, *words: str) -> dict[str, list[str]]:
    """The cells of a table by the first of each row."""
    lines = (await kubectl("get", *words, "--no-headers")).splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


async def at_rest(kubectl: Kubectl) -> dict[str, list[str]]:
    """The rows of all pods. A container that is started again is for a moment in no back-off."""

    async def as_expected() -> dict[str, list[str]] | None:
        seen = await rows(kubectl, "pods")
        is_so = all(seen[name][:2] == list(state) for name, state in standing.STATES.items())
        return seen if is_so else None

    return await eventually(as_expected, pause_s=SLOW_PAUSE_S)


@pytest.fixture
def kubectl(kubectl_up_ends: Kubectl, pods: None) -> Kubectl:
    return kubectl_up_ends.in_namespace(standing.NAMESPACE)


@pytest.fixture
def every_kubectl(kubectl_up: Kubectl, pods: None) -> Kubectl:
    return kubectl_up.in_namespace(standing.NAMESPACE)


async def test_it_lists_pods_with_their_states_and_restarts(every_kubectl: Kubectl):
    kubectl = every_kubectl
    seen = await at_rest(kubectl)
    assert int(seen["crashing"][2]) >= 1
    wide = await rows(kubectl, "pods", "talker", "-o", "wide")
    address, node = wide["talker"][4:6]
    assert re.fullmatch(ADDRESS, address)
    assert node in await rows(kubectl, "nodes")
    running = await rows(kubectl, "pods", "--field-selector", "status.phase=Running")
    assert "talker" in running and "done" not in running
    assert len(await rows(kubectl, "pods", "-l", "app=web")) == 2
    sorted_names = await kubectl("get", "pods", "--sort-by=.metadata.name", "-o", "name")
    # kubectl takes digits for numbers, and names that are made up may begin with some.
    given = [each for each in sorted_names.split() if not each.startswith("pod/web-")]
    assert given == sorted(given)


async def test_it_shows_a_deployment_its_replica_set_and_its_service(kubectl: Kubectl):
    assert (await rows(kubectl, "deploy"))["web"][:3] == ["2/2", "2", "2"]
    [(name, cells)] = (await rows(kubectl, "rs")).items()
    assert name.startswith("web-") and cells[:3] == ["2", "2", "2"]
    addresses = (await rows(kubectl, "endpoints"))["web"][0].split(",")
    assert all(re.fullmatch(f"{ADDRESS}:8080", each) for each in addresses)
    assert len(addresses) == 2
    described = await kubectl("describe", "service", "web")
    [shown] = re.findall(r"^Endpoints:\s+(\S+)$", described, re.MULTILINE)
    assert sorted(shown.split(",")) == sorted(addresses)
    [(name, cells)] = (await rows(kubectl, "endpointslices")).items()
    assert name.startswith("web-") and cells[:2] == ["IPv4", "8080"]


async def test_it_describes_pods(every_kubectl: Kubectl):
    kubectl = every_kubectl
    pair, done, crashing, huge = await asyncio.gather(
        *(kubectl("describe", "pod", name) for name in ("pair", "done", "crashing", "huge"))
    )
    assert "Init Containers:\n  side:\n    Container ID:" in pair
    assert "/data from data (ro)" in pair
    assert re.search(r"first:[^$]*Reason:\s+Completed[^$]*one:", pair)
    assert re.search(r"State: +Running\n +Started: ", pair)
    assert re.search(r"Message: +bye\n", done)
    assert re.search(r"Last State: +Terminated\n +Reason: +Error\n +Exit Code: +7", crashing)
    assert re.search(r"BackOff .*kubelet .*Back-off restarting failed container main", crashing)
    assert "0/2 nodes are available: 2 Insufficient cpu." in huge
    assert re.search(r"PodScheduled +False", huge)


async def test_it_describes_nodes_and_deployments(kubectl: Kubectl):
    node = await kubectl("get", "pod", "talker", "-o", "jsonpath={.spec.nodeName}")
    described, deployment = await asyncio.gather(
        kubectl("describe", "node", node), kubectl("describe", "deployment", "web")
    )
    assert re.search(r"Ready +True .* KubeletReady", described)
    assert re.search(r"Capacity:\n +cpu: +8\n", described)
    assert re.search(rf"{standing.NAMESPACE} +talker ", described)
    assert "Replicas:               2 desired | 2 updated | 2 total | 2 available" in deployment
    assert re.search(r"NewReplicaSet: +web-\w+ \(2/2 replicas created\)", deployment)
    assert re.search(r"Scaled up replica set web-\w+ from 0 to 2", deployment)


async def test_it_prints_logs_in_every_selection(every_kubectl: Kubectl):
    kubectl = every_kubectl
    everything, tail, old, new, some = await asyncio.gather(
        kubectl("logs", "talker"),
        kubectl("logs", "talker", "--tail=2"),
        kubectl("logs", "talker", "--since=1h", "--tail=1"),
        kubectl("logs", "talker", "--since-time=2100-01-01T00:00:00Z"),
        kubectl("logs", "pod/talker", "--limit-bytes=6"),
    )
    assert everything.split("\n") == [*(f"line {i}" for i in range(1, 6)), ""]
    assert (tail, old, new, some) == ("line 4\nline 5\n", "line 5\n", "", "line 1")
    stamped = await kubectl("logs", "talker", "--timestamps", "--tail=1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z line 5\n", stamped)


async def test_it_prints_logs_of_each_container_and_attempt(every_kubectl: Kubectl):
    kubectl = every_kubectl
    one, first, side, before = await asyncio.gather(
        kubectl("logs", "pair", "-c", "one"),
        kubectl("logs", "pair", "-c", "first"),
        kubectl("logs", "pair", "-c", "side"),
        kubectl("logs", "crashing", "--previous"),
    )
    assert (one, first, side, before) == ("prepared\n", "f\n", "s\n", "attempt\n")
    by_label, both, of_deployment = await asyncio.gather(
        kubectl("logs", "-l", "app=talker", "--tail=1", "--prefix"),
        kubectl("logs", "pair", "--all-containers", "--prefix"),
        kubectl.run("logs", "deploy/web", "--tail=1"),
    )
    assert by_label == "[pod/talker/main] line 5\n"
    assert {"[pod/pair/one] prepared", "[pod/pair/two] two"} <= set(both.splitlines())
    assert of_deployment.code == 0
    assert "Found 2 pods, using pod/web-" in of_deployment.err


async def test_it_says_why_there_is_no_log(kubectl: Kubectl):
    unknown, none, waiting, unplaced = await asyncio.gather(
        kubectl.refused("logs", "pair", "-c", "three"),
        kubectl.refused("logs", "talker", "--previous"),
        kubectl.refused("logs", "imageless"),
        kubectl.run("logs", "huge"),
    )
    assert "container three is not valid for pod pair" in unknown
    assert 'previous terminated container "main" in pod "talker" not found' in none
    assert 'container "main" in pod "imageless" is waiting to start: NoImageCommand' in waiting
    assert (unplaced.out, unplaced.code) in {("", 0), ("", 1)}


async def test_it_says_what_the_server_cannot_do(kubectl: Kubectl):
    executed, attached, debugged = await asyncio.gather(
        kubectl.refused("exec", "talker", "--", "true"),
        kubectl.refused("attach", "talker"),
        kubectl.refused("debug", "talker", "--image=busybox", "--target=main"),
    )
    assert "exec is not supported by this server yet" in executed
    assert "attach is not supported by this server yet" in attached
    assert "ephemeral containers are disabled for this cluster" in debugged


async def test_it_lists_events_of_a_namespace_and_of_an_object(every_kubectl: Kubectl):
    kubectl = every_kubectl
    everything, of_pod, warnings = await asyncio.gather(
        kubectl("events"),
        kubectl("events", "--for", "pod/unready"),
        kubectl("get", "events", "--field-selector", "type=Warning", "-o", "json"),
    )
    assert "Successfully assigned standing/talker to" in everything
    assert "Readiness probe failed: not yet" in of_pod
    assert "talker" not in of_pod
    reasons = {
        (each["involvedObject"]["name"], each["reason"]) for each in json.loads(warnings)["items"]
    }
    assert {
        ("crashing", "BackOff"),
        ("huge", "FailedScheduling"),
        ("sick", "Unhealthy"),
        ("unready", "Unhealthy"),
        ("imageless", "Failed"),
    } <= reasons
    killing = await kubectl("events", "--for", "pod/sick")
    assert "Container main failed liveness probe, will be restarted" in killing


async def test_it_waits_for_what_is_so_and_gives_up_on_what_is_not(every_kubectl: Kubectl):
    kubectl = every_kubectl
    ready, available, phase, never = await asyncio.gather(
        kubectl("wait", "--for=condition=Ready", "pod/talker", "pod/pair"),
        kubectl("wait", "--for=condition=Available", "deploy/web"),
        kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/done"),
        kubectl.refused("wait", "--for=condition=Ready", "pod/unready", "--timeout=1s"),
    )
    assert ready == "pod/talker condition met\npod/pair condition met\n"
    assert available == "deployment.apps/web condition met\n"
    assert phase == "pod/done condition met\n"
    assert "timed out waiting for the condition on pods/unready" in never


async def test_statuses_carry_reasons_and_exit_codes(kubectl: Kubectl):
    read = json.loads(await kubectl("get", "pods", "-o", "json"))
    pods = {pod["metadata"]["name"]: pod["status"] for pod in read["items"]}
    ended = {
        name: pods[name]["containerStatuses"][0]["state"]["terminated"]
        for name in ("done", "failed", "greedy")
    }
    assert [ended[name]["exitCode"] for name in ended] == [0, 3, 137]
    assert [ended[name]["reason"] for name in ended] == ["Completed", "Error", "OOMKilled"]
    assert [pods[name]["phase"] for name in ended] == ["Succeeded", "Failed", "Failed"]
    assert pods["greedy"]["qosClass"] == "Burstable"
    assert pods["crashing"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 7


async def test_it_follows_a_log_and_a_pod_to_their_end(
    kubectl_up: Kubectl, namespace: str, up_client: Client
):
    kubectl = kubectl_up.in_namespace(namespace)
    async with kubectl.following("get", "pods", "-w") as watched:
        script = "for i in 1 2 3; do echo line $i; sleep 0.2; done; echo end"
        await kubectl(
            "run", "short", "--image=busybox", "--restart=Never", "--command",
            "--", "sh", "-c", script,
        )  # fmt: skip
        await kubectl("wait", "--for=jsonpath={.status.phase}=Running", "pod/short")
        assert await kubectl("logs", "-f", "short") == "line 1\nline 2\nline 3\nend\n"
        seen = await watched.until("Completed")
    states = [line.split()[2] for line in seen.splitlines() if line.startswith("short")]
    # The pod may have come before the watch.
    expected = ["Pending", "ContainerCreating", "Running", "Completed"]
    in_order = list(dict.fromkeys(states))
    assert in_order == expected[-len(in_order) :] and len(in_order) >= 2
