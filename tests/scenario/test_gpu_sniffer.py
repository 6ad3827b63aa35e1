"""The GPU sniffer with an `nvidia-smi` that prints what a test wants, against a real API server."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from shoal.agent.gpu_cards import NvidiaSmiError
from shoal.agent.gpu_sniffer import GpuSniffer
from shoal.api.crds import all_crds
from shoal.api.node import NODES
from shoal.api.scv import SCVS
from shoal.base.clock import VirtualClock
from shoal.client.protocol import Client
from shoal.testing.builders import make_node
from shoal.testing.cluster import https_cluster, memory_cluster
from tests.waiting import eventually

SHOAL = Path(sys.executable).parent / "shoal"
CARD = "{number}, Tesla T4, 15360, {free}, 5001, 1590, 70.00, 3, 16, [N/A]"


@dataclass(frozen=True, slots=True)
class NvidiaSmi:
    """A program on the PATH."""

    folder: Path

    def prints(self, text: str, code: int = 0) -> None:
        self._is(f"cat <<'END'\n{text}END\nexit {code}")

    def has_cards(self, *free: int) -> None:
        rows = [CARD.format(number=number, free=each) for number, each in enumerate(free)]
        self.prints("\n".join(rows) + "\n")

    def knows_no_mig(self, text: str) -> None:
        words = 'Field "mig.mode.current" is not a valid field to query.'
        self._is(f"case $1 in *mig.mode*) echo '{words}'; exit 2;; esac\ncat <<'END'\n{text}END")

    def _is(self, script: str) -> None:
        # In one move, because it may be about to run.
        draft = self.folder / "draft"
        draft.write_text(f"#!/bin/sh\n{script}\n")
        draft.chmod(0o755)
        draft.replace(self.folder / "nvidia-smi")


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NvidiaSmi:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return NvidiaSmi(folder)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with memory_cluster(crds=all_crds()) as cluster:
        yield cluster.client


def sniffer(client: Client) -> GpuSniffer:
    return GpuSniffer(client, VirtualClock(), "gpu-1", 10.0)


async def test_the_scv_of_the_node_is_made_and_kept_true(
    client: Client, nvidia_smi: NvidiaSmi
) -> None:
    sniffing = sniffer(client)
    nvidia_smi.has_cards(15109, 200)
    await sniffing.look()
    made = await client.get(SCVS, "gpu-1")
    assert (made.status.card_number, made.status.free_memory_sum) == (2, 15309)
    await sniffing.look()
    unchanged = await client.get(SCVS, "gpu-1")
    assert unchanged.metadata.resource_version == made.metadata.resource_version
    nvidia_smi.has_cards(300)
    await sniffing.look()
    changed = await client.get(SCVS, "gpu-1")
    assert [card.free_memory for card in changed.status.card_list] == [300]
    assert changed.metadata.uid == made.metadata.uid
    await client.delete(SCVS, "gpu-1")
    await sniffing.look()
    assert (await client.get(SCVS, "gpu-1")).status.free_memory_sum == 300


async def test_a_driver_that_knows_no_mig_is_asked_again(
    client: Client, nvidia_smi: NvidiaSmi
) -> None:
    nvidia_smi.knows_no_mig("0, TITAN Xp, 12194, 12194, 5705, 1911, 250.00, 3, 16\n")
    status = await sniffer(client).look()
    assert [card.model for card in status.card_list] == ["TITAN Xp"]


async def test_a_machine_without_a_driver_writes_nothing(
    client: Client, nvidia_smi: NvidiaSmi
) -> None:
    nvidia_smi.prints("No devices were found\n", code=6)
    with pytest.raises(NvidiaSmiError):
        await sniffer(client).look()
    assert (await client.list(SCVS)).items == []


async def test_a_machine_without_the_program_is_told_what_to_do(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NvidiaSmiError) as error:
        await sniffer(client).look()
    assert str(error.value).startswith("there is no nvidia-smi on this machine: install")


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    out: str
    err: str


async def run(kubeconfig: Path, *words: str) -> Said:
    process = await asyncio.create_subprocess_exec(
        SHOAL, "gpu-sniffer", "--kubeconfig", kubeconfig, *words,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return Said(process.returncode or 0, out.decode(), err.decode())


async def test_the_command_end_to_end(tmp_path: Path, nvidia_smi: NvidiaSmi) -> None:
    async with https_cluster(tmp_path / "server", crds=all_crds()) as served:
        client, kubeconfig = served.cluster.client, served.kubeconfig
        once = ("--once", "--node", "gpu-1")
        nvidia_smi.has_cards(15109, 15109)
        assert await run(kubeconfig, *once) == Said(
            1, "", 'error: there is no node "gpu-1"; name one with --node\n'
        )
        await client.create(NODES, make_node("gpu-1").manifest())
        assert await run(kubeconfig, *once) == Said(0, "scv/gpu-1: 2 GPUs, 2 healthy\n", "")
        assert (await client.get(SCVS, "gpu-1")).status.free_memory_sum == 30218
        assert (await run(kubeconfig, *once, "--interval", "soon")).err == (
            'error: --interval is "soon", but must be a length of time such as 10s or 1m\n'
        )
        nvidia_smi.prints("No devices were found\n", code=6)
        assert await run(kubeconfig, *once) == Said(
            1,
            "",
            "error: nvidia-smi tells of no GPU on this machine; it says: No devices were found\n",
        )


async def test_the_command_goes_on_looking(tmp_path: Path, nvidia_smi: NvidiaSmi) -> None:
    async with https_cluster(tmp_path / "server", crds=all_crds()) as served:
        client = served.cluster.client
        await client.create(NODES, make_node("gpu-1").manifest())
        nvidia_smi.has_cards(100)
        words = ("gpu-sniffer", "--kubeconfig", served.kubeconfig, "--node", "gpu-1")
        process = await asyncio.create_subprocess_exec(
            SHOAL, *words, "--interval", "50ms", stdout=asyncio.subprocess.PIPE
        )

        async def has_free(mib: int) -> bool:
            found = (await client.list(SCVS)).items
            return [each.status.free_memory_sum for each in found] == [mib]

        try:
            await eventually(lambda: has_free(100))
            nvidia_smi.has_cards(70)
            await eventually(lambda: has_free(70))
        finally:
            process.terminate()
            await process.wait()


async def test_a_cluster_without_the_definition_is_told_of(
    tmp_path: Path, nvidia_smi: NvidiaSmi
) -> None:
    async with https_cluster(tmp_path / "server") as served:
        await served.cluster.client.create(NODES, make_node("gpu-1").manifest())
        nvidia_smi.has_cards(100)
        said = await run(served.kubeconfig, "--once", "--node", "gpu-1")
        assert said.err == (
            "error: the API server knows no Scv: run `shoal crds | kubectl apply -f -`\n"
        )
