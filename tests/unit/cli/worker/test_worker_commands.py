"""What the commands on workers do to a cluster in memory, and print."""

from contextlib import asynccontextmanager

import pytest
import typer

from shoal.api.batch import CRON_JOBS, JOBS
from shoal.api.crds import all_crds
from shoal.api.pod import PODS
from shoal.api.status import ApiError
from shoal.api.worker import WORKERS
from shoal.cli.output import CliError, OutputFormat
from shoal.cli.worker import logs, workers
from shoal.cli.worker.following import follow, is_settled
from shoal.cli.worker.run_flags import WorkerFlags
from shoal.client.protocol import ConnectionFailed, DeleteOptions, LogOptions
from shoal.testing.builders import make_pod
from shoal.testing.cluster import memory_cluster

NS = "default"


@asynccontextmanager
async def cluster():
    async with memory_cluster(crds=all_crds()) as memory:
        yield memory.client


async def make(client, *, mode="Batch", status=None, **spec):
    body = {"metadata": {"name": "sync"}, "spec": {"mode": mode, "image": "busybox", **spec}}
    await client.create(WORKERS, body, NS)
    if status is not None:
        await set_status(client, **status)


async def set_status(client, **status):
    generation = (await client.get(WORKERS, "sync", NS)).metadata.generation
    whole = {"observedGeneration": generation, **status}
    await client.patch(WORKERS, "sync", {"status": whole}, NS, subresource="status")


async def spec_now(client):
    return (await client.get(WORKERS, "sync", NS)).spec


async def test_a_worker_that_is_sent_out_detached_is_not_waited_for(capsys):
    async with cluster() as client:
        flags = WorkerFlags(name="sync", image="busybox")
        await workers.run_flags(client, flags, NS, is_followed=False)
        assert (await spec_now(client)).mode == "Batch"
    assert capsys.readouterr().out == "worker sync created\n"


async def test_files_must_hold_workers_only(tmp_path):
    file = tmp_path / "pod.yaml"
    file.write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n")
    async with cluster() as client:
        with pytest.raises(CliError, match=r"holds a Pod of v1; `worker run` takes Workers"):
            await workers.run_files(client, [str(file)], NS, is_followed=False)


WORKER_FILE = """
apiVersion: {version}
kind: Worker
metadata: {{name: {name}}}
spec: {{mode: Batch, image: busybox}}
---
"""


async def test_what_was_made_before_an_object_that_is_refused_is_told(tmp_path, capsys):
    file = tmp_path / "two.yaml"
    both = [WORKER_FILE.format(version=WORKERS.api_version, name=each) for each in ("new", "sync")]
    file.write_text("".join(both))
    async with cluster() as client:
        await make(client)
        with pytest.raises(ApiError, match="already exists"):
            await workers.run_files(client, [str(file)], NS, is_followed=True)
    assert capsys.readouterr().out == "worker new created\n"


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"cron": "0 0 31 2 *"}, r'cron "0 0 31 2 \*" never comes; name a day'),
        ({"cron": "often"}, "cannot be read"),
        ({"parallelism": 2}, "runs as one pod"),
    ],
)
async def test_what_no_object_can_do_is_refused_before_it_is_made(flags, sentence):
    async with cluster() as client:
        worker = WorkerFlags(name="sync", image="busybox", **flags)
        with pytest.raises(CliError, match=sentence):
            await workers.run_flags(client, worker, NS, is_followed=False)
        assert (await client.list(WORKERS, NS)).items == []


async def test_a_worker_that_failed_is_followed_to_exit_code_1(capsys):
    async with cluster() as client:
        await make(client, status={"phase": "Failed", "message": "No luck."})
        with pytest.raises(typer.Exit) as ended:
            await workers.show_worker(client, "sync", NS, OutputFormat.TABLE, is_followed=True)
    assert ended.value.exit_code == 1
    assert "Worker default/sync is Failed: No luck." in capsys.readouterr().out


async def test_what_servers_write_is_printed_as_it_stands_and_not_read_as_markup(capsys):
    message = (
        "the Pod is refused: spec.requests[cpu]: Invalid value, [/b] [red]no[/red]" + " no" * 40
    )
    async with cluster() as client:
        await make(client, status={"phase": "Failed", "message": message})
        await follow(client, "sync", NS)
    assert capsys.readouterr().out == f"Failed, {message}\n"


class Unsteady:
    """A client whose control plane is killed while it is watched, and back after some asking."""

    def __init__(self, client, on_kill):
        self._client = client
        self._on_kill = on_kill
        self._refusals = 0

    async def get(self, *words):
        if self._refusals:
            self._refusals -= 1
            raise ConnectionFailed("refused")
        return await self._client.get(*words)

    @asynccontextmanager
    async def watch(self, *words, **flags):
        await self._on_kill()
        self._refusals = 2
        raise ConnectionFailed("hung up")
        yield


async def test_a_worker_is_followed_over_the_death_of_the_control_plane(capsys):
    async with cluster() as client:
        await make(client, status={"phase": "Running"})
        unsteady = Unsteady(client, lambda: set_status(client, phase="Succeeded"))
        assert (await follow(unsteady, "sync", NS)).status.phase == "Succeeded"
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["Running", "Succeeded"]
    assert err == "the control plane does not answer; waiting for it\n"


async def test_a_control_plane_that_never_answered_is_not_waited_for():
    async with cluster() as client:
        unsteady = Unsteady(client, lambda: None)
        unsteady._refusals = 1
        with pytest.raises(ConnectionFailed):
            await follow(unsteady, "sync", NS)


async def test_what_the_run_before_came_to_is_not_shown_as_that_of_the_new_one(capsys):
    async with cluster() as client:
        await make(client, status={"phase": "Failed", "run": 1})
        await client.patch(WORKERS, "sync", {"spec": {"run": 2}}, NS)
        unsteady = Unsteady(client, lambda: set_status(client, phase="Succeeded", run=2))
        await follow(unsteady, "sync", NS)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["Succeeded"]


async def test_a_list_tells_of_the_workers_or_that_there_are_none(capsys):
    async with cluster() as client:
        await workers.list_workers(client, NS, all_namespaces=False)
        await make(client, status={"phase": "Running"})
        await workers.list_workers(client, NS, all_namespaces=True)
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "No workers found in default namespace."
    assert out[1].split() == [
        "NAMESPACE", "NAME", "MODE", "OBJECT", "PHASE", "PROGRESS", "RESTARTS", "AGE",
        "NEXT", "MESSAGE",
    ]  # fmt: skip
    assert out[2].split()[:5] == ["default", "sync", "Batch", "-", "Running"]


async def test_a_rerun_asks_for_the_run_after_the_one_that_ended():
    async with cluster() as client:
        await make(client, suspend=True, status={"phase": "Stopped", "run": 3})
        await workers.rerun_worker(client, "sync", NS, is_followed=False)
        spec = await spec_now(client)
    assert (spec.run, spec.suspend) == (4, False)


@pytest.mark.parametrize("phase", ["Pending", "Running"])
async def test_what_has_not_ended_is_not_run_again(phase):
    async with cluster() as client:
        await make(client, status={"phase": phase, "run": 1})
        with pytest.raises(CliError, match=f"worker sync is {phase}; `shoal worker stop sync`"):
            await workers.rerun_worker(client, "sync", NS, is_followed=False)
        assert (await spec_now(client)).run == 1


@pytest.mark.parametrize(
    "spec", [{"mode": "Batch"}, {"mode": "Stream"}, {"schedule": {"cron": "0 2 * * *"}}]
)
async def test_a_worker_that_cannot_be_has_to_be_mended_before_a_rerun(spec):
    async with cluster() as client:
        await make(client, **spec, status={"phase": "Invalid", "message": "set x to 1"})
        with pytest.raises(CliError, match="sync is Invalid: set x to 1; mend it so, or delete it"):
            await workers.rerun_worker(client, "sync", NS, is_followed=False)
        assert (await spec_now(client)).run == 1


async def test_a_stream_needs_no_rerun():
    async with cluster() as client:
        await make(client, mode="Stream", status={"phase": "Running", "run": 1})
        with pytest.raises(CliError, match="is a stream, which is always started again by itself"):
            await workers.rerun_worker(client, "sync", NS, is_followed=False)


async def test_a_rerun_of_a_scheduled_worker_starts_its_job_now(capsys):
    template = {
        "metadata": {"labels": {"shoal.io/worker": "sync"}},
        "spec": {
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "worker", "image": "busybox"}],
                }
            }
        },
    }
    async with cluster() as client:
        strategy = {"kind": "CronJob", "name": "sync"}
        await make(
            client,
            schedule={"cron": "0 2 * * *"},
            status={"phase": "Scheduled", "strategy": strategy},
        )
        cron_job = {
            "metadata": {"name": "sync"},
            "spec": {"schedule": "0 2 * * *", "jobTemplate": template},
        }
        await client.create(CRON_JOBS, cron_job, NS)
        await workers.rerun_worker(client, "sync", NS, is_followed=False)
        (job,) = (await client.list(JOBS, NS)).items
    assert job.metadata.labels["shoal.io/worker"] == "sync"
    assert job.metadata.annotations == {"cronjob.kubernetes.io/instantiate": "manual"}
    assert job.metadata.owner_references[0].kind == "CronJob"
    assert f"job {job.metadata.name} is started" in capsys.readouterr().out


async def test_a_stop_suspends_and_gives_up_waiting_with_a_sentence():
    async with cluster() as client:
        await make(client, status={"phase": "Running", "active": 1})
        with pytest.raises(CliError, match="worker sync has not stopped within 0 s"):
            await workers.stop_worker(client, "sync", NS, limit_s=0)
        assert (await spec_now(client)).suspend
        await set_status(client, phase="Stopped", active=0)
        await workers.stop_worker(client, "sync", NS, limit_s=10)


@pytest.mark.parametrize("is_told_to_end", [True, False])
async def test_a_stop_waits_for_pods_that_have_not_ended(is_told_to_end, capsys):
    async with cluster() as client:
        await make(client, suspend=True, status={"phase": "Stopped", "active": 0})
        pod = make_pod("sync-1").label("shoal.io/worker", "sync").node("n").container()
        await client.create(PODS, pod.manifest(), NS)
        if is_told_to_end:
            await client.delete(PODS, "sync-1", NS, DeleteOptions(grace_period_s=30))
        with pytest.raises(CliError, match=r"has not stopped within 0\.1 s"):
            await workers.stop_worker(client, "sync", NS, limit_s=0.1)
        await set_status(client, phase="Failed")
        await client.delete(PODS, "sync-1", NS, DeleteOptions(grace_period_s=0))
        await workers.stop_worker(client, "sync", NS, limit_s=10)
    assert capsys.readouterr().out.endswith("worker sync is Failed\n")


async def test_a_stopped_schedule_is_not_turned_on_by_a_rerun():
    async with cluster() as client:
        schedule = {"cron": "0 2 * * *"}
        await make(client, schedule=schedule, suspend=True, status={"phase": "Stopped"})
        with pytest.raises(CliError, match="its schedule with it; `kubectl patch worker sync"):
            await workers.rerun_worker(client, "sync", NS, is_followed=False)
        spec = await spec_now(client)
    assert (spec.suspend, spec.run) == (True, 1)


async def test_a_worker_is_settled_only_when_its_newest_spec_was_seen():
    async with cluster() as client:
        await make(client, status={"phase": "Failed"})
        assert is_settled(await client.get(WORKERS, "sync", NS))
        await client.patch(WORKERS, "sync", {"spec": {"run": 2}}, NS)
        assert not is_settled(await client.get(WORKERS, "sync", NS))


@pytest.mark.parametrize(
    ("mode", "phase", "settled"),
    [
        ("Batch", "Running", False),
        ("Stream", "Running", True),
        ("Batch", "Pending", False),
        ("Batch", "Scheduled", True),
        ("Queue", "Succeeded", True),
        ("Queue", "Invalid", True),
    ],
)
async def test_what_nothing_more_happens_to_by_itself_is_settled(mode, phase, settled):
    more = {"queue": {}} if mode == "Queue" else {}
    async with cluster() as client:
        await make(client, mode=mode, status={"phase": phase}, **more)
        assert is_settled(await client.get(WORKERS, "sync", NS)) == settled


async def test_logs_of_attempts_that_are_gone_or_never_were_are_a_sentence():
    attempts = [{"run": 1, "pod": "sync-1-a"}]
    async with cluster() as client:
        await make(client, status={"phase": "Running"})
        with pytest.raises(CliError, match="worker sync has no pod"):
            await logs.attempt_log(client, "sync", NS, None, LogOptions())
        await set_status(client, attempts=attempts)
        with pytest.raises(CliError, match="pod sync-1-a of that attempt is gone"):
            await logs.attempt_log(client, "sync", NS, -1, LogOptions())
        with pytest.raises(CliError, match="worker sync has 1 attempts on record"):
            await logs.attempt_log(client, "sync", NS, 2, LogOptions())


async def test_a_worker_that_is_not_there_is_told_with_where_to_look():
    async with cluster() as client:
        for call in (
            workers.show_worker(client, "nope", NS, OutputFormat.TABLE, is_followed=True),
            workers.show_worker(client, "nope", NS, OutputFormat.YAML, is_followed=False),
            workers.rerun_worker(client, "nope", NS, is_followed=False),
            workers.stop_worker(client, "nope", NS, None),
            logs.attempt_log(client, "nope", NS, None, LogOptions()),
            logs.all_logs(client, "nope", NS, LogOptions()),
        ):
            with pytest.raises(CliError, match='no worker "nope" in namespace default; `shoal wo'):
                await call


async def test_a_rule_of_the_kind_is_told_by_its_sentence_alone():
    flags = WorkerFlags(name="sync", image="", mode="stream", cron="0 2 * * *")
    async with cluster() as client:
        with pytest.raises(CliError) as refusal:
            await workers.run_flags(client, flags, NS, is_followed=False)
    assert str(refusal.value) == (
        "give either spec.template or spec.image with command, args, env and resources; "
        "a Stream never ends, so it has no schedule"
    )


async def test_numbers_that_no_job_takes_are_refused_by_the_kind():
    for flags in ({"parallelism": 2**31}, {"retries": 2**31}):
        async with cluster() as client:
            with pytest.raises(ApiError, match="less than or equal to 2147483647"):
                wrong = WorkerFlags(name="sync", image="busybox", **flags)
                await workers.run_flags(client, wrong, NS, is_followed=False)


async def test_a_file_without_a_worker_is_told(tmp_path):
    (tmp_path / "none.yaml").write_text("# nothing\n")
    async with cluster() as client:
        with pytest.raises(CliError, match=r"there is no object in .*none\.yaml"):
            await workers.run_files(client, [f"{tmp_path}/none.yaml"], NS, is_followed=False)
