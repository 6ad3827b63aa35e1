"""A worker, followed until it rests: drawn in place on a terminal, a line for news elsewhere."""

import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from shoal.api.pod import PODS
from shoal.api.status import ApiError
from shoal.api.worker import WORKER_LABEL, WORKERS, Worker, WorkerMode, WorkerPhase
from shoal.base.clock import SystemClock
from shoal.cli.output import CliError
from shoal.cli.worker.picture import ENDED, is_news, page, progress_line
from shoal.client.protocol import Client, ConnectionFailed, WatchEventType

_BAR_WIDTH = 40
_AGAIN_S = 0.2
"""Before a watch that ended is opened anew."""
_PATIENCE_S = 120.0
"""How long a control plane may be away while something is followed: one that was killed is started
again, and what it runs has gone on meanwhile."""


def is_settled(worker: Worker) -> bool:
    """Whether its controller has seen the spec as it is, and nothing more happens by itself: it
    has ended, waits for its schedule, or is a stream that runs."""
    status = worker.status
    if status.observed_generation < (worker.metadata.generation):
        return False
    if status.phase == WorkerPhase.RUNNING:
        return worker.spec.mode == WorkerMode.STREAM
    return status.phase in {*ENDED, WorkerPhase.SCHEDULED, WorkerPhase.INVALID}


async def follow(
    client: Client, name: str, namespace: str, is_there: Callable[[Worker], bool] = is_settled
) -> Worker:
    """Show a worker until `is_there`; the worker then. Raises CliError where it is deleted."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        return await _until(client, name, namespace, is_there, _line_printer(console))
    with Live(console=console, refresh_per_second=8, transient=True) as live:

        def draw(worker: Worker) -> None:
            live.update(_picture(worker))

        worker = await _until(client, name, namespace, is_there, draw)
    console.print(_line(worker, SystemClock()))
    return worker


async def until_pods_ended(client: Client, name: str, namespace: str) -> None:
    """Wait until no pod of the worker runs or may run: not in its grace period either."""
    label, clock = f"{WORKER_LABEL}={name}", SystemClock()
    while True:
        with suppress(ConnectionFailed):
            pods = (await client.list(PODS, namespace, label_selector=label)).items
            if all(pod.is_finished for pod in pods):
                return
        await clock.sleep(_AGAIN_S)


async def _until(
    client: Client,
    name: str,
    namespace: str,
    is_there: Callable[[Worker], bool],
    show: Callable[[Worker], None],
) -> Worker:
    async with aclosing(_changes(client, name, namespace)) as changes:
        async for worker in changes:
            if not _is_outdated(worker):
                show(worker)
            if is_there(worker):
                return worker
    raise AssertionError("changes never end by themselves")


def _is_outdated(worker: Worker) -> bool:
    """Its status tells of the run before, as the controller has not seen the change yet."""
    return 0 < worker.status.observed_generation < worker.metadata.generation


def _line_printer(console: Console) -> Callable[[Worker], None]:
    """Prints a line whenever there is news."""
    clock, told, told_s = SystemClock(), None, 0.0

    def show(worker: Worker) -> None:
        nonlocal told, told_s
        now_s = clock.monotonic()
        if told is None or is_news(worker.status, told, now_s - told_s):
            console.print(_line(worker, clock))
            told, told_s = worker.status, now_s

    return show


def _line(worker: Worker, clock: SystemClock) -> Text:
    """As it stands: what users and servers wrote may look like markup."""
    return Text(progress_line(worker, clock.now()))


def _picture(worker: Worker) -> RenderableType:
    lines: list[RenderableType] = [Text(line) for line in page(worker, SystemClock().now())]
    progress = worker.status.progress
    if progress is not None and progress.total:
        bar = ProgressBar(total=progress.total, completed=progress.done, width=_BAR_WIDTH)
        lines.insert(1, bar)
    return Group(*lines)


async def _changes(client: Client, name: str, namespace: str) -> AsyncGenerator[Worker]:
    """The worker as it is, then each time it changes. Raises CliError where it goes away."""
    is_known, away_since_s, clock = False, 0.0, SystemClock()
    while True:
        try:
            worker = await client.get(WORKERS, name, namespace)
            is_known, away_since_s = True, 0.0
            yield worker
            async with client.watch(
                WORKERS,
                namespace,
                resource_version=worker.metadata.resource_version,
                field_selector=f"metadata.name={name}",
            ) as events:
                async for event in events:
                    if event.type is WatchEventType.DELETED:
                        raise CliError(f'worker "{name}" was deleted while it was followed')
                    if event.object is not None:
                        yield event.object
        except ApiError as error:
            if not error.is_expired:
                raise
        except ConnectionFailed:
            if not is_known or (away_since_s and clock.monotonic() - away_since_s > _PATIENCE_S):
                raise
            if not away_since_s:
                away_since_s = clock.monotonic()
                print("the control plane does not answer; waiting for it", file=sys.stderr)
        await clock.sleep(_AGAIN_S)
