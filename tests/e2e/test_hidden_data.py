"""What pods can come to of the control plane's own files, on a real `shoal up`."""

import json
import os
import shutil
import site
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import shoal
from shoal.agent.runtime.probing import probe_sandbox
from shoal.base.clock import SystemClock
from shoal.work.locations import make_own, own_url
from shoal.work.sources import open_source
from tests.kubectl import OF_THE_WHEEL, Kubectl
from tests.plane import Plane, plane
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.slow,
    pytest.mark.xdist_group("hidden_data"),
    pytest.mark.asyncio(loop_scope="module"),
]

SOMEBODY = 1000
MODULES = os.pathsep.join((str(Path(shoal.__file__).parents[1]), *site.getsitepackages()))
DRAIN = "from shoal.worker import work\nfor item in work(): print('did', item.body, flush=True)"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Plane, Kubectl]]:
    findings = await probe_sandbox(SystemClock())
    if findings.confinement is None:
        pytest.skip(findings.sentence)
    async with plane("--runtime", "sandbox") as each:
        home = tmp_path_factory.mktemp("home")
        yield each, Kubectl(OF_THE_WHEEL, each.kubeconfig, home)


async def create(kubectl: Kubectl, folder: Path, body: dict[str, Any]) -> None:
    file = folder / "object.json"
    file.write_text(json.dumps(body))
    await kubectl("create", "-f", str(file))


async def test_a_pod_reads_neither_token_nor_database_nor_another_namespaces_queues(
    up: tuple[Plane, Kubectl], tmp_path: Path
):
    each, kubectl = up
    await kubectl("create", "namespace", "other")
    make_own(each.folder, "other")
    with closing(open_source(own_url(each.folder, "other"))) as queues:
        queues.put("other/days", ["theirs"])
    files = [each.folder / name for name in ("pki/admin-token", "store.db", "kubeconfig")]
    files.append(each.folder / "work" / "other" / "other.db")
    assert all(file.stat().st_size for file in files)
    script = f"cat {' '.join(map(str, files))} | wc -c; find {each.folder} -type f"
    container = {"name": "c", "image": "any", "command": ["sh", "-c", script]}
    spec = {"restartPolicy": "Never", "containers": [container]}
    await create(
        kubectl, tmp_path, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "spy"},
                            "spec": spec}
    )  # fmt: skip

    async def has_ended() -> bool:
        return await kubectl("get", "pod", "spy", "-o", "jsonpath={.status.phase}") == "Succeeded"

    await eventually(has_ended, "the end of the pod", pause_s=SLOW_PAUSE_S)
    lines = (await kubectl("logs", "spy")).splitlines()
    assert [line for line in lines if not line.startswith("cat: ")] == ["0"]


def interpreter() -> str:
    """One that another user can run: root's own may be out of reach."""
    for python in (sys.executable, "/usr/bin/python3"):
        if shutil.which(python) is None:
            continue
        try:
            outcome = subprocess.run(
                [python, "-c", "import shoal.worker"],
                user=SOMEBODY, group=SOMEBODY, extra_groups=[], cwd="/",
                env={"PYTHONPATH": MODULES, "PYTHONDONTWRITEBYTECODE": "1"},
                capture_output=True, check=False,
            )  # fmt: skip
        except OSError:
            continue
        if outcome.returncode == 0:
            return python
    pytest.skip("no interpreter that another user may run")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start pods as others")
async def test_pods_of_another_user_drain_a_queue(up: tuple[Plane, Kubectl], tmp_path: Path):
    _, kubectl = up
    container = {
        "name": "worker",
        "image": "any",
        "command": [interpreter(), "-c", DRAIN],
        "env": [
            {"name": "PYTHONPATH", "value": MODULES},
            {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"},
        ],
    }
    security = {"runAsUser": SOMEBODY, "runAsGroup": SOMEBODY, "runAsNonRoot": True}
    template = {"spec": {"securityContext": security, "containers": [container]}}
    spec = {
        "mode": "Queue",
        "template": template,
        "queue": {"pattern": "Drain", "items": ["a", "b", "c"]},
    }
    body = {"apiVersion": "shoal.io/v1alpha1", "kind": "Worker", "spec": spec}
    await create(kubectl, tmp_path, {**body, "metadata": {"name": "drain"}})

    async def phase() -> bool:
        found = await kubectl("get", "worker", "drain", "-o", "jsonpath={.status.phase}")
        return found == "Succeeded"

    await eventually(phase, "the end of the queue", pause_s=SLOW_PAUSE_S, patience_s=120)
    said = await kubectl("logs", "-l", "shoal.io/worker=drain", "--tail=-1")
    assert sorted(said.split("\n")) == ["", "did a", "did b", "did c"]
