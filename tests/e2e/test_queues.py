"""Queues and jobs on the command line against `shoal up`, as docs/howto/queues.md has it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from shoal.api.volcano.keys import GROUP_NAME, QUEUE_NAME
from shoal.testing.builders import make_pod
from tests.command_line import Shoal
from tests.plane import Plane, plane

pytestmark = pytest.mark.xdist_group("queues")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def up() -> AsyncIterator[Plane]:
    async with plane("--node-resources", "cpu=4,memory=8Gi") as each:
        yield each


@pytest.fixture
def shoal(up: Plane, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shoal:
    monkeypatch.setenv("KUBECONFIG", str(up.kubeconfig))
    return Shoal(capsys, monkeypatch)


def test_jobs_wait_in_queues_and_it_is_said_why(shoal: Shoal) -> None:
    shoal("queue", "create", "science", "--weight", "3")
    shoal("queue", "create", "-n", "web", "-w", "1", "--capability", "cpu=3")
    sleep = ("--", "sleep", "1000")
    assert shoal("job", "run", "-N", "crawl", "-q", "web", "-r", "2", "-m", "2", *sleep) == (
        "run job crawl successfully\n"
    )
    shoal.until("crawl-default0-1   1/1     Running", "pod", "list", "-q", "web")
    shoal("job", "run", "-N", "index", "-q", "web", "-r", "2", "-m", "2", *sleep)
    story = shoal.until("NotEnoughResources", "explain", "job", "index")
    assert "Queue web may have 3 cpu at most and holds 2, this needs 2: short by 1." in story
    assert "It is held by Job default/crawl of queue web (2)." in story
    told = shoal.until("2 PodGroups in it; 1 waits.", "explain", "queue", "web")
    assert "1. Job default/index is Pending" in told

    shoal("job", "run", "-N", "train", "-q", "science", "-r", "3", "-m", "3", *sleep)
    shoal.until("train-default0-2   1/1     Running", "pod", "list", "--job", "train")
    table = shoal.until("100%    cpu=3", "top", "queues", "--once")
    assert table.startswith("QUEUE") and "\n├─ science   Open    3 " in table
    view = shoal.until("is Running; it needs 3 members, cpu=3", "job", "view", "train")
    assert "default0   3          3     0         3 " in view

    assert shoal("job", "suspend", "train") == "suspend job train successfully\n"
    assert "`shoal job resume train` starts it anew" in shoal("explain", "vj/train")
    assert shoal("job", "resume", "-N", "train") == "resume job train successfully\n"
    for name in ("crawl", "index", "train"):
        assert shoal("job", "delete", name) == f"delete job {name} successfully\n"
    shoal.until("No resources found", "job", "list", "--all-namespaces")


def test_a_queue_is_closed_opened_weighed_and_deleted(shoal: Shoal) -> None:
    shoal("queue", "create", "lab")
    assert shoal("queue", "close", "lab") == "queue lab is Closed\n"
    refused = shoal.run("job", "run", "-N", "late", "-q", "lab").sentence
    assert (
        "can only submit job to queue with state `Open`, queue `lab` status is `Closed`" in refused
    )
    assert shoal("queue", "operate", "-n", "lab", "-a", "open") == "queue lab is Open\n"
    shoal("queue", "operate", "lab", "-a", "update", "-w", "7")
    assert shoal("queue", "get", "lab").splitlines()[1].split()[:3] == ["lab", "7", "Open"]
    assert shoal("queue", "delete", "lab") == "delete queue lab successfully\n"
    assert '"lab" not found' in shoal.run("queue", "get", "-n", "lab").sentence


def test_a_pod_tells_what_its_gang_waits_for(shoal: Shoal, tmp_path: Path) -> None:
    annotations = {GROUP_NAME: "pair"}
    pod = make_pod("half").scheduler("volcano").req(cpu="1").annotations(**annotations).manifest()
    manifest = tmp_path / "pod.yaml"
    manifest.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", **pod}))
    shoal("apply", "-f", str(manifest))
    story = shoal("explain", "pod", "half")
    assert "Pod default/half waits to be placed with the rest of its gang." in story
    assert "Its PodGroup pair does not exist: nothing is placed before it does." in story
    pair = {
        "apiVersion": "scheduling.volcano.sh/v1beta1",
        "kind": "PodGroup",
        "metadata": {"name": "pair"},
        "spec": {"minMember": 2},
    }
    manifest.write_text(yaml.safe_dump(pair))
    shoal("apply", "-f", str(manifest))
    story = shoal.until("Not enough valid tasks", "explain", "pod", "half")
    assert "1 pod that it needs does not exist" in story
    assert "shoal explain pod half" not in story
    shoal("delete", "pod", "half")
    shoal("delete", "-f", str(manifest))


def test_a_pod_without_a_podgroup_tells_why_none_is_made(shoal: Shoal, tmp_path: Path) -> None:
    pod = make_pod("lost").scheduler("volcano").req(cpu="1").annotations(**{QUEUE_NAME: "nowhere"})
    manifest = tmp_path / "pod.yaml"
    manifest.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", **pod.manifest()}))
    shoal("apply", "-f", str(manifest))
    story = shoal.until("Warning FailedCreatePodGroup", "explain", "pod", "lost")
    assert story.startswith("Pod default/lost waits for its PodGroup")
    assert 'queue.scheduling.volcano.sh "nowhere" not found' in story
    shoal("queue", "create", "nowhere")
    shoal.until("on node", "explain", "pod", "lost")
    shoal("delete", "pod", "lost")
    shoal("queue", "delete", "nowhere")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("queue", "get"), "which queue? give its name"),
        (("queue", "get", "a", "-n", "b"), "name one queue, not both a and b"),
        (("queue", "operate", "-n", "a"), "action can not be null"),
        (("queue", "create", "a", "-S", "Ajar"), 'a queue is made Open or Closed, not "Ajar"'),
        (("queue", "create", "a", "--capability", "cpu"), '--capability: "cpu" is not NAME=AMOUNT'),
        (("queue", "create", "a", "--weight", "0"), "should be greater than or equal to 1"),
        (("queue", "close", "root"), "queue root cannot be closed"),
        (("queue", "delete", "default"), "`default` queue can not be deleted"),
        (("job", "run"), "job name cannot be left blank"),
        (("job", "run", "-N", "a", "-R", "cpu=x"), '--requests: "x" is no amount of cpu'),
        (("job", "view"), "which job? give its name"),
        (("job", "view", "nope"), 'jobs.batch.volcano.sh "nope" not found'),
        (("jobflow", "create"), "name a file, a folder or - with -f"),
        (("jobflow", "describe", "a", "-o", "wide"), "unsupported format wide; use yaml or json"),
        (("jobtemplate", "delete"), "which jobtemplate? give its name"),
        (("flow", "get", "nope"), 'jobflows.flow.volcano.sh "nope" not found'),
        (("explain", "podgroup", "nope"), 'there is no podgroup "nope" in namespace "default"'),
        (("explain", "queue", "nope"), 'there is no queue "nope"'),
    ],
)
def test_what_cannot_be_done_with_queues_and_jobs_is_one_sentence(
    shoal: Shoal, words: tuple[str, ...], sentence: str
) -> None:
    assert sentence in shoal.run(*words).sentence


def test_help_needs_no_server(shoal: Shoal) -> None:
    for group in ("queue", "job", "pod", "jobflow", "jobtemplate", "top"):
        assert f"Usage: shoal {group}" in shoal(group, "--help")
