"""The `shoal` command line against a running `shoal up`: what it prints, and how it fails."""

import gzip
import json
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from tests.command_line import TIMEOUT_S, Shoal
from tests.plane import SHOAL, Plane, plane

pytestmark = pytest.mark.xdist_group("cli")

TALKER = """
apiVersion: v1
kind: ConfigMap
metadata: {name: words, labels: {of: talker}}
data: {first: "2020-01-01"}
---
apiVersion: v1
kind: Pod
metadata: {name: talker, labels: {of: talker}}
spec:
  containers:
  - name: main
    image: busybox
    command: [sh, -c, 'echo one; echo $WORD; exec sleep 1000']
    env: [{name: WORD, valueFrom: {configMapKeyRef: {name: words, key: first}}}]
"""
HUGE = """
apiVersion: v1
kind: Pod
metadata: {name: huge}
spec:
  containers:
  - {name: main, image: busybox, command: ["true"], resources: {requests: {cpu: "1000"}}}
"""
WAITING_TASK = """
apiVersion: ploto.io/v1
kind: Task
metadata: {name: waiting}
spec: {executorPool: nowhere, executorPoolType: Fixed}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up() -> AsyncIterator[Plane]:
    async with plane() as each:
        yield each


@pytest.fixture
def manifest(tmp_path: Path):
    def write(text: str | bytes) -> str:
        path = tmp_path / "manifest.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


@pytest.fixture
def shoal(up: Plane, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shoal:
    monkeypatch.setenv("KUBECONFIG", str(up.kubeconfig))
    return Shoal(capsys, monkeypatch)


def test_objects_are_applied_shown_and_deleted(
    shoal: Shoal, manifest: Callable[[str | bytes], str]
) -> None:
    file = manifest(TALKER)
    assert shoal("apply", "-f", file) == ("configmap/words created\npod/talker created\n")
    assert shoal("apply", "-f", file) == ("configmap/words unchanged\npod/talker unchanged\n")
    table = shoal.until("Running", "get", "pods")
    assert table.split()[:5] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    as_json, as_yaml, named, wide, described, everywhere = (
        shoal("get", "cm", "words", "-o", "json"),
        shoal("get", "cm/words", "-o", "yaml"),
        shoal("get", "cm,pods", "-l", "of=talker", "-o", "name"),
        shoal("get", "pod", "talker", "-o", "wide"),
        shoal("describe", "pod", "talker"),
        shoal("get", "pods", "-A"),
    )
    assert json.loads(as_json)["data"] == {"first": "2020-01-01"}
    assert yaml.safe_load(as_yaml)["data"] == {"first": "2020-01-01"}
    assert named == "configmap/words\npod/talker\n"
    assert "NOMINATED NODE" in wide
    assert "Scheduled" in described and "phase: Running" in described
    assert everywhere.split()[0] == "NAMESPACE"
    changed = manifest(TALKER.replace("2020", "2021"))
    assert "configmap/words configured" in shoal("apply", "-f", changed)
    assert shoal("logs", "talker") == "one\n2020-01-01\n"
    assert shoal("logs", "pod/talker", "--tail", "1", "-c", "main") == "2020-01-01\n"
    assert shoal("delete", "-f", file, "--grace-period", "1") == (
        "pod/talker deleted\nconfigmap/words deleted\n"
    )
    assert shoal("get", "pods") == "No resources found in default namespace.\n"


def test_it_explains_why_pods_and_tasks_wait(
    shoal: Shoal, manifest: Callable[[str | bytes], str]
) -> None:
    shoal("apply", "-f", manifest(HUGE + "---" + WAITING_TASK))
    pod = shoal.until("Insufficient cpu", "explain", "pod", "huge")
    assert "0/1 nodes are available: 1 Insufficient cpu" in pod
    task = shoal.until("nowhere", "explain", "task/waiting")
    assert "Task default/waiting" in task
    shoal("delete", "pod/huge", "task/waiting")


HUGE_DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: wide}
spec:
  selector: {matchLabels: {of: wide}}
  template:
    metadata: {labels: {of: wide}}
    spec:
      containers:
      - {name: main, image: busybox, resources: {requests: {cpu: "1000"}}}
"""
POOL = """
apiVersion: ploto.io/v1
kind: FixedExecutorPool
metadata: {name: lone}
spec: {executor: 1, container: {name: main, image: busybox, command: [/no/such/binary]}}
"""
TASK_OF_THE_OTHER_TYPE = """
apiVersion: ploto.io/v1
kind: Task
metadata: {name: other}
spec: {executorPool: lone, executorPoolType: Dynamic}
"""


def test_it_explains_what_pools_and_deployments_wait_for(
    shoal: Shoal, manifest: Callable[[str | bytes], str]
) -> None:
    file = manifest("---".join((HUGE_DEPLOYMENT, POOL, TASK_OF_THE_OTHER_TYPE)))
    shoal("apply", "-f", file)
    head = "Deployment default/wide wants 1 replica: 1 updated, 0 available."
    shoal.until(head, "explain", "deploy", "wide")
    assert "MinimumReplicasUnavailable" in (
        shoal.until("Insufficient cpu", "explain", "deployment/wide")
    )
    pool = shoal.until("/no/such/binary", "explain", "fep", "lone")
    assert "FixedExecutorPool default/lone has " in pool and "(1 wanted)" in pool
    task = shoal.until("set executorPoolType to Fixed", "explain", "task", "other")
    assert "PoolOfOtherType" in task
    shoal("delete", "-f", file)


SMALL = """
apiVersion: v1
kind: Pod
metadata: {name: small}
spec:
  containers:
  - {name: main, image: busybox, command: [sleep, "1000"], resources: {requests: {cpu: 10m}}}
"""
GATED = """
apiVersion: v1
kind: Pod
metadata: {name: gated}
spec:
  schedulingGates: [{name: example.com/later}]
  containers: [{name: main, image: busybox}]
"""
UNSERVED = """
apiVersion: v1
kind: Pod
metadata: {name: unserved}
spec: {schedulerName: nobody, containers: [{name: main, image: busybox}]}
"""


def test_it_explains_who_refuses_a_pod_what_would_help_and_what_it_waits_for(
    shoal: Shoal, manifest: Callable[[str | bytes], str]
) -> None:
    shoal("apply", "-f", manifest("---".join((HUGE, GATED, UNSERVED))))
    story = shoal.until("1 attempt failed so far", "explain", "pod", "huge")
    assert "a node is added or offers other amounts (NodeResourcesFit)" in story
    assert story.splitlines()[-1].split() == ["NodeResourcesFit", "1", "1", "Insufficient", "cpu"]
    by_node = shoal("explain", "pod/huge", "--nodes").splitlines()
    assert by_node[-2].split() == ["NODE", "FITS", "REFUSED", "BY"]
    assert by_node[-1].endswith("no     NodeResourcesFit: Insufficient cpu")
    told = json.loads(shoal("explain", "pod", "huge", "-o", "json"))
    assert (told["reason"], told["now"]["feasible"]) == ("Unschedulable", [])
    assert told["waitsFor"]["NodeResourcesFit"]
    assert "scheduling gates until they go: example.com/later" in shoal("explain", "pod", "gated")
    assert 'No profile serves scheduler "nobody"' in shoal("explain", "pod", "unserved")
    assert 'serves scheduler "nobody"' in shoal.run("explain", "unserved", "--what-if").sentence
    shoal("delete", "pod/huge", "pod/gated", "pod/unserved")


def test_it_says_what_would_fit_if_something_were_different(
    shoal: Shoal, manifest: Callable[[str | bytes], str]
) -> None:
    shoal("apply", "-f", manifest(HUGE))
    flags = ("--what-if", "--cpu", "10m", "--add-node", "4x", "cpu=2000,memory=1Ti")
    rows = shoal("explain", "pod", "huge", *flags).splitlines()
    assert [row.split()[0:2] for row in rows[1:]] == [
        ["as", "it"],
        ["cpu", "10m"],
        ["4", "more"],
        ["all", "together"],
    ]
    tried = yaml.safe_load(shoal("explain", "pod", "huge", *flags, "-o", "yaml"))["whatIf"]
    assert [each["fits"] for each in tried] == [False, True, True, True]
    assert [each["room"] for each in tried][0::2] == [0, 8]
    assert tried[2]["node"] == "added-1"
    for words, sentence in (
        (("huge", "--cpu", "much"), '--cpu "much" is not an amount'),
        (("huge", "--add-node", "4x"), "--add-node 4x of what?"),
        (("huge", "--remove-node", "nope"), 'there is no node "nope" to remove'),
        (("huge", "--scheduler-config", "/nowhere"), "--scheduler-config /nowhere does not exist"),
        (("pod", "nope", "--what-if"), 'there is no pod "nope"'),
    ):
        assert sentence in shoal.run("explain", *words).sentence
    shoal("delete", "pod/huge")


def test_it_shows_the_scores_of_a_placed_pod(
    shoal: Shoal, manifest: Callable[[str | bytes], str]
) -> None:
    shoal("apply", "-f", manifest(SMALL))
    story = shoal.until("is Running on node", "explain", "pod", "small")
    assert "it would fit on 1 of 1 node; its own is number 1 of these" in story
    heads, scores = story.splitlines()[-2:]
    assert heads.split()[:2] == ["NODE", "TOTAL"] and "NodeResourcesFit" in heads
    assert "(its node)" in scores
    told = json.loads(shoal("explain", "pod", "small", "-o", "json"))
    assert told["now"]["best"] == [told["nodeName"]]
    shoal("delete", "pod/small", "--grace-period", "1")


def test_recorded_cases_are_answered_line_by_line(shoal: Shoal, tmp_path: Path) -> None:
    cases = tmp_path / "cases.jsonl"
    cases.write_text('{"nodes": [], "pod": {}}\nnonsense\n\n{"pod": {}}\n')
    said = shoal.run("explain", "--cases", str(cases))
    answer = '{"filter":{},"feasible":[],"message":"no nodes available to schedule pods"}\n'
    assert (said.code, said.out) == (1, 2 * answer)
    assert f"error: {cases}, line 2 is not a case: it is no JSON" in said.sentence
    cases.write_bytes(gzip.compress(b'{"pod": {}}'))
    assert shoal("explain", "--cases", str(cases)) == answer
    preemption = json.loads(shoal("explain", "--preemption", "--cases", str(cases)))
    assert (preemption["node"], preemption["victims"]) == ("", [])


def test_made_up_clusters_are_answered_line_by_line(shoal: Shoal, tmp_path: Path) -> None:
    cases, expected = tmp_path / "cases.jsonl", tmp_path / "expected.jsonl"
    group = {"metadata": {"name": "g", "namespace": "a"}, "spec": {"queue": "q"}}
    case = {"queues": [{"metadata": {"name": "q"}}], "podGroups": [group]}
    cases.write_text(f"{json.dumps(case)}\n\n{{}}\n")
    assert [json.loads(each)["phases"] for each in shoal("sim", "--cases", str(cases)).split()] == [
        {"a/g": "Inqueue"},
        {},
    ]
    expected.write_text('{"phases": {"a/g": "Inqueue"}}\n{}\n')
    compared = shoal("sim", "--cases", str(cases), "--expected", str(expected))
    assert compared == "2 of 2 cases as expected\n"
    expected.write_text('{"phases": {"a/g": "Running"}}\n{"binds": {}}\n')
    said = shoal.run("sim", "--cases", str(cases), "--expected", str(expected))
    assert (said.code, said.out.splitlines()[1:]) == (
        1,
        ['1      phases   {"a/g":"Running"}   {"a/g":"Inqueue"}', "1 of 2 cases as expected"],
    )
    cases.write_text('{"cycles": "x"}\n{}\n')
    said = shoal.run("sim", "--cases", str(cases))
    assert (said.code, said.out.count("\n")) == (1, 1)
    assert f"error: {cases}, line 1 is not a case: Expected `int`" in said.sentence


def test_a_log_is_followed_to_its_end(shoal: Shoal, manifest: Callable[[str | bytes], str]) -> None:
    script = "echo a; sleep 0.3; echo b"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "short"},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "c", "image": "b", "command": ["sh", "-c", script]}],
        },
    }
    shoal("apply", "-f", manifest(json.dumps(pod)))
    assert shoal.until("a", "logs", "short", "--follow") == "a\nb\n"
    shoal("delete", "pod", "short")


def test_version_and_help_need_no_server(shoal: Shoal) -> None:
    assert shoal("version").startswith("shoal 0.")
    for words in ((), ("--help",), ("get", "--help"), ("bench",), ("plugin",)):
        assert "Usage: shoal" in shoal(*words)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("frob",), "no such command 'frob'; see shoal --help"),
        (("get",), "missing argument 'KIND [NAME]...'; see shoal get --help"),
        (("get", "pods", "--colour"), "no such option: --colour"),
        (("get", "pods", "-o", "xml"), "'xml' is not one of"),
        (("get", "frobs"), 'the server doesn\'t have a resource type "frobs"'),
        (("get", "pods", "nope"), 'pods "nope" not found'),
        (("get", "pods", "ns/default"), "not both in one command"),
        (("get", "ns/a/b"), "a name holds no slash"),
        (("get", "pods", "-l", "a in ("), "unable to parse requirement"),
        (("get", "pods", "--kubeconfig", "/nowhere"), "there is no kubeconfig at /nowhere"),
        (("describe", "node", "nope"), 'nodes "nope" not found'),
        (("logs", "nope"), 'pods "nope" not found'),
        (("logs", "deploy/web"), 'deployments.apps "web" not found'),
        (
            ("explain",),
            "name a pod, task, executor pool, deployment, job, podgroup, queue or worker",
        ),
        (("explain", "pod", "a", "b"), "one thing is explained at a time; leave out b"),
        (("explain", "a", "--preemption"), "--preemption is for recorded cases"),
        (("explain", "--what-if", "--cases", "/nowhere"), "leave out names and --what-if"),
        (("explain", "--cases", "/nowhere"), "cannot read --cases /nowhere: No such file"),
        (("sim",), "name a file of cases with --cases"),
        (("sim", "--cases", "/nowhere"), "cannot read --cases /nowhere: No such file"),
        (("explain", "nope"), '"nope" in namespace "default"'),
        (("explain", "node", "nope"), 'cannot explain a "node"'),
        (("apply",), "name a file, a folder or - with -f"),
        (("apply", "-f", "/nowhere"), 'the path "/nowhere" does not exist'),
        (("delete",), "name either objects (KIND NAME...) or files (-f)"),
        (("delete", "pods"), "name an object, a selector (-l) or --all"),
        (("delete", "pod", "nope"), 'pods "nope" not found'),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    shoal: Shoal, words: tuple[str, ...], sentence: str
) -> None:
    assert sentence in shoal.run(*words).sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "is not valid YAML"),
        (b"\xff\xfe\x00", "is not valid YAML"),
        ("{}", "holds an object without apiVersion; add it"),
        ("{apiVersion: v1, kind: Pod}", "holds a Pod without metadata.name; add it"),
        ("{apiVersion: v1, kind: Pod, metadata: []}", "holds a list as metadata"),
        ("{apiVersion: v1, kind: Frob, metadata: {name: x}}", 'asks for kind "Frob"'),
        ("{apiVersion: apps/v9, kind: Deployment, metadata: {name: x}}", '"apps/v9"'),
        (
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, colour: red}",
            'unknown field "colour"',
        ),
        (
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: X}}",
            "a lowercase RFC 1123 subdomain must consist of",
        ),
        (
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: x}, data: {a: {b: c}}}",
            "cannot be handled as a ConfigMap",
        ),
        (
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: nowhere}}",
            'namespaces "nowhere" not found',
        ),
    ],
)
def test_a_manifest_that_makes_no_sense_is_one_sentence(
    shoal: Shoal, manifest: Callable[[str | bytes], str], text: str | bytes, sentence: str
) -> None:
    assert sentence in shoal.run("apply", "-f", manifest(text)).sentence


def test_a_server_that_is_not_there_is_one_sentence(
    shoal: Shoal, up: Plane, tmp_path: Path
) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(up.kubeconfig.read_text().replace(str(up.port), "1"))
    words = ("get", "pods", "--kubeconfig", str(kubeconfig))
    said = shoal.run(*words).sentence
    assert "127.0.0.1:1" in said
    assert said.endswith("Connection refused; is `shoal up` running?\n")
    kubeconfig.write_text("{")
    assert str(kubeconfig) in shoal.run(*words).sentence


def test_a_reader_that_leaves_early_is_no_error(up: Plane) -> None:
    piped = subprocess.run(
        f"{SHOAL} get namespaces -o yaml | head -n 1",
        shell=True,
        capture_output=True,
        timeout=TIMEOUT_S,
        env={**os.environ, "KUBECONFIG": str(up.kubeconfig)},
    )
    assert (piped.stdout, piped.stderr) == (b"apiVersion: v1\n", b"")
