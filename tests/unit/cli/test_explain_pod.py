"""`shoal explain pod` against a cluster in memory, where no scheduler runs."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from shoal.api.node import NODES
from shoal.api.pod import PODS
from shoal.api.resource import Resource
from shoal.api.status import ApiError
from shoal.cli.explain import explain
from shoal.cli.explain_pod import PodQuestion
from shoal.cli.output import CliError, OutputFormat
from shoal.client.protocol import Client
from shoal.scheduler.explaining.changes import set_priority
from shoal.standalone.published_configuration import publish
from shoal.testing.builders import PodBuilder, make_node, make_pod
from shoal.testing.cluster import memory_cluster

PLUGIN = '''
"""A plugin of somebody's own."""

from shoal.scheduler.framework.status import SUCCESS, unschedulable


class NoSmallNodes:
    name = "NoSmallNodes"

    def filter(self, state, pod, node):
        return unschedulable("too small") if node.allocatable("cpu") < 4000 else SUCCESS
'''
CONFIGURATION = """
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: picky
  plugins: {multiPoint: {enabled: [{name: "no_small_nodes:NoSmallNodes"}]}}
"""
JSON = PodQuestion(output=OutputFormat.JSON)


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    async with memory_cluster() as cluster:
        for name, cpu in (("large", "8"), ("small", "1")):
            node = make_node(name).capacity(cpu=cpu, memory="8Gi").manifest()
            await cluster.client.create(NODES, node)
            await cluster.client.patch(
                NODES, name, {"status": node["status"]}, subresource="status"
            )
        yield cluster.client


async def put(client: Client, pod: PodBuilder) -> None:
    await client.create(PODS, pod.manifest(), "default")


async def told(client: Client, capsys: pytest.CaptureFixture[str], question: PodQuestion) -> Any:
    capsys.readouterr()
    await explain(client, ["pod", "a"], "default", question)
    said = capsys.readouterr().out
    return json.loads(said) if question.output is OutputFormat.JSON else said


async def test_a_pod_that_nobody_looked_at_is_judged_as_things_are(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    await put(client, make_pod("a").req(cpu="2"))
    said = await told(client, capsys, PodQuestion())
    assert "which has not looked at it yet" in said
    assert "It would fit on 1 of 2 nodes now, best on large" in said
    as_data = await told(client, capsys, JSON)
    assert (as_data["now"]["feasible"], as_data["nodes"]) == (["large"], 2)
    assert as_data["failedAttempts"] == 0


async def test_a_placed_pod_does_not_stand_in_its_own_way(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    await put(client, make_pod("a").req(cpu="8").node("large"))
    await put(client, make_pod("b").req(cpu="1").node("small"))
    as_data = await told(client, capsys, JSON)
    assert as_data["now"]["best"] == ["large"]
    assert list(as_data["now"]["filter"]["NodeResourcesFit"]) == ["small"]


async def test_profiles_and_plugins_of_ones_own_are_asked(
    client: Client,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "no_small_nodes.py").write_text(PLUGIN)
    file = tmp_path / "scheduler.yaml"
    file.write_text(CONFIGURATION)
    await put(client, make_pod("a").req(cpu="1").scheduler("picky"))
    unserved = await told(client, capsys, PodQuestion())
    assert (
        'No profile serves scheduler "picky" (there are default-scheduler, shoal, volcano)'
        in unserved
    )
    as_data = await told(
        client, capsys, PodQuestion(output=OutputFormat.JSON, scheduler_config=file)
    )
    assert as_data["now"]["filter"]["NoSmallNodes"]["small"]["reasons"] == ["too small"]
    await publish(client, CONFIGURATION)
    assert as_data == await told(client, capsys, PodQuestion(output=OutputFormat.JSON))
    await publish(client, None)
    assert "No profile serves" in await told(client, capsys, PodQuestion())
    file.write_text(CONFIGURATION.replace("no_small_nodes", "no_such_module"))
    with pytest.raises(CliError, match=r"scheduler.yaml cannot be used here: .*no_such_module"):
        await told(client, capsys, PodQuestion(scheduler_config=file))
    file.write_text("kind: Nonsense")
    with pytest.raises(CliError, match="Object 'apiVersion' is missing"):
        await told(client, capsys, PodQuestion(scheduler_config=file))


async def test_a_volcano_scheduler_conf_that_is_in_use_is_heeded(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    await put(client, make_pod("a").req(cpu="1").scheduler("volcano").node_selector(disk="ssd"))
    assert (await told(client, capsys, JSON))["now"]["feasible"] == []
    conf = "actions: allocate\ntiers: [{plugins: [{name: binpack}]}]"
    await publish(client, None, conf)
    now = (await told(client, capsys, JSON))["now"]
    assert now["feasible"] == ["large", "small"]
    assert now["best"] == ["small"]


async def test_extenders_are_named_that_are_not_asked(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    head = CONFIGURATION.partition("profiles:")[0]
    extender = 'extenders: [{urlPrefix: "http://127.0.0.1:8888/s", %s}]'
    await put(client, make_pod("a").req(cpu="1"))
    await publish(client, head + extender % "filterVerb: filter")
    said = await told(client, capsys, PodQuestion())
    assert "Extenders are not asked here, and may say otherwise: http://127.0.0.1:8888/s." in said
    await publish(client, head + extender % "bindVerb: bind")
    assert "Extenders" not in await told(client, capsys, PodQuestion())


async def test_a_higher_priority_is_tried_out_with_who_would_have_to_go(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    await put(client, make_pod("a").req(cpu="4"))
    await put(client, make_pod("b").req(cpu="8").node("large"))
    assert "Evicting pods does not help" in await told(client, capsys, PodQuestion())
    said = await told(client, capsys, PodQuestion(changes=[set_priority(5)]))
    rows = [line.split("   ") for line in said.splitlines()]
    assert [cells[0].strip() for cells in rows[1:]] == ["as it is", "priority 5"]
    assert "after evicting 1 pod   large" in said
    tried = await told(
        client, capsys, PodQuestion(output=OutputFormat.JSON, changes=[set_priority(5)])
    )
    assert [each["evicting"] for each in tried["whatIf"]] == [[], ["default/b"]]


class MayNotListNodes:
    """A client whose user sees nothing but namespaces."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def list(self, resource: Resource[Any], *words: Any, **more: Any) -> Any:
        if resource is NODES:
            raise ApiError(403, "Forbidden", "nodes is forbidden")
        return await self._client.list(resource, *words, **more)


async def test_who_may_not_see_the_nodes_gets_what_the_pod_tells(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    await put(client, make_pod("a").req(cpu="2"))
    limited: Any = MayNotListNodes(client)
    said = await told(limited, capsys, PodQuestion())
    assert said.startswith("Pod default/a waits for scheduler default-scheduler")
    assert said.endswith("More cannot be said: nodes is forbidden\n")
    with pytest.raises(ApiError):
        await told(limited, capsys, PodQuestion(changes=[]))


async def test_a_finished_pod_has_no_place_to_be_explained(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    await put(client, make_pod("a").req(cpu="1").node("large"))
    await client.patch(
        PODS, "a", {"status": {"phase": "Succeeded"}}, "default", subresource="status"
    )
    assert await told(client, capsys, PodQuestion()) == (
        "Pod default/a is Succeeded on node large.\n"
    )
