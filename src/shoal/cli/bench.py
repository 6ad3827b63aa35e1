"""`shoal bench`: measure Shoal on the machine at hand."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from shoal.cli.output import fail

if TYPE_CHECKING:
    from rich.table import Table

    from shoal.testing.gang_load import GangLoad, GangsMeasured, Way

app = typer.Typer(help="Measure Shoal on this machine.", no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure Shoal on this machine."""


@app.command()
def scheduler(
    nodes: Annotated[int, typer.Option(help="Nodes of 32 cpu and 128Gi in ten zones.")] = 5000,
    pods: Annotated[int, typer.Option(help="Pods that wait.")] = 20000,
    templates: Annotated[int, typer.Option(help="Different pods among them.")] = 50,
    constraint: Annotated[
        str, typer.Option("--with", help="What pods demand: none, anti-affinity or spread.")
    ] = "none",
    in_turn: Annotated[
        bool, typer.Option("--in-turn", help="Pods come one by one, not at one instant.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """How many pods a second the scheduler places, in process, with the default profile."""
    import msgspec
    from rich.console import Console

    from shoal.testing.scheduling_load import Constraint, Load, measure

    if constraint not in list(Constraint):
        fail(f'unknown constraint "{constraint}": use one of {", ".join(Constraint)}')
    if min(nodes, pods, templates) < 1:
        fail("--nodes, --pods and --templates must be at least 1")
    progress = Console(stderr=True)
    with progress.status("making nodes and pods") as status:
        load = Load(nodes, pods, templates, Constraint(constraint), in_turn)
        measured = measure(load, lambda text: status.update(f"placing {pods} pods {text}"))
    if measured.bound < pods:
        sys.stderr.write(f"only {measured.bound} of {pods} pods found a node\n")
    if as_json:
        sys.stdout.write(msgspec.json.encode(measured).decode() + "\n")
        return
    Console().print(_measures_table(msgspec.to_builtins(measured)))


@app.command()
def gangs(
    nodes: Annotated[int, typer.Option(help="Nodes of 32 cpu and 128Gi in ten zones.")] = 1000,
    gangs: Annotated[int, typer.Option(help="PodGroups that wait.")] = 10,
    size: Annotated[int, typer.Option(help="Pods of each, placed together or not at all.")] = 100,
    has_all: Annotated[
        bool, typer.Option("--all", help="10 gangs of 100, 20 of 500, and 10,000 of 1.")
    ] = False,
    through_api: Annotated[
        bool,
        typer.Option(
            "--through-api/--in-process",
            help="Through an API server in a temporary folder, or the scheduler's core alone.",
        ),
    ] = False,
    jobs: Annotated[
        bool, typer.Option("--jobs", help="Create Volcano jobs, not PodGroups and pods; by API.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of objects.")] = False,
) -> None:
    """How many gangs and pods a second get their nodes, and how long a gang waits for them."""
    import msgspec
    from rich.console import Console

    from shoal.testing.gang_load import STANDARD_SHAPES, GangLoad, Way

    if min(nodes, gangs, size) < 1:
        fail("--nodes, --gangs and --size must be at least 1")
    way = Way.JOBS if jobs else Way.API if through_api else Way.IN_PROCESS
    shapes = STANDARD_SHAPES if has_all else ((gangs, size),)
    loads = [GangLoad(nodes, count, each_size) for count, each_size in shapes]
    with Console(stderr=True).status("importing") as status:
        results = [_measure_gangs(load, way, status.update) for load in loads]
    for each in results:
        if each.bound < each.gangs * each.size:
            sys.stderr.write(f"only {each.bound} of {each.gangs * each.size} pods found a node\n")
    if as_json:
        sys.stdout.write(msgspec.json.encode(results).decode() + "\n")
    else:
        Console().print(_gangs_table(results))


@app.command()
def jobs(
    jobs: Annotated[int, typer.Option(help="Jobs of one pod each.")] = 2000,
    clients: Annotated[int, typer.Option(help="Clients that create them, over https.")] = 32,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """How many Jobs a second are taken in, and how many pods a second are made for them."""
    import msgspec
    from rich.console import Console

    from shoal.testing.job_load import JobLoad, measure_jobs

    if min(jobs, clients) < 1:
        fail("--jobs and --clients must be at least 1")
    with Console(stderr=True).status("starting a control plane") as status:
        measured = measure_jobs(JobLoad(jobs, clients), status.update)
    if measured.pods < jobs:
        sys.stderr.write(f"only {measured.pods} of {jobs} pods were made\n")
    if as_json:
        sys.stdout.write(msgspec.json.encode(measured).decode() + "\n")
    else:
        Console().print(_measures_table(msgspec.to_builtins(measured)))


def _measures_table(measures: dict[str, object]) -> "Table":
    """A line for each; a measure of parts has one for each part."""
    from rich.table import Table

    table = Table("measure", "value")
    for name, value in measures.items():
        parts = value if isinstance(value, dict) else {"": value}
        for part, number in parts.items():
            text = f"{number:,}" if isinstance(number, int | float) else str(number)
            table.add_row(f"{name}: {part}" if part else name, text)
    return table


def _measure_gangs(load: "GangLoad", way: "Way", show: Callable[[str], None]) -> "GangsMeasured":
    from shoal.testing.gang_load import Way
    from shoal.testing.gangs_in_process import measure_in_process
    from shoal.testing.gangs_through_api import measure_through_api

    def report(text: str) -> None:
        show(f"{load.gangs} gangs of {load.size}: {text}")

    if way is Way.IN_PROCESS:
        return measure_in_process(load, report)
    return measure_through_api(load, way, report)


def _gangs_table(results: "list[GangsMeasured]") -> "Table":
    """A line for each load; percentiles are of how long gangs wait."""
    from rich.table import Table

    table = Table()
    for title in ("load", "pods/s", "gangs/s", "p50, s", "p99, s", "writes a pod"):
        table.add_column(title, justify="left" if title == "load" else "right")
    for each in results:
        table.add_row(
            f"{each.gangs:,} of {each.size:,}, {each.way}",
            f"{each.pods_per_s:,.0f}",
            f"{each.gangs_per_s:,.1f}",
            f"{each.gang_s_p50:.3f}",
            f"{each.gang_s_p99:.3f}",
            f"{sum(each.writes.values()) / max(each.bound, 1):.2f}",
        )
    return table


@app.command()
def work(
    items: Annotated[int, typer.Option(help="Items that are put, for each --group.")] = 20000,
    workers: Annotated[int, typer.Option(help="Processes that go through them.")] = 8,
    source: Annotated[str, typer.Option(help="sqlite, postgres, redis or valkey.")] = "sqlite",
    group: Annotated[
        list[int] | None, typer.Option(help="Items in one call; 1, 10 and 64 where absent.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list of objects.")] = False,
) -> None:
    """How many items of a work queue a second are put, and leased and acknowledged, one by one and
    in groups. The usual 20,000 items take a minute or less; a million one by one may take half an
    hour."""
    import msgspec
    from rich.console import Console
    from rich.table import Table

    from shoal.testing.databases import NoSuchServer
    from shoal.testing.work_load import SourceKind, measure

    if source not in list(SourceKind):
        fail(f'unknown source "{source}": use one of {", ".join(SourceKind)}')
    groups = group or [1, 10, 64]
    if min(items, workers, *groups) < 1:
        fail("--items, --workers and --group must be at least 1")
    kind = SourceKind(source)
    with Console(stderr=True).status("starting") as status:
        try:
            results = [
                measure(kind, items, workers, each, lambda text: status.update(f"{kind}: {text}"))
                for each in groups
            ]
        except NoSuchServer as error:
            fail(str(error))
    if as_json:
        sys.stdout.write(msgspec.json.encode(results).decode() + "\n")
        return
    table = Table("source", "items", "workers", "group", "put/s", "done/s", "RSS, MB", "file, MB")
    for each in results:
        counts = (each.items, each.workers, each.group, each.put_per_s, each.done_per_s)
        texts = [f"{count:,.0f}" for count in counts]
        table.add_row(each.source, *texts, f"{each.rss_mb:.0f}", f"{each.file_mb:.0f}")
    Console().print(table)
