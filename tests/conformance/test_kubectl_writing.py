"""kubectl commands that write: create, apply, edit, patch, scale, label and their refusals."""

import json
from pathlib import Path

import pytest

from tests.conformance.conftest import Kubectl
from tests.conformance.manifests import CRON_TAB, CRON_TABS, POD

pytestmark = pytest.mark.kubectl


async def test_it_creates_the_usual_kinds_by_command(kubectl: Kubectl):
    await kubectl("create", "namespace", "team")
    await kubectl("-n", "team", "create", "configmap", "c", "--from-literal=a=b")
    await kubectl("-n", "team", "create", "secret", "generic", "s", "--from-literal=p=word")
    await kubectl("-n", "team", "create", "deployment", "d", "--image=nginx", "--replicas=2")
    await kubectl("-n", "team", "create", "serviceaccount", "robot")
    await kubectl("-n", "team", "create", "service", "clusterip", "web", "--tcp=80:8080")
    await kubectl("create", "priorityclass", "high", "--value=1000")
    read = json.loads(await kubectl("-n", "team", "get", "cm,secret,deploy,sa,svc", "-o", "json"))
    found = {(item["kind"], item["metadata"]["name"]): item for item in read["items"]}
    assert found["ConfigMap", "c"]["data"] == {"a": "b"}
    assert found["Secret", "s"]["data"] == {"p": "d29yZA=="}
    assert found["Deployment", "d"]["spec"]["replicas"] == 2
    assert found["Service", "web"]["spec"]["ports"][0]["targetPort"] == 8080
    assert ("ServiceAccount", "robot") in found
    token = await kubectl("-n", "team", "create", "token", "robot")
    assert token.count(".") == 2


async def test_it_applies_a_list(kubectl: Kubectl):
    items = [json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": n}})
             for n in ("a", "b")]  # fmt: skip
    body = f'{{"apiVersion": "v1", "kind": "List", "items": [{", ".join(items)}]}}'
    assert (await kubectl("apply", "-f", "-", stdin=body)).count("created") == 2
    assert (await kubectl("apply", "-f", "-", stdin=body)).count("unchanged") == 2


async def test_a_second_apply_changes_nothing(kubectl: Kubectl):
    assert "created" in await kubectl("apply", "-f", "-", stdin=POD)
    assert "unchanged" in await kubectl("apply", "-f", "-", stdin=POD)
    assert "configured" in await kubectl(
        "apply", "-f", "-", stdin=POD.replace("busybox", "busybox:1.36")
    )


async def test_apply_works_on_custom_kinds_as_soon_as_they_are_defined(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=CRON_TABS)
    crd = "crd/crontabs.stable.example.com"
    await kubectl("wait", "--for", "condition=established", crd, "--timeout=30s")
    assert "created" in await kubectl("apply", "-f", "-", stdin=CRON_TAB)
    assert "unchanged" in await kubectl("apply", "-f", "-", stdin=CRON_TAB)
    image = await kubectl("get", "ct", "nightly", "-o", "jsonpath={.spec.image}")
    assert image == "busybox"
    await kubectl("scale", "ct/nightly", "--replicas=3")
    assert await kubectl("get", "ct/nightly", "-o", "jsonpath={.spec.replicas}") == "3"
    await kubectl("replace", "-f", "-", stdin=CRON_TAB)
    assert await kubectl("get", "ct/nightly", "-o", "jsonpath={.spec.replicas}") == "2"


async def test_unknown_fields_are_refused_and_can_be_let_through(kubectl: Kubectl):
    wrong = POD.replace("spec:", "spec:\n  colour: red")
    text = await kubectl.refused("create", "-f", "-", stdin=wrong)
    assert 'strict decoding error: unknown field "spec.colour"' in text
    answer = await kubectl.run("create", "--validate=warn", "-f", "-", stdin=wrong)
    assert answer.code == 0
    assert 'Warning: unknown field "spec.colour"' in answer.err


async def test_rules_of_a_definition_are_enforced(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=CRON_TABS)
    wrong = CRON_TAB.replace("replicas: 2", "replicas: 20")
    text = await kubectl.refused("create", "-f", "-", stdin=wrong)
    assert "should be less than or equal to 10" in text


async def test_it_patches_in_every_way(kubectl: Kubectl):
    await kubectl("create", "deployment", "d", "--image=nginx")
    container = {"name": "nginx", "image": "nginx:2"}
    strategic = {"spec": {"template": {"spec": {"containers": [container]}}}}
    await kubectl("patch", "deploy", "d", "-p", json.dumps(strategic))
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    assert await kubectl("get", "deploy", "d", "-o", image) == "nginx:2"
    await kubectl("patch", "deploy", "d", "--type=merge", "-p", '{"spec":{"paused":true}}')
    operation = '[{"op":"replace","path":"/spec/replicas","value":5}]'
    await kubectl("patch", "deploy", "d", "--type=json", "-p", operation)
    read = json.loads(await kubectl("get", "deploy", "d", "-o", "json"))
    assert (read["spec"]["paused"], read["spec"]["replicas"]) == (True, 5)
    assert read["metadata"]["generation"] == 4


async def test_it_labels_annotates_scales_and_restarts(kubectl: Kubectl):
    await kubectl("create", "deployment", "d", "--image=nginx")
    await kubectl("label", "deploy", "d", "tier=front")
    await kubectl("annotate", "deploy", "d", "note=hello")
    await kubectl("scale", "deploy", "d", "--replicas=3")
    await kubectl("rollout", "restart", "deploy", "d")
    await kubectl("set", "image", "deploy/d", "nginx=nginx:3")
    read = json.loads(await kubectl("get", "deploy", "d", "-o", "json"))
    assert read["metadata"]["labels"]["tier"] == "front"
    assert read["metadata"]["annotations"]["note"] == "hello"
    assert read["spec"]["replicas"] == 3
    template = read["spec"]["template"]
    assert "kubectl.kubernetes.io/restartedAt" in template["metadata"]["annotations"]
    assert template["spec"]["containers"][0]["image"] == "nginx:3"
    await kubectl("label", "deploy", "d", "tier-")
    labels = await kubectl("get", "deploy", "d", "-o", "jsonpath={.metadata.labels}")
    assert "tier" not in labels


async def test_it_edits(kubectl: Kubectl):
    await kubectl("create", "configmap", "c", "--from-literal=colour=red")
    await kubectl("edit", "configmap", "c", KUBE_EDITOR="sed -i s/red/blue/")
    assert await kubectl("get", "cm", "c", "-o", "jsonpath={.data.colour}") == "blue"


async def test_a_dry_run_on_the_server_stores_nothing(kubectl: Kubectl):
    shown = await kubectl("apply", "--dry-run=server", "-o", "yaml", "-f", "-", stdin=POD)
    assert "terminationGracePeriodSeconds: 30" in shown
    assert "NotFound" in await kubectl.refused("get", "pod", "web")


async def test_it_shows_the_difference_that_an_apply_would_make(kubectl: Kubectl):
    await kubectl("apply", "-f", "-", stdin=POD)
    await kubectl("diff", "-f", "-", stdin=POD)
    answer = await kubectl.run("diff", "-f", "-", stdin=POD.replace("busybox", "alpine"))
    assert answer.code == 1
    assert "+  - image: alpine" in answer.out.replace("+    image: alpine", "+  - image: alpine")


async def test_a_file_that_lost_a_race_is_refused(kubectl: Kubectl, tmp_path: Path):
    await kubectl("create", "configmap", "c")
    file = tmp_path / "stale.yaml"
    file.write_text(await kubectl("get", "cm", "c", "-o", "yaml"))
    await kubectl("label", "cm", "c", "a=b")
    text = await kubectl.refused("replace", "-f", str(file))
    assert "the object has been modified; please apply your changes to the latest version" in text


async def test_what_exists_is_not_created_again(kubectl: Kubectl):
    await kubectl("create", "configmap", "c")
    text = await kubectl.refused("create", "configmap", "c")
    assert 'configmaps "c" already exists' in text


async def test_server_side_apply_is_refused_with_a_reason(kubectl: Kubectl):
    text = await kubectl.refused("apply", "--server-side", "-f", "-", stdin=POD)
    assert "is not supported by this server yet" in text
