"""What the commands on queues, jobs and flows do to a cluster in memory, and print."""

import asyncio
import json
from contextlib import asynccontextmanager
from io import StringIO

import pytest
from rich.console import Console

from shoal.api.core import EVENTS, EventType
from shoal.api.crds import all_crds
from shoal.api.node import NODES
from shoal.api.pod import PODS
from shoal.api.status import ApiError
from shoal.api.volcano.command import COMMANDS
from shoal.api.volcano.flow import JOB_FLOWS
from shoal.api.volcano.job import JOBS
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.api.volcano.queue import QUEUES, QueueState
from shoal.base.clock import SystemClock
from shoal.cli.explain import explain
from shoal.cli.output import CliError, OutputFormat
from shoal.cli.volcano import flows, jobs, pods, queues
from shoal.cli.volcano.job_view import view_job
from shoal.cli.volcano.top import top_queues
from shoal.client.events import EventRecorder
from shoal.testing.builders import make_pod
from shoal.testing.cluster import memory_cluster
from shoal.testing.volcano import make_job, make_pod_group, make_queue

NS = "default"
STATES = {
    "OpenQueue": "Open",
    "CloseQueue": "Closed",
    "AbortJob": "Aborted",
    "ResumeJob": "Running",
}
FLOW = """
apiVersion: flow.volcano.sh/v1alpha1
kind: {kind}
metadata: {{name: {name}}}
spec: {{}}
"""


@asynccontextmanager
async def cluster(*, obeys: bool = False):
    """Its client; with a stand-in for the controllers where commands are obeyed."""
    async with memory_cluster(crds=all_crds()) as memory:
        task = asyncio.create_task(obey(memory.client)) if obeys else None
        yield memory.client
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def obey(client):
    async with client.watch(COMMANDS, send_initial_events=True) as events:
        async for event in events:
            asked = event.object
            if asked is None or event.type != "ADDED":
                continue
            await client.delete(COMMANDS, asked.metadata.name, asked.metadata.namespace)
            state, name = STATES[asked.action], asked.target.name
            if asked.target.kind == "Queue":
                await patch_status(client, QUEUES, name, "", {"state": state})
            else:
                await patch_status(client, JOBS, name, NS, {"state": {"phase": state}})


async def patch_status(client, resource, name, namespace, status):
    await client.patch(resource, name, {"status": status}, namespace, subresource="status")


async def make(client, resource, builder):
    """With its status, which a create leaves out where it is a subresource."""
    body = builder.manifest()
    status = body.pop("status", None)
    if resource is POD_GROUPS and status:
        body["status"] = status
    namespace = NS if resource.namespaced else ""
    made = await client.create(resource, body, namespace)
    if status and resource is not POD_GROUPS:
        await patch_status(client, resource, made.metadata.name, namespace, status)
    return made


def lines_of(capsys) -> list[list[str]]:
    return [line.split() for line in capsys.readouterr().out.splitlines()]


async def test_queues_are_listed_with_their_groups_by_phase(capsys):
    async with cluster() as client:
        await make(client, QUEUES, make_queue("q").weight(3).parent("root"))
        for name, phase in (("a", "Inqueue"), ("b", "Running"), ("c", "Running"), ("d", "Pending")):
            await make(client, POD_GROUPS, make_pod_group(name).queue("q").phase(phase))
        await queues.list_queues(client, "q")
        heads, row = lines_of(capsys)
        assert heads == list(queues.HEADS)
        assert row == ["q", "3", "Open", "root", "1", "1", "2", "0", "0"]
        with pytest.raises(ApiError, match='"nope" not found'):
            await queues.list_queues(client, "nope")


async def test_a_queue_is_made_with_what_was_given_and_nothing_else(capsys):
    async with cluster() as client:
        body = queues.queue_manifest("q", weight=2, capability={"cpu": "4"}, deserved=None)
        await queues.create_queue(client, body, QueueState.OPEN)
        made = await client.get(QUEUES.untyped(), "q")
        assert made["spec"].items() >= {"weight": 2, "capability": {"cpu": "4"}}.items()
        assert "deserved" not in made["spec"]
        assert not (await client.list(COMMANDS)).items
        assert capsys.readouterr().out == "create queue q successfully\n"


async def test_a_queue_that_is_made_closed_is_asked_to_close():
    async with cluster() as client:
        await queues.create_queue(client, queues.queue_manifest("q"), QueueState.CLOSED)
        (asked,) = (await client.list(COMMANDS)).items
        assert (asked.action, asked.target.name) == ("CloseQueue", "q")
        assert asked.metadata.name.startswith("q-closequeue-")


async def test_closing_and_opening_wait_until_the_queue_is_there(capsys):
    async with cluster(obeys=True) as client:
        await make(client, QUEUES, make_queue("q"))
        await queues.close_queue(client, "q", 10)
        assert (await client.get(QUEUES, "q")).status.state == "Closed"
        await queues.operate_queue(client, "q", "open", 0, 10)
        assert (await client.get(QUEUES, "q")).is_open
        await queues.operate_queue(client, "q", "close", 0, None)
    assert capsys.readouterr().out.splitlines() == [
        "queue q is Closed",
        "queue q is Open",
        "queue q is asked to close",
    ]


async def test_a_queue_that_is_closing_says_what_is_left_in_it(capsys):
    async with cluster() as client:
        await make(client, QUEUES, make_queue("q"))
        await make(client, POD_GROUPS, make_pod_group("g").queue("q"))
        await patch_status(client, QUEUES, "q", "", {"state": "Closing"})
        await queues.close_queue(client, "q", 10)
        said = "queue q is Closing: it takes nothing more, and is Closed when its 1 PodGroup left\n"
        assert capsys.readouterr().out == said


async def test_a_queue_that_nobody_closes_is_told_of_after_the_time_is_up():
    async with cluster() as client:
        queue = await make(client, QUEUES, make_queue("q"))
        with pytest.raises(CliError, match="queue q is not closed after 0 s: nobody has said why"):
            await queues.close_queue(client, "q", 0)
        about = {"kind": "Queue", "name": "q", "uid": queue.metadata.uid}
        warning = {
            "metadata": {"name": "w"},
            "involvedObject": about,
            "type": "Warning",
            "message": "it is needed",
        }
        await client.create(EVENTS, warning, NS)
        with pytest.raises(CliError, match="after 0 s: it is needed"):
            await queues.close_queue(client, "q", 0)


async def test_what_a_queue_cannot_do_is_refused_before_it_is_asked():
    async with cluster() as client:
        await make(client, QUEUES, make_queue("above").state("Closing"))
        await make(client, QUEUES, make_queue("q").parent("above").state("Closed"))
        with pytest.raises(CliError, match="its parent queue above is closing or closed"):
            await queues.open_queue(client, "q", 10)
        with pytest.raises(CliError, match="queue root cannot be closed"):
            await queues.close_queue(client, "root", 10)
        with pytest.raises(CliError, match="action sell invalid, valid actions are open, close"):
            await queues.operate_queue(client, "q", "sell", 0, 10)
        with pytest.raises(CliError, match="the value must be greater than 0"):
            await queues.operate_queue(client, "q", "update", 0, 10)
        assert not (await client.list(COMMANDS)).items


async def test_a_queue_gets_another_weight_and_goes():
    async with cluster() as client:
        await make(client, QUEUES, make_queue("q"))
        await queues.operate_queue(client, "q", "update", 7, None)
        assert (await client.get(QUEUES, "q")).spec.weight == 7
        await queues.delete_queue(client, "q")
        with pytest.raises(ApiError, match='"q" not found'):
            await client.get(QUEUES, "q")


async def test_jobs_are_run_listed_and_deleted(capsys):
    async with cluster() as client:
        await jobs.run_job(client, jobs.RunFlags(name="hi", replicas=2), NS)
        await jobs.list_jobs(client, NS, jobs.JobFilter(), all_namespaces=True)
        _, heads, row = lines_of(capsys)
        assert heads == ["Namespace", *jobs.HEADS]
        assert (row[0], row[1], row[3], row[4]) == (NS, "hi", "Batch", "2")
        await jobs.delete_job(client, "hi", NS)
        await jobs.list_jobs(client, NS, jobs.JobFilter(), all_namespaces=False)
        assert lines_of(capsys)[-1] == ["No", "resources", "found"]


async def test_a_file_of_jobs_may_hold_nothing_else(tmp_path, capsys):
    both = tmp_path / "both.yaml"
    job = json.dumps(make_job("a").task("main").manifest() | {"metadata": {"name": "a"}})
    both.write_text(f"{job}\n---\napiVersion: batch/v1\nkind: Job\n")
    async with cluster() as client:
        with pytest.raises(CliError, match="holds a Job of batch/v1; `job run` takes Jobs of"):
            await jobs.run_files(client, [str(both)], NS)
        assert not (await client.list(JOBS)).items
        both.write_text(job)
        await jobs.run_files(client, [str(both)], NS)
        assert capsys.readouterr().out == "run job a successfully\n"


async def test_a_job_is_suspended_and_resumed(capsys):
    async with cluster(obeys=True) as client:
        await make(client, JOBS, make_job("j").task("a").phase("Running"))
        with pytest.raises(CliError, match="job j is Running: only a suspended job can be resumed"):
            await jobs.resume_job(client, "j", NS, 10)
        await jobs.suspend_job(client, "j", NS, 10)
        assert (await client.get(JOBS, "j", NS)).phase == "Aborted"
        await jobs.resume_job(client, "j", NS, 10)
        await jobs.suspend_job(client, "j", NS, None)
        await patch_status(client, JOBS, "j", NS, {"state": {"phase": "Completed"}})
        with pytest.raises(CliError, match="job j is Completed already"):
            await jobs.suspend_job(client, "j", NS, 10)
    assert capsys.readouterr().out.splitlines() == [
        "suspend job j successfully",
        "resume job j successfully",
        "job j is asked to suspend",
    ]


async def make_pods(client):
    """One of a job, one of its queue by annotation, one by its PodGroup, one of nobody."""
    labels = {"volcano.sh/job-name": "j", "volcano.sh/queue-name": "q", "volcano.sh/task-spec": "a"}
    plain = make_pod("plain").container()
    await client.create(PODS, plain.meta(name="of-job").labels(**labels).manifest(), NS)
    noted = plain.annotations(**{"scheduling.volcano.sh/queue-name": "q"}).meta(name="noted")
    await client.create(PODS, noted.manifest(), NS)
    grouped = plain.annotations(**{"scheduling.k8s.io/group-name": "g"}).meta(name="grouped")
    await client.create(PODS, grouped.manifest(), NS)
    await client.create(PODS, plain.manifest(), NS)
    await make(client, POD_GROUPS, make_pod_group("g").queue("q"))


async def test_pods_are_listed_by_job_and_by_queue(capsys):
    async def listed(client, **wanted) -> list[str]:
        await pods.list_pods(client, NS, **wanted)
        return [line[0] for line in lines_of(capsys)]

    async with cluster() as client:
        await make(client, QUEUES, make_queue("q"))
        await make_pods(client)
        assert await listed(client) == ["Name", "of-job"]
        assert await listed(client, job="j", queue="q") == ["Name", "of-job"]
        assert await listed(client, queue="q") == ["Name", "grouped", "noted", "of-job"]
        assert await listed(client, queue="x") == ["No"]
        assert await listed(client, all_namespaces=True) == ["Namespace", NS]
        with pytest.raises(CliError, match="the input vcjob j does not match the queue x"):
            await pods.list_pods(client, NS, job="j", queue="x")


async def test_one_screen_shows_a_job_with_its_tasks_group_pods_and_events(capsys):
    async with cluster() as client:
        await make(client, QUEUES, make_queue("q"))
        job = await make(client, JOBS, make_job("j").queue("q").task("a").phase("Running"))
        await make(client, POD_GROUPS, make_pod_group(f"j-{job.metadata.uid}").phase("Inqueue"))
        await make_pods(client)
        await view_job(client, "j", NS)
    shown = capsys.readouterr().out
    assert shown.startswith("Name:       j\n")
    assert f"PodGroup j-{job.metadata.uid} is Inqueue; it needs 0 members\n" in shown
    assert ["Pod", "Task", "Ready", "Status", "Restart", "Age", "Node"] in [
        line.split() for line in shown.splitlines()
    ]
    assert "of-job   a      0/1" in shown
    assert shown.endswith("Events: none\n")


@pytest.mark.parametrize("kind", [flows.FLOW, flows.TEMPLATE], ids=["jobflow", "jobtemplate"])
async def test_flows_and_templates_are_made_shown_and_deleted(kind, tmp_path, capsys):
    path = tmp_path / "flow.yaml"
    word = kind.resource.kind
    path.write_text(FLOW.format(kind=word, name="one") + "---" + FLOW.format(kind=word, name="two"))
    async with cluster() as client:
        await flows.create(client, kind, [str(path)], NS)
        with pytest.raises(CliError, match=f"create {word} default/one: .*already exists"):
            await flows.create(client, kind, [str(path)], NS)
        assert (
            capsys.readouterr().out == f"Created {word}: default/one\nCreated {word}: default/two\n"
        )
        await flows.show(client, kind, NS)
        heads, one, two = lines_of(capsys)
        assert (tuple(heads), one[:2], two[:2]) == (kind.heads, ["one", NS], ["two", NS])
        await flows.show(client, kind, NS, "two")
        assert len(lines_of(capsys)) == 2
        await flows.describe(client, kind, NS, "one", OutputFormat.YAML)
        assert f"kind: {word}\n" in capsys.readouterr().out
        await flows.describe(client, kind, NS, "", OutputFormat.JSON)
        assert "\n---------------------------------\n" in capsys.readouterr().out
        await flows.delete(client, kind, NS, "", [str(path)])
        with pytest.raises(CliError, match=f"delete {word} default/one: "):
            await flows.delete(client, kind, NS, "one", [])
        await flows.show(client, kind, NS)
        assert lines_of(capsys)[-1] == ["No", "resources", "found"]


async def test_a_file_of_another_kind_makes_no_flow(tmp_path):
    path = tmp_path / "flow.yaml"
    path.write_text(FLOW.format(kind="JobTemplate", name="t"))
    async with cluster() as client:
        with pytest.raises(
            CliError, match=r"holds a JobTemplate of .* where a JobFlow of .* should"
        ):
            await flows.create(client, flows.FLOW, [str(path)], NS)
        assert not (await client.list(JOB_FLOWS)).items


async def test_queues_are_printed_once_where_there_is_no_terminal(capsys):
    async with cluster() as client:
        await make(client, QUEUES, make_queue("q").holds(cpu="1").entitled(cpu="2"))
        plain = Console(file=StringIO())
        await top_queues(client, plain, SystemClock(), period_s=1, is_once=False)
        heads, *rows = lines_of(capsys)
        assert heads[0] == "QUEUE"
        assert ["└─", "q", "Open", "1", "0", "50%"] in [row[:6] for row in rows]


async def test_on_a_terminal_the_table_is_drawn_again_and_again():
    class Twice(SystemClock):
        naps = 0

        async def sleep(self, delay_s: float) -> None:
            self.naps += 1
            if self.naps > 2:
                raise KeyboardInterrupt

    async with cluster() as client:
        await make(client, QUEUES, make_queue("q"))
        terminal = Console(file=StringIO(), force_terminal=True, width=120)
        await top_queues(client, terminal, Twice(), period_s=1, is_once=True)
        once = terminal.file.getvalue()
        assert "held of deserved" in once
        with pytest.raises(KeyboardInterrupt):
            await top_queues(client, terminal, Twice(), period_s=1, is_once=False)
        assert terminal.file.getvalue()[len(once) :].count("held of deserved") >= 3


@pytest.mark.parametrize("words", [["job", "j"], ["vj/j"], ["j"]])
async def test_a_job_is_explained_by_its_group_and_its_queue(words, capsys):
    async with cluster() as client:
        await make(client, QUEUES, make_queue("q").capability(cpu="1"))
        job = await make(client, JOBS, make_job("j").queue("q").task("a").phase("Pending"))
        group = make_pod_group(f"j-{job.metadata.uid}").queue("q").needs(2, cpu="2")
        await make(client, POD_GROUPS, group.phase("Pending"))
        await explain(client, words, NS)
    said = capsys.readouterr().out
    assert said.startswith("Job default/j is Pending")
    assert f"  PodGroup default/j-{job.metadata.uid} is Pending" in said
    assert "    Queue q may have 1 cpu at most and holds 0, this needs 2: short by 1.\n" in said


async def test_groups_and_queues_are_explained_by_their_short_names(capsys):
    async with cluster() as client:
        await make(client, QUEUES, make_queue("q"))
        await make(client, POD_GROUPS, make_pod_group("g").queue("q").phase("Pending"))
        await explain(client, ["pg/g"], NS)
        await explain(client, ["q", "q"], NS)
        with pytest.raises(CliError, match=r'there is no queue "nope"$'):
            await explain(client, ["queue", "nope"], NS)
    group, *_ = said = capsys.readouterr().out.splitlines()
    assert group.startswith("PodGroup default/g is Pending")
    assert "Queue q is Open, of weight 1." in said


async def test_a_job_whose_pods_cannot_be_made_tells_why(capsys):
    async with cluster() as client:
        job = await make(client, JOBS, make_job("j").task("a").phase("Pending"))
        recorder = EventRecorder(client, "volcano", SystemClock())
        writing = asyncio.create_task(recorder.run())
        for text in ("quota used up", "quota still used up"):
            recorder.record(JOBS, job.metadata, EventType.WARNING, "FailedCreate", text)
        recorder.record(JOBS, job.metadata, EventType.NORMAL, "Fine", "nothing wrong")
        recorder.record(JOBS, job.metadata, EventType.WARNING, "Unschedulable", "as its gang says")
        await recorder.flush()
        writing.cancel()
        await explain(client, ["job/j"], NS)
    told = [line for line in capsys.readouterr().out.splitlines() if "time" in line]
    assert [line.rpartition(": ")[2] for line in told] == ["quota still used up"]


class MaySeeOnlyItsNamespace:
    """A client whose user may not list nodes."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        return getattr(self._client, name)

    async def list(self, resource, *words, **more):
        if resource is NODES:
            raise ApiError(403, "Forbidden", "nodes is forbidden")
        return await self._client.list(resource, *words, **more)


async def test_who_may_not_see_the_nodes_gets_what_the_objects_tell(capsys):
    async with cluster() as client:
        job = await make(client, JOBS, make_job("j").task("a").phase("Pending"))
        group = make_pod_group(f"j-{job.metadata.uid}").phase("Pending")
        said = group.condition("Unschedulable", "NotEnoughResources", "too little")
        await make(client, POD_GROUPS, said)
        limited = MaySeeOnlyItsNamespace(client)
        for words in (["job/j"], [f"pg/{group.name}"], ["q/default"]):
            await explain(limited, words, NS)
    lines = capsys.readouterr().out.splitlines()
    assert lines.count("  NotEnoughResources: too little") == 2
    assert lines.count("  More cannot be said: nodes is forbidden") == 3
    assert "Queue default is Open." in lines
