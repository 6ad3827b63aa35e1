"""`shoal bench`: measure Shoal on the machine at hand."""

import sys
from typing import Annotated

import typer

from shoal.cli.output import fail

app = typer.Typer(help="Measure Shoal on this machine.", no_args_is_help=True)


@app.callback()
def bench() -> None:
    """Measure Shoal on this machine."""


@app.command()
def scheduler(
    nodes: Annotated[int, typer.Option(help="Nodes of 32 cpu and 128Gi in ten zones.")] = 5000,
    pods: Annotated[int, typer.Option(help="Pods that wait.")] = 20000,
    templates: Annotated[int, typer.Option(help="Different pods among them.")] = 50,
    gang: Annotated[int, typer.Option(help="Pods that are placed together or not at all.")] = 1,
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
    from rich.table import Table

    from shoal.testing.scheduling_load import Constraint, Load, measure

    if constraint not in list(Constraint):
        fail(f'unknown constraint "{constraint}": use one of {", ".join(Constraint)}')
    if min(nodes, pods, templates, gang) < 1:
        fail("--nodes, --pods, --templates and --gang must be at least 1")
    progress = Console(stderr=True)
    with progress.status("making nodes and pods") as status:
        load = Load(nodes, pods, templates, gang, Constraint(constraint), in_turn)
        measured = measure(load, lambda text: status.update(f"placing {pods} pods {text}"))
    if measured.bound < pods:
        sys.stderr.write(f"only {measured.bound} of {pods} pods found a node\n")
    if as_json:
        sys.stdout.write(msgspec.json.encode(measured).decode() + "\n")
        return
    table = Table("measure", "value")
    for name, value in msgspec.to_builtins(measured).items():
        table.add_row(name, f"{value:,}" if isinstance(value, int | float) else value)
    Console().print(table)
