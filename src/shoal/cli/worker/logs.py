"""`shoal worker logs`: what its pods wrote, of one attempt or of all pods that are left."""

import asyncio
import sys
from collections.abc import Sequence

import msgspec

from shoal.api.pod import PODS, Pod
from shoal.api.status import ApiError
from shoal.api.worker import WORKER_LABEL, Worker, WorkerAttempt
from shoal.cli.output import CliError
from shoal.cli.worker.workers import named
from shoal.client.protocol import Client, LogOptions


async def attempt_log(
    client: Client, name: str, namespace: str, number: int | None, options: LogOptions
) -> None:
    """Copy the log of an attempt; the newest without a number. Numbers count as `show` lists
    them, from 1; those below 0 count from the newest. Raises CliError where there is none."""
    worker = await named(client, name, namespace)
    if number is None and not worker.status.attempts:
        pods = await _pods(client, name, namespace)
        await _copy(client, pods[-1].metadata.name, namespace, options)
        return
    attempt = _chosen(worker, number)
    await _copy_attempt(client, attempt, namespace, options)


def _chosen(worker: Worker, number: int | None) -> WorkerAttempt:
    attempts = worker.status.attempts
    index = -1 if number is None else number - 1 if number > 0 else number
    try:
        return attempts[index]
    except IndexError:
        raise CliError(
            f"worker {worker.metadata.name} has {len(attempts)} attempts on record; `shoal worker"
            f" show {worker.metadata.name}` lists them"
        ) from None


async def _copy_attempt(
    client: Client, attempt: WorkerAttempt, namespace: str, options: LogOptions
) -> None:
    try:
        pod = await client.get(PODS, attempt.pod, namespace)
    except ApiError as error:
        if error.is_not_found:
            raise CliError(
                f"pod {attempt.pod} of that attempt is gone, and its log with it"
            ) from error
        raise
    behind = max((each.restart_count for each in pod.status.container_statuses), default=0)
    behind -= attempt.restart
    if behind > 1:
        raise CliError(
            f"the log of start {attempt.restart} in pod {attempt.pod} is gone: only that of the"
            " last start and of the one before are kept"
        )
    await _copy(client, attempt.pod, namespace, with_previous(options, behind == 1))


def with_previous(options: LogOptions, is_previous: bool) -> LogOptions:
    """The same, of the container's start before the last one."""
    return msgspec.structs.replace(options, previous=True) if is_previous else options


async def all_logs(client: Client, name: str, namespace: str, options: LogOptions) -> None:
    """Copy the logs of all pods that are left, each line with its pod's name before it."""
    await named(client, name, namespace)
    pods = await _pods(client, name, namespace)
    width = max(len(pod.metadata.name) for pod in pods)
    async with asyncio.TaskGroup() as group:
        for pod in pods:
            head = f"{pod.metadata.name.ljust(width)} | ".encode()
            group.create_task(_copy_lines(client, pod.metadata.name, namespace, options, head))


async def _pods(client: Client, name: str, namespace: str) -> Sequence[Pod]:
    """Oldest first."""
    page = await client.list(PODS, namespace, label_selector=f"{WORKER_LABEL}={name}")
    if not page.items:
        raise CliError(f"worker {name} has no pod; `shoal explain worker {name}` says why")
    return sorted(page.items, key=lambda pod: str(pod.metadata.creation_timestamp))


async def _copy(client: Client, pod: str, namespace: str, options: LogOptions) -> None:
    async with client.logs(pod, namespace, options) as pieces:
        async for piece in pieces:
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()


async def _copy_lines(
    client: Client, pod: str, namespace: str, options: LogOptions, head: bytes
) -> None:
    rest = b""
    try:
        async with client.logs(pod, namespace, options) as pieces:
            async for piece in pieces:
                *lines, rest = (rest + piece).split(b"\n")
                sys.stdout.buffer.write(b"".join(head + line + b"\n" for line in lines))
                sys.stdout.buffer.flush()
    except ApiError as error:
        # One of many that has not started must not hide the others.
        rest = str(error).encode()
    if rest:
        sys.stdout.buffer.write(head + rest + b"\n")
        sys.stdout.buffer.flush()
