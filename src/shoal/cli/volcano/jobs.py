"""`shoal job`: run, list, suspend, resume and delete jobs."""

from collections.abc import Sequence
from dataclasses import dataclass

from shoal.api.resource import JsonObject
from shoal.api.volcano import job as kind
from shoal.api.volcano.job import JOBS, SCHEDULER_NAME, Job, JobPhase
from shoal.api.volcano.lifecycle import JobAction
from shoal.cli import manifests
from shoal.cli.output import CliError, print_rows
from shoal.cli.volcano.amounts import parse_amounts
from shoal.cli.volcano.asking import ask, wait_until
from shoal.client.protocol import Client

HEADS = (
    "Name",
    "Creation",
    "Phase",
    "JobType",
    "Replicas",
    "Min",
    "Pending",
    "Running",
    "Succeeded",
    "Failed",
    "Unknown",
    "RetryCount",
)
_JOB_TYPE = "volcano.sh/job-type"
_NAME_LABEL = "job.volcano.sh"
_ENDED = (JobPhase.COMPLETED, JobPhase.FAILED, JobPhase.TERMINATED)
_SUSPENDED = (JobPhase.ABORTING, JobPhase.ABORTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFlags:
    """A job of one task, as vcctl's flags describe it."""

    name: str
    image: str = "busybox"
    min_available: int = 1
    replicas: int = 1
    requests: str = "cpu=1000m,memory=100Mi"
    limits: str = "cpu=1000m,memory=100Mi"
    scheduler: str = SCHEDULER_NAME
    queue: str = ""
    command: Sequence[str] = ()
    """An addition: vcctl leaves it to the image."""

    def manifest(self) -> JsonObject:
        """Raises CliError where an amount is none."""
        container: JsonObject = {
            "name": self.name,
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            "resources": {
                "requests": parse_amounts(self.requests, "--requests"),
                "limits": parse_amounts(self.limits, "--limits"),
            },
        }
        if self.command:
            container["command"] = list(self.command)
        template = {
            "metadata": {"name": self.name, "labels": {_NAME_LABEL: self.name}},
            "spec": {"restartPolicy": "Never", "containers": [container]},
        }
        spec: JsonObject = {
            "schedulerName": self.scheduler,
            "minAvailable": self.min_available,
            "tasks": [{"replicas": self.replicas, "template": template}],
        }
        if self.queue:
            spec["queue"] = self.queue
        return {
            "apiVersion": f"{kind.GROUP}/{kind.VERSION}",
            "kind": "Job",
            "metadata": {"name": self.name},
            "spec": spec,
        }


async def run_job(client: Client, flags: RunFlags, namespace: str) -> None:
    await _create(client, flags.manifest(), namespace)


async def run_files(client: Client, paths: Sequence[str], namespace: str) -> None:
    """Create the jobs of the files. Raises CliError where there is anything else in them."""
    found = manifests.read(paths)
    for each in found:
        if (each.api_version, each.kind) != (JOBS.api_version, JOBS.kind):
            raise CliError(
                f"{each.source} holds a {each.kind} of {each.api_version}; `job run` takes Jobs of"
                f" {JOBS.api_version} only, `shoal apply` takes everything"
            )
    for each in found:
        await _create(client, each.body, each.namespace or namespace)


async def _create(client: Client, body: JsonObject, namespace: str) -> None:
    job = await client.create(JOBS, body, namespace, strict=True)
    print(f"run job {job.metadata.name} successfully")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs are listed; what is empty does not matter."""

    queue: str = ""
    scheduler: str = ""
    part_of_name: str = ""

    def is_passed_by(self, job: Job) -> bool:
        """A job without a queue is in `default`."""
        return (
            self.queue in ("", job.spec.queue or "default")
            and self.scheduler in ("", job.spec.scheduler_name)
            and self.part_of_name in job.metadata.name
        )


async def list_jobs(
    client: Client, namespace: str, wanted: JobFilter, *, all_namespaces: bool
) -> None:
    page = await client.list(JOBS, "" if all_namespaces else namespace)
    jobs = [job for job in page.items if wanted.is_passed_by(job)]
    if not jobs:
        print("No resources found")
        return
    rows = [job_row(job) for job in jobs]
    if all_namespaces:
        rows = [(job.metadata.namespace, *row) for job, row in zip(jobs, rows, strict=True)]
    print_rows(("Namespace", *HEADS) if all_namespaces else HEADS, rows, is_upper=False)


def job_row(job: Job) -> tuple[object, ...]:
    """Under HEADS."""
    created, status = job.metadata.creation_timestamp, job.status
    return (
        job.metadata.name,
        "" if created is None else f"{created:%Y-%m-%d}",
        status.state.phase,
        job.metadata.labels.get(_JOB_TYPE, "Batch"),
        sum(task.replicas for task in job.spec.tasks),
        status.min_available,
        status.pending,
        status.running,
        status.succeeded,
        status.failed,
        status.unknown,
        status.retry_count,
    )


async def suspend_job(client: Client, name: str, namespace: str, limit_s: float | None) -> None:
    """End its pods and keep the job. Wait so long until they are gone; None: do not wait."""
    job = await client.get(JOBS, name, namespace)
    if job.phase in _ENDED:
        raise CliError(f"job {name} is {job.phase} already: there is nothing to suspend")
    await ask(client, JOBS, job, JobAction.ABORT_JOB)
    if limit_s is None:
        print(f"job {name} is asked to suspend")
        return
    await wait_until(
        client,
        JOBS,
        job,
        lambda found: found.phase is JobPhase.ABORTED or found.phase in _ENDED,
        what=JobPhase.ABORTED.value,
        limit_s=limit_s,
    )
    print(f"suspend job {name} successfully")


async def resume_job(client: Client, name: str, namespace: str, limit_s: float | None) -> None:
    """Start it anew. Wait so long until it is on its way; None: do not wait."""
    job = await client.get(JOBS, name, namespace)
    if job.phase not in _SUSPENDED:
        raise CliError(f"job {name} is {job.phase}: only a suspended job can be resumed")
    await ask(client, JOBS, job, JobAction.RESUME_JOB)
    if limit_s is None:
        print(f"job {name} is asked to resume")
        return
    await wait_until(
        client,
        JOBS,
        job,
        lambda found: found.phase not in _SUSPENDED,
        what="resumed",
        limit_s=limit_s,
    )
    print(f"resume job {name} successfully")


async def delete_job(client: Client, name: str, namespace: str) -> None:
    await client.delete(JOBS, name, namespace)
    print(f"delete job {name} successfully")
