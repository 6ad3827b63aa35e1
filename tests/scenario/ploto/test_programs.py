"""The programs themselves, as processes over a real directory and a real connection."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from shoal.api import ploto_status
from shoal.api.crds import all_crds
from shoal.api.ploto import TASK_ANNOTATION, TASKS, Assignment, LastWords, Task
from shoal.api.pod import PODS, Pod
from shoal.testing.cluster import HttpsCluster, https_cluster
from tests.waiting import eventually

SIDECAR = [sys.executable, "-m", "shoal.executor.sidecar"]
PYTHON_CONTAINER = [sys.executable, "-m", "shoal.executor.simple_logger"]
SHELL_CONTAINER = ["sh", str(Path(__file__).parents[3] / "examples/quickstart/simple_logger.sh")]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Executor:
    """One executor's pod in the API, its directory, and what the controller does to it."""

    def __init__(self, served: HttpsCluster, pod: Pod, directory: Path) -> None:
        self._served = served
        self._client = served.cluster.client
        self._pod = pod
        self.directory = directory

    @asynccontextmanager
    async def run(
        self, command: Sequence[str], **more: str
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        metadata = self._pod.metadata
        env = {
            **os.environ,
            "KUBECONFIG": str(self._served.kubeconfig),
            "POD_NAME": metadata.name,
            "POD_NAMESPACE": metadata.namespace,
            "POD_UID": metadata.uid,
            "PLOTO_DIR": str(self.directory),
            **more,
        }
        process = await asyncio.create_subprocess_exec(
            *command, env=env, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def give(self, name: str, para: str) -> None:
        body = {
            "apiVersion": "ploto.io/v1",
            "kind": "Task",
            "metadata": {"name": name},
            "spec": {"executorPool": "pool", "executorPoolType": "Dynamic", "para": para},
        }
        task = await self._client.create(TASKS, body, "default")
        body = ploto_status.running(
            pod_name=self._pod.metadata.name,
            pod_uid=self._pod.metadata.uid,
            failed_time=0,
            resource_version=task.metadata.resource_version,
            now=NOW,
        )
        task = await self._client.patch(TASKS, name, body, "default", subresource="status")
        assignment = Assignment(
            name=name,
            namespace="default",
            uid=task.metadata.uid,
            attempt=1,
            resource_version=task.metadata.resource_version,
            # As for a `para` that is too long for an annotation.
            para=None if len(para) > 100 else para,
        )
        text = msgspec.json.encode(assignment).decode()
        changes = {"metadata": {"annotations": {TASK_ANNOTATION: text}}}
        await self._client.patch(PODS, self._pod.metadata.name, changes, "default")

    async def finished(self, name: str) -> Task:
        """The task once it is in a final phase."""

        async def final() -> Task | None:
            task = await self._client.get(TASKS, name, "default")
            return task if task.phase.is_final else None

        return await eventually(final)

    async def task(self, name: str) -> Task:
        return await self._client.get(TASKS, name, "default")

    async def set_ready(self, status: str) -> None:
        body = {"status": {"conditions": [{"type": "Ready", "status": status}]}}
        name = self._pod.metadata.name
        await self._client.patch(PODS, name, body, "default", subresource="status")

    async def has(self, name: str) -> None:
        """Wait for a file of the directory."""
        await eventually((self.directory / name).exists, name)


@pytest.fixture
async def executor(tmp_path: Path) -> AsyncIterator[Executor]:
    (tmp_path / "server").mkdir()
    (tmp_path / "ploto").mkdir()
    async with https_cluster(tmp_path / "server", crds=all_crds()) as served:
        container = {"name": "work", "image": "work"}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "pool-a"},
            "spec": {"containers": [container]},
        }
        pod = await served.cluster.client.create(PODS, body, "default")
        yield Executor(served, pod, tmp_path / "ploto")


@pytest.mark.parametrize("container", [PYTHON_CONTAINER, SHELL_CONTAINER], ids=["python", "shell"])
async def test_tasks_go_through_sidecar_and_container(
    executor: Executor, container: list[str]
) -> None:
    async with executor.run(SIDECAR), executor.run(container):
        await executor.has(".sidecar-ready")
        for name, para in (("one", "hello"), ("two", "long " * 50)):
            await executor.give(name, para)
            task = await executor.finished(name)
            assert task.status.phase == "Completed"
            if container is PYTHON_CONTAINER:
                assert task.status.output == para


async def test_a_sidecar_that_is_killed_takes_up_where_it_was(executor: Executor) -> None:
    async with executor.run(SIDECAR) as sidecar:
        await executor.give("task", "hello")
        await executor.has("task.json")
        sidecar.kill()
        await sidecar.wait()
    async with executor.run(PYTHON_CONTAINER):
        await executor.has("result.json")
        async with executor.run(SIDECAR):
            assert (await executor.finished("task")).status.output == "hello"


async def test_a_result_that_the_container_leaves_is_reported_on_sigterm(
    executor: Executor,
) -> None:
    async with executor.run(SIDECAR) as sidecar:
        await executor.give("task", "hello")
        await executor.has("task.json")
        sidecar.send_signal(signal.SIGSTOP)
        async with executor.run(PYTHON_CONTAINER):
            await executor.has("result.json")
        sidecar.send_signal(signal.SIGTERM)
        sidecar.send_signal(signal.SIGCONT)
        assert await sidecar.wait() == 0
    assert (await executor.finished("task")).status.phase == "Completed"


RAISING_CONTAINER = [
    sys.executable,
    "-c",
    "from shoal.executor import tasks\nfor task in tasks(): raise ValueError('oops')",
]


async def test_a_task_that_comes_after_the_container_has_left_is_not_handed_over(
    executor: Executor, tmp_path: Path
) -> None:
    words = tmp_path / "words"
    words.touch()
    async with executor.run(SIDECAR, SHOAL_TERMINATION_LOG=str(words)) as sidecar:
        async with executor.run(RAISING_CONTAINER) as container:
            await executor.give("bad", "")
            await container.wait()
        await executor.finished("bad")
        await executor.give("innocent", "")
        sidecar.send_signal(signal.SIGTERM)
        assert await sidecar.wait() == 0
    bad = await executor.finished("bad")
    taken = msgspec.json.decode(words.read_bytes(), type=LastWords).taken
    assert taken == (bad.metadata.uid, 1)
    assert not (executor.directory / "task.json").exists()


async def test_a_result_is_held_back_while_a_leaving_executor_counts_as_ready(
    executor: Executor,
) -> None:
    await executor.set_ready("True")
    async with executor.run(SIDECAR):
        async with executor.run(RAISING_CONTAINER) as container:
            await executor.give("bad", "")
            await container.wait()
        assert (await executor.task("bad")).status.phase == "Running"
        await executor.set_ready("False")
        assert "oops" in (await executor.finished("bad")).status.message


async def test_a_sidecar_without_its_environment_says_so() -> None:
    env = {name: value for name, value in os.environ.items() if name != "POD_NAME"}
    process = await asyncio.create_subprocess_exec(
        *SIDECAR, env=env, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert said == b"ploto-sidecar: POD_NAME is not in the environment\n"
