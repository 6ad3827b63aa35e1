"""`shoal queue`: its subcommands and their flags."""

from typing import TYPE_CHECKING, Annotated

import typer

from shoal.cli.options import Kubeconfig, run_connected
from shoal.cli.output import fail
from shoal.cli.volcano.naming import NameArgument, QueueNameFlag, the_name

if TYPE_CHECKING:
    from shoal.client.protocol import Client

app = typer.Typer(help="Queues: shares of the cluster, for jobs that wait.", no_args_is_help=True)

Wait = Annotated[bool, typer.Option(help="Return when it is so.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait at most.", min=0)]
Amounts = Annotated[str, typer.Option(help="Such as cpu=4,memory=8Gi.", show_default=False)]


@app.command("list")
def list_all(kubeconfig: Kubeconfig = None) -> None:
    """List the queues, with their PodGroups by phase."""
    from shoal.cli.volcano import queues

    run_connected(lambda client, _: queues.list_queues(client), "", kubeconfig)


@app.command()
def get(name: NameArgument = "", flag: QueueNameFlag = "", kubeconfig: Kubeconfig = None) -> None:
    """Show one queue as `list` does."""
    from shoal.cli.volcano import queues

    queue = the_name(name, flag, "queue")
    run_connected(lambda client, _: queues.list_queues(client, queue), "", kubeconfig)


@app.command()
def create(
    name: NameArgument = "",
    flag: QueueNameFlag = "",
    weight: Annotated[int, typer.Option("--weight", "-w", help="Of its share.", min=1)] = 1,
    state: Annotated[str, typer.Option("--state", "-S", help="Open or Closed.")] = "Open",
    capability: Amounts = "",
    deserved: Amounts = "",
    guarantee: Amounts = "",
    parent: Annotated[str, typer.Option(help="The queue above; root if left out.")] = "",
    priority: Annotated[int, typer.Option(help="Higher goes first.", min=0)] = 0,
    reclaimable: Annotated[bool, typer.Option(help="Give back what others deserve.")] = True,
    dequeue_strategy: Annotated[str, typer.Option(help="fifo or traverse.")] = "traverse",
    kubeconfig: Kubeconfig = None,
) -> None:
    """Make a queue; it is called `test` unless told otherwise."""
    from shoal.api.volcano.queue import QueueState
    from shoal.cli.volcano import queues
    from shoal.cli.volcano.amounts import parse_amounts

    if state not in (QueueState.OPEN, QueueState.CLOSED):
        fail(f'a queue is made Open or Closed, not "{state}"')

    async def body(client: "Client", _: str) -> None:
        guaranteed = parse_amounts(guarantee, "--guarantee")
        manifest = queues.queue_manifest(
            the_name(name, flag or ("" if name else "test"), "queue"),
            weight=weight,
            capability=parse_amounts(capability, "--capability") or None,
            deserved=parse_amounts(deserved, "--deserved") or None,
            guarantee={"resource": guaranteed} if guaranteed else None,
            parent=parent or None,
            priority=priority or None,
            reclaimable=reclaimable,
            dequeueStrategy=dequeue_strategy,
        )
        await queues.create_queue(client, manifest, QueueState(state))

    run_connected(body, "", kubeconfig)


@app.command("open")
def open_one(
    name: NameArgument = "",
    flag: QueueNameFlag = "",
    wait: Wait = True,
    timeout: Timeout = 30,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Let a queue take jobs again."""
    from shoal.cli.volcano import queues

    queue = the_name(name, flag, "queue")
    limit_s = timeout if wait else None
    run_connected(lambda client, _: queues.open_queue(client, queue, limit_s), "", kubeconfig)


@app.command()
def close(
    name: NameArgument = "",
    flag: QueueNameFlag = "",
    wait: Wait = True,
    timeout: Timeout = 30,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Let a queue take no more jobs; what is in it stays."""
    from shoal.cli.volcano import queues

    queue = the_name(name, flag, "queue")
    limit_s = timeout if wait else None
    run_connected(lambda client, _: queues.close_queue(client, queue, limit_s), "", kubeconfig)


@app.command()
def operate(
    name: NameArgument = "",
    flag: QueueNameFlag = "",
    action: Annotated[str, typer.Option("--action", "-a", help="open, close or update.")] = "",
    weight: Annotated[int, typer.Option("--weight", "-w", help="For update.")] = 0,
    wait: Wait = True,
    timeout: Timeout = 30,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Open or close a queue, or give it another weight."""
    from shoal.cli.volcano import queues

    if not action:
        fail("action can not be null; give --action open, close or update")
    queue = the_name(name, flag, "queue")
    limit_s = timeout if wait else None
    run_connected(
        lambda client, _: queues.operate_queue(client, queue, action, weight, limit_s),
        "",
        kubeconfig,
    )


@app.command()
def delete(
    name: NameArgument = "", flag: QueueNameFlag = "", kubeconfig: Kubeconfig = None
) -> None:
    """Delete a queue."""
    from shoal.cli.volcano import queues

    queue = the_name(name, flag, "queue")
    run_connected(lambda client, _: queues.delete_queue(client, queue), "", kubeconfig)
