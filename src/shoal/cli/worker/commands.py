"""`shoal worker`: its subcommands and their flags."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from shoal.cli.options import (
    MAX_INT32,
    AllNamespaces,
    Files,
    Kubeconfig,
    Namespace,
    run_connected,
)
from shoal.cli.output import CliError, OutputFormat, fail, reason_of

if TYPE_CHECKING:
    from shoal.client.protocol import Client

app = typer.Typer(
    help="Workers: data-sync jobs, sent out as the right workload.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
Parallelism = Annotated[int | None, typer.Option(help="Pods at a time.", min=0, max=MAX_INT32)]
Retries = Annotated[
    int | None, typer.Option(help="How often the program may fail.", min=0, max=MAX_INT32)
]
Schedule = Annotated[str | None, typer.Option(help='Start at set times: "0 2 * * *".')]
TimeZone = Annotated[str | None, typer.Option(help="Of the schedule: Europe/Berlin.")]
Detach = Annotated[
    bool, typer.Option("--detach", "-d", help="Return at once instead of following it.")
]


class NameFirst(TyperCommand):
    """Takes nothing after `--` for the name, which the parser would where none stands before."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        words = args[args.index("--") + 1 :] if "--" in args else None
        rest = super().parse_args(ctx, args)
        if words and [ctx.params["name"], *(ctx.params["command"] or ())] == words:
            fail("name the worker before --, and give its command after it")
        return rest


@app.command(cls=NameFirst)
def run(
    name: Annotated[str, typer.Argument(metavar="[NAME]", show_default=False)] = "",
    command: Annotated[
        list[str] | None, typer.Argument(metavar="-- COMMAND", show_default=False)
    ] = None,
    filename: Files = None,
    mode: Annotated[str, typer.Option("--mode", "-m", help="stream, batch or queue.")] = "batch",
    image: Annotated[str, typer.Option("--image", "-i", help="Of the container.")] = "busybox",
    env: Annotated[list[str] | None, typer.Option("--env", "-e", help="KEY=VALUE.")] = None,
    requests: Annotated[str, typer.Option(help="Of each pod: cpu=1,memory=1Gi.")] = "",
    limits: Annotated[str, typer.Option(help="Of each pod.")] = "",
    resumable: Annotated[
        bool, typer.Option("--resumable", help="A new start goes on from saved progress.")
    ] = False,
    idempotent: Annotated[
        bool, typer.Option("--idempotent", help="Doing it again does no harm.")
    ] = False,
    parallelism: Parallelism = None,
    retries: Retries = None,
    schedule: Schedule = None,
    time_zone: TimeZone = None,
    pattern: Annotated[str, typer.Option(help="drain, item-per-pod or job-per-item.")] = "",
    item: Annotated[list[str] | None, typer.Option(help="An item of the queue.")] = None,
    items_from: Annotated[
        Path | None, typer.Option(help="A file of items, one a line; a few hundred at most.")
    ] = None,
    queue: Annotated[str, typer.Option("--queue", "-q", help="Its name; the worker's.")] = "",
    url_secret: Annotated[str, typer.Option(help="SECRET/KEY with the queue's URL.")] = "",
    detach: Detach = False,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Send out a worker, or those of files, and follow it until it rests."""
    if name and filename:
        fail("the file says all of its worker; leave out the name, or -f")
    if not (name or filename):
        fail("name the worker, or give its file with -f")
    from shoal.cli.worker import workers
    from shoal.cli.worker.run_flags import WorkerFlags

    async def body(client: "Client", namespace: str) -> None:
        if filename:
            await workers.run_files(client, filename, namespace, is_followed=not detach)
            return
        flags = WorkerFlags(
            name=name,
            image=image,
            mode=mode,
            command=command or (),
            env=env or (),
            requests=requests,
            limits=limits,
            is_resumable=resumable,
            is_idempotent=idempotent,
            parallelism=parallelism,
            retries=retries,
            cron=schedule,
            time_zone=time_zone,
            pattern=pattern,
            items=[*(item or ()), *_lines(items_from)],
            queue=queue,
            url_secret=url_secret,
        )
        await workers.run_flags(client, flags, namespace, is_followed=not detach)

    run_connected(body, namespace, kubeconfig)


def _lines(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        return [line for line in path.read_text().splitlines() if line]
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"--items-from: cannot read {path}: {reason_of(error)}") from error


@app.command("list")
def list_all(
    namespace: Namespace = "", all_namespaces: AllNamespaces = False, kubeconfig: Kubeconfig = None
) -> None:
    """List workers, with what they became and how far they are."""
    from shoal.cli.worker import workers

    run_connected(
        lambda client, where: workers.list_workers(client, where, all_namespaces=all_namespaces),
        namespace,
        kubeconfig,
    )


@app.command()
def show(
    name: Name,
    output: Annotated[OutputFormat, typer.Option("--output", "-o")] = OutputFormat.TABLE,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow it until it rests.")] = False,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show a worker: what it became and why, its progress, its last error, its attempts."""
    from shoal.cli.worker import workers

    run_connected(
        lambda client, where: workers.show_worker(client, name, where, output, is_followed=watch),
        namespace,
        kubeconfig,
    )


@app.command()
def rerun(
    name: Name, detach: Detach = False, namespace: Namespace = "", kubeconfig: Kubeconfig = None
) -> None:
    """Start a worker that has ended afresh, with its cleanup first where the last run failed."""
    from shoal.cli.worker import workers

    run_connected(
        lambda client, where: workers.rerun_worker(client, name, where, is_followed=not detach),
        namespace,
        kubeconfig,
    )


@app.command()
def stop(
    name: Name,
    wait: Annotated[bool, typer.Option(help="Return when nothing of it runs.")] = True,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.", min=0)] = 60,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """End the pods of a worker and keep it for later."""
    from shoal.cli.worker import workers

    limit_s = timeout if wait else None
    run_connected(
        lambda client, where: workers.stop_worker(client, name, where, limit_s),
        namespace,
        kubeconfig,
    )


@app.command()
def logs(
    name: Name,
    attempt: Annotated[
        int | None, typer.Option(help="As `show` lists them, from 1; -1 is the newest.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Of all its pods, line by line.")] = False,
    container: Annotated[str, typer.Option("--container", "-c")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f")] = False,
    tail: Annotated[int | None, typer.Option(help="Lines from the end.")] = None,
    timestamps: Annotated[bool, typer.Option(help="Begin each line with its time.")] = False,
    namespace: Namespace = "",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Print what a worker wrote: its newest attempt, another one, or all its pods."""
    if attempt == 0:
        fail("attempts count from 1, or from the newest as -1; `shoal worker show` lists them")
    if every and attempt is not None:
        fail("--all is about all attempts, --attempt about one; leave out one of them")
    from shoal.cli.worker import logs as reading
    from shoal.client.protocol import LogOptions

    options = LogOptions(container=container, follow=follow, tail_lines=tail, timestamps=timestamps)

    async def body(client: "Client", namespace: str) -> None:
        if every:
            await reading.all_logs(client, name, namespace, options)
        else:
            await reading.attempt_log(client, name, namespace, attempt, options)

    run_connected(body, namespace, kubeconfig)
