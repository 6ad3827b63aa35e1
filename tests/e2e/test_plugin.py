"""A plugin that `shoal plugin new` wrote, in `shoal up`: what the how-to page has a reader do."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.kubectl import OF_THE_WHEEL, Kubectl
from tests.plane import SHOAL, plane
from tests.waiting import SLOW_PAUSE_S, eventually

STUCK = """

class Stuck:
    name = "Stuck"

    def filter(self, state, pod, node):
        while pod.name == "stuck":
            pass
        return SUCCESS
"""


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The skeleton, with one more class that never answers about one pod; we are in it."""
    monkeypatch.chdir(tmp_path)
    made = await asyncio.create_subprocess_exec(SHOAL, "plugin", "new", "rack-spread")
    assert await made.wait() == 0
    written = tmp_path / "rack-spread"
    with (written / "rack_spread.py").open("a") as module:
        module.write(STUCK)
    scheduler = (written / "scheduler.yaml").read_text()
    enabled = "        enabled:\n"
    both = scheduler.replace(enabled, f"{enabled}          - name: rack_spread:Stuck\n")
    (written / "scheduler.yaml").write_text(both)
    monkeypatch.chdir(written)
    return written


async def test_a_plugin_decides_in_shoal_up_and_one_that_hangs_holds_nobody_else(
    folder: Path,
) -> None:
    async with plane("--nodes", "2", "--scheduler-config", "scheduler.yaml") as each:
        kubectl = Kubectl(OF_THE_WHEEL, each.kubeconfig, folder)

        async def read(*words: str) -> list[dict[str, dict[str, str]]]:
            return json.loads(await kubectl("get", *words, "-o", "json"))["items"]

        async def run(name: str) -> None:
            await kubectl("run", name, "--image=any", "--command", "--", "sleep", "1000")

        async def node_of(name: str) -> str:
            field = "jsonpath={.spec.nodeName}"
            return (await kubectl("get", "pod", name, "-o", field)).strip()

        async def message_of(name: str) -> str:
            field = 'jsonpath={.status.conditions[?(@.type=="PodScheduled")].message}'
            return (await kubectl("get", "pod", name, "-o", field)).strip()

        avoided, other = sorted(node["metadata"]["name"] for node in await read("nodes"))
        await kubectl("label", "node", avoided, "rack-spread/avoid=true")
        await run("stuck")
        for name in ("a", "b"):
            await run(name)
            await eventually(lambda name=name: node_of(name), pause_s=SLOW_PAUSE_S)
            assert await node_of(name) == other
        assert await eventually(lambda: message_of("stuck"), pause_s=SLOW_PAUSE_S) == (
            'running "Stuck" filter plugin: plugin "Stuck" took longer than 1s in Filter'
        )
        await kubectl("label", "node", other, "rack-spread/avoid=true")
        await run("c")
        message = await eventually(lambda: message_of("c"), pause_s=SLOW_PAUSE_S)
        text = "0/2 nodes are available: 2 node(s) had the label rack-spread/avoid."
        assert message.startswith(text)
        await kubectl("label", "node", avoided, "rack-spread/avoid-")
        await eventually(lambda: node_of("c"), pause_s=SLOW_PAUSE_S)
        assert await node_of("c") == avoided
        await kubectl("delete", "pod", "stuck", "a", "b", "c", "--now")
