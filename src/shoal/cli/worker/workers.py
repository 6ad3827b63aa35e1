"""`shoal worker`: run, list, show, rerun and stop workers."""

import asyncio
from collections.abc import Sequence

import msgspec
import typer

from shoal.api.batch import CRON_JOBS, JOBS
from shoal.api.owners import controller_reference
from shoal.api.resource import JsonObject
from shoal.api.status import ApiError
from shoal.api.worker import WORKERS, Worker, WorkerMode, WorkerPhase
from shoal.base.clock import SystemClock
from shoal.cli import manifests
from shoal.cli.output import DATA_FORMATS, CliError, OutputFormat, print_object, print_rows
from shoal.cli.worker.following import follow, until_pods_ended
from shoal.cli.worker.picture import (
    ATTEMPT_HEADS,
    ENDED,
    LIST_HEADS,
    attempt_rows,
    list_row,
    page,
)
from shoal.cli.worker.run_flags import WorkerFlags
from shoal.client.protocol import Client
from shoal.controllers.worker.strategy import NoStrategy, choose

_INSTANTIATE = {"cronjob.kubernetes.io/instantiate": "manual"}
"""What kubectl writes on a job that was made from a cron job by hand."""
_BROKEN_RULE = 'Invalid value: "object": '
"""What API servers write before the sentence of a CEL rule on a whole object."""


async def run_flags(
    client: Client, flags: WorkerFlags, namespace: str, *, is_followed: bool
) -> None:
    worker = await _create(client, flags.manifest(), namespace)
    await _after(client, [worker], is_followed=is_followed)


async def run_files(
    client: Client, paths: Sequence[str], namespace: str, *, is_followed: bool
) -> None:
    """Create the workers of the files. Raises CliError where there is anything else in them."""
    found = manifests.read(paths)
    if not found:
        raise CliError(f"there is no object in {' and '.join(paths)}")
    for each in found:
        if (each.api_version, each.kind) != (WORKERS.api_version, WORKERS.kind):
            raise CliError(
                f"{each.source} holds a {each.kind} of {each.api_version}; `worker run` takes"
                f" Workers of {WORKERS.api_version} only, `shoal apply` takes everything"
            )
    made = [await _create(client, each.body, each.namespace or namespace) for each in found]
    await _after(client, made, is_followed=is_followed)


async def _create(client: Client, body: JsonObject, namespace: str) -> Worker:
    """Make it, and say so at once: what comes after it may be refused. Raises CliError with the
    rules of the kind that it breaks, as sentences of their own, or with what its controller would
    refuse it for."""
    refused = _refusal(body)
    try:
        made = await client.create(WORKERS, body, namespace, strict=True, dry_run=bool(refused))
    except ApiError as error:
        rules = [str(cause["message"]) for cause in error.details.get("causes") or ()]
        if not rules or not all(text.startswith(_BROKEN_RULE) for text in rules):
            raise
        raise CliError("; ".join(text.removeprefix(_BROKEN_RULE) for text in rules)) from error
    if refused:
        raise CliError(refused)
    print(f"worker {made.metadata.name} created", flush=True)
    return made


def _refusal(body: JsonObject) -> str:
    """Why no object could be chosen for such a worker; empty where that is not known."""
    try:
        worker = msgspec.convert(body, Worker)
    except msgspec.ValidationError:
        return ""
    choice = choose(worker)
    return choice.message if isinstance(choice, NoStrategy) else ""


async def named(client: Client, name: str, namespace: str) -> Worker:
    """The worker. Raises CliError where there is none."""
    try:
        return await client.get(WORKERS, name, namespace)
    except ApiError as error:
        if not error.is_not_found:
            raise
        raise CliError(
            f'there is no worker "{name}" in namespace {namespace}; `shoal worker list` shows '
            "those there are"
        ) from error


async def _after(client: Client, workers: Sequence[Worker], *, is_followed: bool) -> None:
    """Follow what runs now to its end where that is wanted; several one by one."""
    if not is_followed:
        return
    ends = [
        await follow(client, worker.metadata.name, worker.metadata.namespace) for worker in workers
    ]
    _exit_by(ends)


def _exit_by(workers: Sequence[Worker]) -> None:
    """Exit code 1 where one of them did not come to a good end."""
    if any(each.status.phase in {WorkerPhase.FAILED, WorkerPhase.INVALID} for each in workers):
        raise typer.Exit(1)


async def list_workers(client: Client, namespace: str, *, all_namespaces: bool) -> None:
    workers = (await client.list(WORKERS, "" if all_namespaces else namespace)).items
    if not workers:
        where = "" if all_namespaces else f" in {namespace} namespace"
        print(f"No workers found{where}.")
        return
    now = SystemClock().now()
    rows = [list_row(worker, now) for worker in workers]
    if all_namespaces:
        rows = [(each.metadata.namespace, *row) for each, row in zip(workers, rows, strict=True)]
    print_rows(("Namespace", *LIST_HEADS) if all_namespaces else LIST_HEADS, rows)


async def show_worker(
    client: Client, name: str, namespace: str, output: OutputFormat, *, is_followed: bool
) -> None:
    if output in DATA_FORMATS:
        await named(client, name, namespace)
        print_object(await client.request("GET", WORKERS.path(namespace, name)), output)
        return
    worker = await named(client, name, namespace)
    if is_followed:
        worker = await follow(client, name, namespace)
    now = SystemClock().now()
    print("\n".join(page(worker, now)))
    if worker.status.attempts:
        print("\nAttempts:")
        print_rows(ATTEMPT_HEADS, attempt_rows(worker.status.attempts, now))
    if is_followed:
        _exit_by([worker])


async def rerun_worker(client: Client, name: str, namespace: str, *, is_followed: bool) -> None:
    """Start one that has ended afresh; one with a schedule now, beside its schedule. Raises
    CliError where it runs, never ends, or has a schedule that is stopped."""
    worker = await named(client, name, namespace)
    if worker.spec.schedule is not None and worker.spec.suspend:
        # What a stopped schedule had started would be stopped at once.
        raise CliError(_why_held(worker))
    if worker.spec.schedule is not None:
        await _start_scheduled(client, worker)
        return
    if worker.status.phase not in ENDED:
        raise CliError(_why_not(worker))
    run = worker.status.run + 1
    changes = {
        "metadata": {"resourceVersion": worker.metadata.resource_version},
        "spec": {"run": run, "suspend": False},
    }
    await client.patch(WORKERS, name, changes, namespace)
    print(f"worker {name}: run {run} is started", flush=True)
    if is_followed:
        _exit_by([await follow(client, name, namespace)])


def _why_not(worker: Worker) -> str:
    name, phase = worker.metadata.name, worker.status.phase or WorkerPhase.PENDING
    if phase == WorkerPhase.INVALID:
        return f"worker {name} is {phase}: {worker.status.message}; mend it so, or delete it"
    if worker.spec.mode == WorkerMode.STREAM:
        return (
            f"worker {name} is a stream, which is always started again by itself; `kubectl rollout"
            f" restart deployment/{name}` starts its pods anew"
        )
    return f"worker {name} is {phase}; `shoal worker stop {name}` ends this run first"


def _why_held(worker: Worker) -> str:
    name, namespace = worker.metadata.name, worker.metadata.namespace
    where = f" -n {namespace}" if namespace != "default" else ""
    return (
        f"worker {name} is stopped, its schedule with it; `kubectl patch worker {name}{where}"
        """ --type merge -p '{"spec":{"suspend":false}}'` lets the schedule go on"""
    )


async def _start_scheduled(client: Client, worker: Worker) -> None:
    chosen = worker.status.strategy
    if chosen is None and worker.status.phase == WorkerPhase.INVALID:
        raise CliError(_why_not(worker))
    if chosen is None or chosen.kind != CRON_JOBS.kind:
        raise CliError(f"worker {worker.metadata.name} has no CronJob yet; try again in a moment")
    namespace = worker.metadata.namespace
    cron_job = await client.get(CRON_JOBS, chosen.name, namespace)
    template = cron_job.spec.job_template
    metadata = template.get("metadata") or {}
    body = {
        "metadata": {
            "generateName": f"{chosen.name}-manual-",
            "labels": metadata.get("labels") or {},
            "annotations": {**(metadata.get("annotations") or {}), **_INSTANTIATE},
            "ownerReferences": [
                controller_reference(CRON_JOBS.api_version, CRON_JOBS.kind, cron_job.metadata)
            ],
        },
        "spec": template.get("spec") or {},
    }
    job = await client.create(JOBS, body, namespace)
    print(f"worker {worker.metadata.name}: job {job.metadata.name} is started beside its schedule")


async def stop_worker(client: Client, name: str, namespace: str, limit_s: float | None) -> None:
    """End its pods, and keep it. Wait so long until they are gone; None: do not wait."""
    await named(client, name, namespace)
    await client.patch(WORKERS, name, {"spec": {"suspend": True}}, namespace)
    if limit_s is None:
        print(f"worker {name} is asked to stop")
        return
    try:
        async with asyncio.timeout(limit_s):
            await follow(client, name, namespace)
            await until_pods_ended(client, name, namespace)
            # A run that cannot go on where it was has ended with its pod.
            worker = await named(client, name, namespace)
    except TimeoutError:
        raise CliError(
            f"worker {name} has not stopped within {limit_s:g} s; `shoal worker show {name}` says"
            " what still runs"
        ) from None
    print(f"worker {name} is {worker.status.phase}")
