"""`shoal up` as a process: what it refuses, how it ends, and what outlives it."""

import asyncio
import json
import os
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.kubectl import OF_THE_WHEEL, Kubectl
from tests.plane import SHOAL, Plane, plane
from tests.waiting import SLOW_PAUSE_S, eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("shoal-up"),
]

TIMEOUT_S = 60
FLAGS = ("--nodes", "3", "--node-resources", "cpu=4,memory=8Gi,nvidia.com/gpu=2")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up() -> AsyncIterator[Plane]:
    async with plane(*FLAGS) as each:
        yield each


@pytest.fixture
def kubectl(up: Plane, tmp_path: Path) -> Kubectl:
    return Kubectl(OF_THE_WHEEL, up.kubeconfig, tmp_path)


async def refusal(*words: str | Path) -> str:
    """The only line of a `shoal up` that must not start."""
    process = await asyncio.create_subprocess_exec(
        SHOAL, "up", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    finally:
        if process.returncode is None:
            process.kill()
    assert (process.returncode, out) == (1, b""), err
    assert err.startswith(b"error: ") and err.count(b"\n") == 1, err.decode()
    return err.decode()


def pod(name: str, script: str, **limits: str) -> str:
    container = {
        "name": "main",
        "image": "busybox",
        "command": ["sh", "-c", script],
        "resources": {"limits": limits},
    }
    spec = {"restartPolicy": "OnFailure", "containers": [container]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    return json.dumps(body)


async def status_of(kubectl: Kubectl, name: str) -> dict[str, object]:
    """Of the pod's only container."""
    read = json.loads(await kubectl("get", "pod", name, "-o", "json"))
    return read["status"]["containerStatuses"][0]


async def test_the_kubeconfig_and_the_data_are_for_their_owner_alone(up: Plane) -> None:
    assert stat.S_IMODE(up.kubeconfig.stat().st_mode) == 0o600
    secrets = [path for path in (up.folder / "pki").iterdir() if path.suffix != ".crt"]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in secrets} == {0}


async def test_virtual_nodes_offer_what_they_were_given(kubectl: Kubectl) -> None:
    nodes = json.loads(await kubectl("get", "nodes", "-o", "json"))["items"]
    assert len(nodes) == 3
    for node in nodes:
        capacity = node["status"]["capacity"]
        assert (capacity["cpu"], capacity["memory"], capacity["nvidia.com/gpu"]) == (
            "4", "8Gi", "2",
        )  # fmt: skip
        assert {c["type"]: c["status"] for c in node["status"]["conditions"]}["Ready"] == "True"


async def test_pods_share_out_the_gpus_and_the_last_waits(kubectl: Kubectl) -> None:
    names = [f"gpu-{i}" for i in range(4)]
    for name in names:
        await kubectl("apply", "-f", "-", stdin=pod(name, "sleep 1000", **{"nvidia.com/gpu": "2"}))
    await kubectl("wait", "--for=jsonpath={.status.phase}=Running", "pod", *names[:3])
    where = await kubectl("get", "pods", *names[:3], "-o", "jsonpath={.items[*].spec.nodeName}")
    assert len(set(where.split())) == 3

    async def is_told() -> bool:
        described = await kubectl("describe", "pod", names[3])
        return "0/3 nodes are available: 3 Insufficient nvidia.com/gpu." in described

    await eventually(is_told, pause_s=SLOW_PAUSE_S)
    await kubectl("delete", "pod", names[0], "--now")
    await kubectl("wait", "--for=condition=Ready", f"pod/{names[3]}", "--timeout=50s")
    await kubectl("delete", "pods", "--all", "--now")


async def test_a_second_one_says_who_has_the_data_or_the_port(up: Plane, tmp_path: Path) -> None:
    same_data, same_port = await asyncio.gather(
        refusal("--data-dir", up.folder, "--port", "0"),
        refusal("--data-dir", tmp_path / "other", "--port", str(up.port)),
    )
    assert "is in use by another process" in same_data
    assert f"127.0.0.1:{up.port}" in same_port and "Address already in use" in same_port


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--port", "99999"), "--port 99999 is not between 0 and 65535"),
        (("--nodes", "0"), "invalid value for '--nodes'"),
        (("--config", "/nowhere.yaml"), "--config /nowhere.yaml does not exist"),
        (("--data-dir", "/proc/here"), "/proc/here"),
        (("--no-such-flag",), "no such option: --no-such-flag"),
    ],
)
async def test_flags_that_make_no_sense_are_one_sentence(
    tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    assert sentence in await refusal("--data-dir", tmp_path, "--port", "0", *words)


async def test_a_data_file_that_is_none_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    file.write_text("not a database, but mine " * 100)
    assert str(file) in await refusal("--data-dir", tmp_path, "--port", "0")
    assert file.read_text() == "not a database, but mine " * 100


async def test_it_ends_at_once_while_it_is_watched_and_starts_again_with_all_objects(
    up: Plane, kubectl: Kubectl
) -> None:
    await kubectl("create", "configmap", "kept", "--from-literal=a=b")
    version = "jsonpath={.metadata.resourceVersion}"
    before = await kubectl("get", "configmap", "kept", "-o", version)
    async with (
        kubectl.following("get", "pods", "-A", "-w") as watched,
        kubectl.following("get", "configmaps", "-w") as others,
    ):
        await others.until("kept")
        assert await up.stop() == 0
        # kubectl ends when its stream does.
        assert await asyncio.wait_for(watched.process.wait(), TIMEOUT_S) in {0, 1}
    await up.start()
    assert await kubectl("get", "configmap", "kept", "-o", version) == before
    assert "Ready" in await kubectl("get", "nodes")
    assert up.stderr() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_either_signal_ends_it_cleanly(up: Plane, number: signal.Signals) -> None:
    assert up.process is not None
    up.process.send_signal(number)
    assert await asyncio.wait_for(up.process.wait(), TIMEOUT_S) == 0
    await up.start()


async def test_pods_outlive_kill_9_and_are_found_again(
    up: Plane, kubectl: Kubectl, tmp_path: Path
) -> None:
    go = up.folder / "go"
    await kubectl("apply", "-f", "-", stdin=pod("stays", "echo a; sleep 1000"))
    ends = f"while ! test -e {go}; do sleep 0.05; done; echo done; exit 42"
    manifest = json.loads(pod("ends", ends))
    manifest["spec"] |= {
        "restartPolicy": "Never",
        "volumes": [{"name": "v", "hostPath": {"path": str(up.folder)}}],
    }
    manifest["spec"]["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": str(up.folder)}]
    await kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    await kubectl("wait", "--for=condition=Ready", "pod/stays", "pod/ends", "--timeout=50s")
    before = await status_of(kubectl, "stays")

    await up.kill()
    go.touch()
    await eventually(lambda: not runs(up.folder, "test -e"), "the end of the pod")
    await up.start()

    await kubectl("wait", "--for=jsonpath={.status.phase}=Failed", "pod/ends", "--timeout=50s")
    ended = (await status_of(kubectl, "ends"))["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (42, "Error")
    assert await kubectl("logs", "ends") == "done\n"
    after = await status_of(kubectl, "stays")
    assert after["restartCount"] == 0
    assert (after["containerID"], after["state"]) == (before["containerID"], before["state"])
    assert await kubectl("logs", "stays") == "a\n"
    await kubectl("delete", "pods", "--all", "--now")


def runs(folder: Path, words: str) -> bool:
    """Whether a process has both in its command line."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        if str(folder) in command and words in command:
            return True
    return False


BOATS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.sea.example}
spec:
  group: sea.example
  scope: Namespaced
  names: {plural: boats, kind: Boat}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
"""
BOAT = """
apiVersion: sea.example/v1
kind: Boat
metadata: {name: moored, finalizers: [sea.example/rope]}
"""


async def test_a_definition_waits_for_its_last_object_even_beyond_kill_9(
    up: Plane, kubectl: Kubectl
) -> None:
    await kubectl("apply", "-f", "-", stdin=BOATS)
    await kubectl("apply", "-f", "-", stdin=BOAT)
    await kubectl("delete", "crd", "boats.sea.example", "--wait=false")
    other = BOAT.replace("moored", "other")
    assert "definition is terminating" in await kubectl.refused("create", "-f", "-", stdin=other)

    await up.kill()
    await up.start()
    marked = await kubectl("get", "boat", "moored", "-o", "jsonpath={.metadata.deletionTimestamp}")
    assert marked
    untie = '{"metadata": {"finalizers": null}}'
    await kubectl("patch", "boat", "moored", "--type=merge", "-p", untie)
    await kubectl("wait", "--for=delete", "crd/boats.sea.example", "--timeout=50s")


async def test_who_wants_into_a_pod_is_told_that_there_is_no_way_yet(
    up: Plane, kubectl: Kubectl
) -> None:
    await kubectl("apply", "-f", "-", stdin=pod("shut", "sleep 1000"))
    await kubectl("wait", "--for=condition=Ready", "pod/shut", "--timeout=50s")
    for words, feature in (
        (("exec", "shut", "--", "true"), "exec"),
        (("attach", "shut"), "attach"),
        (("cp", "shut:/etc/hostname", "/dev/null"), "exec"),
        (("port-forward", "pod/shut", ":80"), "port-forward"),
    ):
        refused = await kubectl.refused(*words)
        assert f"{feature} is not supported by this server yet" in refused
    refused = await kubectl.refused("debug", "shut", "--image=busybox")
    assert "ephemeral containers are disabled for this cluster" in refused
    assert up.stderr() == ""
    await kubectl("delete", "pod", "shut", "--now")


async def test_the_service_kubernetes_leads_to_the_server(up: Plane, kubectl: Kubectl) -> None:
    endpoints = json.loads(await kubectl("get", "endpoints", "kubernetes", "-o", "json"))
    (subset,) = endpoints["subsets"]
    (node, *_) = json.loads(await kubectl("get", "nodes", "-o", "json"))["items"]
    (host,) = [a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"]
    assert (subset["addresses"][0]["ip"], subset["ports"][0]["port"]) == (host, up.port)
    address = await kubectl("get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}")
    assert address.endswith(".1")


async def test_a_kubeconfig_can_be_written_elsewhere(tmp_path: Path) -> None:
    named = tmp_path / "folder" / "config"
    async with plane("--kubeconfig", str(named)) as each:
        kubectl = Kubectl(OF_THE_WHEEL, named, tmp_path)
        assert "Ready" in await kubectl("get", "nodes")
        assert stat.S_IMODE(os.stat(named).st_mode) == 0o600
        assert not each.kubeconfig.exists()
