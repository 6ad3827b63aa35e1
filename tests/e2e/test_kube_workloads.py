"""A user's day with Kubernetes' workloads on `shoal up`, by the oldest and the newest kubectl.

All commands of a kubectl are on one control plane, and what can run at the same time does.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests import kubectl as binaries
from tests.kubectl import Kubectl
from tests.plane import plane

pytestmark = [pytest.mark.slow, pytest.mark.kubectl]

SETS = ("deployment/web", "statefulset/db", "daemonset/log")
LIMIT = "--timeout=50s"


def workload(kind: str, name: str, **spec: object) -> str:
    """One whose pods sleep, and end when they are told to."""
    container = {"name": "main", "image": "sleeper:1", "command": ["sleep", "1000"]}
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
    }
    body = {"selector": {"matchLabels": {"app": name}}, "template": template, **spec}
    meta = {"name": name}
    return json.dumps({"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": body})


WORKLOADS = "\n".join(
    (
        workload("Deployment", "web", replicas=3),
        workload("StatefulSet", "db", serviceName="db", replicas=2),
        workload("DaemonSet", "log"),
    )
)


@pytest.fixture(params=binaries.oldest_and_newest(), ids=binaries.label)
async def kubectl(request: pytest.FixtureRequest) -> AsyncIterator[Kubectl]:
    binary: Path = request.param
    async with plane("--nodes", "2") as up:
        yield Kubectl(binary, up.kubeconfig, up.folder)


async def rolled_out(kubectl: Kubectl) -> None:
    await asyncio.gather(*(kubectl("rollout", "status", name, LIMIT) for name in SETS))


async def images(kubectl: Kubectl) -> set[str]:
    what = "jsonpath={.items[*].spec.template.spec.containers[0].image}"
    return set((await kubectl("get", "deploy,sts,ds", "-o", what)).split())


async def test_sets_are_rolled_out_back_and_restarted_then_nodes_are_emptied(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=WORKLOADS)
    assert set((await kubectl("apply", "-f", "-", stdin=WORKLOADS)).splitlines()) == {
        "deployment.apps/web unchanged",
        "statefulset.apps/db unchanged",
        "daemonset.apps/log unchanged",
    }
    await rolled_out(kubectl)
    await kubectl("set", "image", *SETS, "main=sleeper:2")
    await rolled_out(kubectl)
    for name in SETS:
        history = (await kubectl("rollout", "history", name)).split("\n")
        assert history[1].split() == ["REVISION", "CHANGE-CAUSE"]
        assert [line.split()[0] for line in history[2:4]] == ["1", "2"]
        assert "rolled back" in await kubectl("rollout", "undo", name)
    await rolled_out(kubectl)
    assert await images(kubectl) == {"sleeper:1"}
    await kubectl("rollout", "restart", *SETS)
    await rolled_out(kubectl)
    await kubectl("scale", "deployment/web", "statefulset/db", "--replicas=4")
    await rolled_out(kubectl)
    await shows_all_ready(kubectl)
    await empty_a_node(kubectl)


async def shows_all_ready(kubectl: Kubectl) -> None:
    deployment, stateful, daemon = [
        (await kubectl("get", name)).splitlines() for name in ("deploy", "sts", "ds")
    ]
    assert deployment[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert deployment[1].split()[:4] == ["web", "4/4", "4", "4"]
    assert stateful[0].split() == ["NAME", "READY", "AGE"]
    assert stateful[1].split()[:2] == ["db", "4/4"]
    columns = ["DESIRED", "CURRENT", "READY", "UP-TO-DATE", "AVAILABLE"]
    assert daemon[0].split()[1:6] == columns
    assert daemon[1].split()[:6] == ["log", *["2"] * 5]


async def empty_a_node(kubectl: Kubectl) -> None:
    """The budget lets one pod of the StatefulSet go at a time, and first none at all."""
    await kubectl("create", "pdb", "db", "--selector=app=db", "--min-available=4")
    where = "jsonpath={.items[*].spec.nodeName}"
    node = (await kubectl("get", "pods", "-l", "app=db", "-o", where)).split()[0]
    drain = ("drain", node, "--ignore-daemonsets")
    held = await kubectl.refused(*drain, "--timeout=3s", "--pod-selector=app=db")
    assert "Cannot evict pod as it would violate the pod's disruption budget." in held
    await kubectl("patch", "pdb", "db", "-p", '{"spec": {"minAvailable": 3}}')
    assert f"node/{node} drained" in await kubectl(*drain, LIMIT)
    await rolled_out(kubectl)
    assert node not in (await kubectl("get", "pods", "-l", "app!=log", "-o", where)).split()
    assert "uncordoned" in await kubectl("uncordon", node)


async def test_jobs_are_created_by_hand_and_from_cron_jobs(kubectl: Kubectl):
    echo = ("--image=busybox", "--", "echo", "hello")
    assert await kubectl("create", "job", "j", *echo) == "job.batch/j created\n"
    schedule = "--schedule=0 3 1 1 *"
    created = await kubectl("create", "cronjob", "c", schedule, *echo)
    assert created == "cronjob.batch/c created\n"
    made = await kubectl("create", "job", "now", "--from=cronjob/c")
    assert made == "job.batch/now created\n"
    await kubectl("wait", "--for=condition=complete", "job/j", "job/now", LIMIT)
    for name in ("j", "now"):
        assert await kubectl("logs", f"job/{name}") == "hello\n"
    header, line = (await kubectl("get", "cronjobs")).splitlines()
    columns = ["NAME", "SCHEDULE", "TIMEZONE", "SUSPEND", "ACTIVE", "LAST", "SCHEDULE", "AGE"]
    assert header.split() == columns
    assert line.split()[:9] == ["c", "0", "3", "1", "1", "*", "<none>", "False", "0"]
    again = await kubectl.refused("create", "job", "j", *echo)
    assert 'jobs.batch "j" already exists' in again
    await kubectl("delete", "cronjob", "c", "--cascade=foreground")
    assert await kubectl("get", "jobs", "-o", "name") == "job.batch/j\n"
