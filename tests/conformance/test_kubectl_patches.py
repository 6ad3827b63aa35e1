"""Commands of kubectl that send patches, where the list that comes out is what matters."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import Kubectl

pytestmark = pytest.mark.kubectl

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1", env: [{name: A, value: "1"}], ports: [{containerPort: 80}]}
      - {name: log, image: "log:1"}
      volumes:
      - {name: data, emptyDir: {}}
"""
NODE = """
apiVersion: v1
kind: Node
metadata: {name: n1}
"""


async def pod_spec(kubectl: Kubectl) -> dict[str, Any]:
    read = json.loads(await kubectl("get", "deploy", "web", "-o", "json"))
    return read["spec"]["template"]["spec"]


def images(spec: dict[str, Any]) -> list[tuple[str, str]]:
    return [(container["name"], container["image"]) for container in spec["containers"]]


async def test_set_changes_one_container_and_its_variables(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    await kubectl("set", "image", "deploy/web", "log=log:2")
    await kubectl("set", "env", "deploy/web", "-c", "web", "B=2", "A-")
    spec = await pod_spec(kubectl)
    assert images(spec) == [("web", "nginx:1"), ("log", "log:2")]
    assert spec["containers"][0]["env"] == [{"name": "B", "value": "2"}]
    assert spec["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


async def test_apply_adds_removes_and_replaces_items(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    changed = (
        DEPLOYMENT.replace('- {name: log, image: "log:1"}', "- {name: new, image: new}")
        .replace('env: [{name: A, value: "1"}], ', "")
        .replace("emptyDir: {}", "hostPath: {path: /data}")
    )
    assert "configured" in await kubectl("apply", "-f", "-", stdin=changed)
    spec = await pod_spec(kubectl)
    assert images(spec) == [("web", "nginx:1"), ("new", "new")]
    assert "env" not in spec["containers"][0]
    assert spec["volumes"] == [{"name": "data", "hostPath": {"path": "/data", "type": ""}}]
    assert "unchanged" in await kubectl("apply", "-f", "-", stdin=changed)


async def test_apply_leaves_what_others_have_added(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    sidecar = {"spec": {"template": {"spec": {"containers": [{"name": "mesh", "image": "m"}]}}}}
    await kubectl("patch", "deploy", "web", "-p", json.dumps(sidecar))
    # A container without a place in the live list is put first.
    assert [name for name, _ in images(await pod_spec(kubectl))] == ["mesh", "web", "log"]
    await kubectl("apply", "-f", "-", stdin=DEPLOYMENT.replace("log:1", "log:2"))
    spec = await pod_spec(kubectl)
    assert images(spec) == [("mesh", "m"), ("web", "nginx:1"), ("log", "log:2")]


async def test_edit_reorders_containers_and_changes_the_strategy(kubectl: Kubectl, tmp_path: Path):
    await kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    editor = tmp_path / "editor.py"
    editor.write_text(
        "import sys, yaml\n"
        "path = sys.argv[1]\n"
        "obj = yaml.safe_load(open(path))\n"
        "obj['spec']['template']['spec']['containers'].reverse()\n"
        "obj['spec']['strategy'] = {'type': 'Recreate'}\n"
        "yaml.safe_dump(obj, open(path, 'w'))\n"
    )
    await kubectl("edit", "deploy", "web", KUBE_EDITOR=f"{sys.executable} {editor}")
    read = json.loads(await kubectl("get", "deploy", "web", "-o", "json"))
    assert read["spec"]["strategy"] == {"type": "Recreate"}
    names = [name for name, _ in images(read["spec"]["template"]["spec"])]
    assert names == ["log", "web"]


async def test_nodes_are_tainted_and_cordoned(kubectl: Kubectl):
    await kubectl("create", "-f", "-", stdin=NODE)
    await kubectl("taint", "node", "n1", "gpu=true:NoSchedule")
    await kubectl("taint", "node", "n1", "old:NoExecute")
    await kubectl("cordon", "n1")
    spec = json.loads(await kubectl("get", "node", "n1", "-o", "json"))["spec"]
    keys = {(taint["key"], taint["effect"]) for taint in spec["taints"]}
    assert keys >= {("gpu", "NoSchedule"), ("old", "NoExecute")}
    assert spec["unschedulable"] is True
    await kubectl("taint", "node", "n1", "gpu-", "old-")
    await kubectl("uncordon", "n1")
    spec = json.loads(await kubectl("get", "node", "n1", "-o", "json"))["spec"]
    assert not {"gpu", "old"} & {taint["key"] for taint in spec.get("taints", [])}
    assert not spec.get("unschedulable")


async def test_patches_that_do_not_fit_are_refused(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    nameless = '{"spec":{"template":{"spec":{"containers":[{"image":"x"}]}}}}'
    text = await kubectl.refused("patch", "deploy", "web", "-p", nameless)
    assert "map: map[image:x] does not contain declared merge key: name" in text
    test = '[{"op":"test","path":"/metadata/name","value":"other"}]'
    text = await kubectl.refused("patch", "deploy", "web", "--type=json", "-p", test)
    assert "the server rejected our request due to an error in our request" in text
