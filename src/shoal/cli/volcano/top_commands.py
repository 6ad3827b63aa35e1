"""`shoal top`: what is used by whom, as it changes."""

from typing import TYPE_CHECKING, Annotated

import typer

from shoal.cli.options import Kubeconfig, run_connected

if TYPE_CHECKING:
    from shoal.client.protocol import Client

app = typer.Typer(help="What is used by whom, live.", no_args_is_help=True)


@app.callback()
def top() -> None:
    """What is used by whom, live."""


@app.command()
def queues(
    once: Annotated[bool, typer.Option("--once", help="Print once and end.")] = False,
    interval: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.1)] = 2,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Queues: what they hold of what they deserve, and how long jobs wait in them."""
    from rich.console import Console

    from shoal.base.clock import SystemClock
    from shoal.cli.volcano.top import top_queues

    async def body(client: "Client", _: str) -> None:
        await top_queues(
            client, Console(highlight=False), SystemClock(), period_s=interval, is_once=once
        )

    run_connected(body, "", kubeconfig)
