"""kubectl commands that read: get, describe, explain, discovery, watches."""

import asyncio
import json

import pytest

from tests.conformance.conftest import Kubectl
from tests.conformance.manifests import CRON_TAB, CRON_TABS, POD, TWO_CONTAINERS

pytestmark = pytest.mark.kubectl


async def test_it_asks_the_server_for_its_version_and_resources(kubectl: Kubectl):
    version = json.loads(await kubectl("version", "-o", "json"))
    assert version["serverVersion"]["minor"] == "36"
    names = (await kubectl("api-resources", "-o", "name")).split()
    assert {"pods", "deployments.apps", "leases.coordination.k8s.io"} <= set(names)
    assert "apps/v1" in (await kubectl("api-versions")).split()
    assert "is running at" in await kubectl("cluster-info")


async def test_it_prints_objects_as_tables_and_in_every_format(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=POD)
    head, row = (await kubectl("get", "pods")).splitlines()
    assert head.split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert row.split()[:4] == ["web", "0/1", "Pending", "0"]
    assert "NOMINATED NODE" in await kubectl("get", "po", "web", "-o", "wide")
    assert json.loads(await kubectl("get", "pod", "web", "-o", "json"))["kind"] == "Pod"
    assert "qosClass: BestEffort" in await kubectl("get", "pod/web", "-o", "yaml")
    assert await kubectl("get", "po", "-o", "jsonpath={.items[*].metadata.name}") == "web"
    assert await kubectl("get", "pods", "-o", "name") == "pod/web\n"
    assert "default" in await kubectl("get", "pods", "-A")
    assert "pod/web" in await kubectl("get", "all")


async def test_it_selects_by_labels_and_fields(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=POD)
    await kubectl("apply", "-f", "-", stdin=TWO_CONTAINERS)
    assert await kubectl("get", "po", "-l", "app=web", "-o", "name") == "pod/web\n"
    assert await kubectl("get", "po", "-l", "app notin (web)", "-o", "name") == "pod/pair\n"
    chosen = "metadata.name=pair,spec.nodeName="
    assert await kubectl("get", "po", "--field-selector", chosen, "-o", "name") == "pod/pair\n"
    text = await kubectl.refused("get", "po", "--field-selector", "spec.colour=red")
    assert "field label not supported: spec.colour" in text


async def test_it_reads_long_lists_in_chunks(kubectl: Kubectl):
    for name in ("a", "b", "c"):
        await kubectl("create", "configmap", name)
    listed = await kubectl("get", "configmaps", "--chunk-size", "2", "-o", "name")
    assert listed.split() == ["configmap/a", "configmap/b", "configmap/c"]


async def test_it_describes_objects(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=POD)
    await kubectl("create", "deployment", "web", "--image", "nginx")
    assert "Service Account:  default" in await kubectl("describe", "pod", "web")
    assert "RollingUpdateStrategy:" in await kubectl("describe", "deployment", "web")
    assert "Status:       Active" in await kubectl("describe", "namespace", "default")


async def test_it_follows_changes(kubectl: Kubectl):
    await kubectl("create", "configmap", "first")
    process = await kubectl.start("get", "configmaps", "-w", "--no-headers", "-o", "name")
    assert process.stdout is not None
    lines = [await asyncio.wait_for(process.stdout.readline(), 30)]
    await kubectl("create", "configmap", "second")
    lines.append(await asyncio.wait_for(process.stdout.readline(), 30))
    process.terminate()
    await process.communicate()
    assert lines == [b"configmap/first\n", b"configmap/second\n"]


async def test_it_explains_fields_and_prints_custom_kinds(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=CRON_TABS)
    await kubectl("apply", "-f", "-", stdin=CRON_TAB)
    head, row = (await kubectl("get", "ct")).splitlines()
    assert head.split() == ["NAME", "SPEC", "AGE"]
    assert row.startswith("nightly   0 2 * * *")
    assert "busybox" in await kubectl("get", "crontabs", "-o", "wide")
    assert "crontab.stable.example.com/nightly" in await kubectl("get", "all")
    assert "When to run." in await kubectl("explain", "crontab.spec.cronSpec")
    assert "containers" in await kubectl("explain", "pod.spec")


async def test_it_asks_who_it_is_and_what_it_may(kubectl: Kubectl):
    assert await kubectl("auth", "can-i", "create", "pods") == "yes\n"
    assert "system:masters" in await kubectl("auth", "whoami")


async def test_it_prints_events_of_an_object(kubectl: Kubectl):
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "web.1", "namespace": "default"},
        "involvedObject": {
            "kind": "Pod", "name": "web", "namespace": "default", "apiVersion": "v1",
        },
        "reason": "Tested",
        "message": "it was tested",
        "type": "Normal",
        "count": 1,
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    await kubectl("create", "-f", "-", stdin=json.dumps(event))
    assert "it was tested" in await kubectl("events", "--for", "pod/web")
    assert "Tested" in await kubectl("get", "events")
    viewed = await kubectl("get", "events.v1.events.k8s.io", "web.1", "-o", "jsonpath={.note}")
    assert viewed == "it was tested"
