"""What commands share: the types of their options, and how a coroutine of theirs is run."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shoal.cli.output import CliError, fail, sentence_of

if TYPE_CHECKING:
    from shoal.client.protocol import Client

MAX_INT32 = 2**31 - 1
"""The largest number that fields of Kubernetes' objects take."""

EXPLAINED = "a pod, task, executor pool, deployment, job, podgroup, queue or worker"
"""What `shoal explain` is asked about."""

Words = Annotated[list[str], typer.Argument(metavar="KIND [NAME]...", show_default=False)]
Namespace = Annotated[
    str, typer.Option("--namespace", "-n", help="Defaults to the kubeconfig's.", show_default=False)
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")]
Labels = Annotated[str, typer.Option("--selector", "-l", help="Label selector.")]
Fields = Annotated[str, typer.Option("--field-selector", help="Field selector.")]
Files = Annotated[
    list[str] | None, typer.Option("--filename", "-f", help="File, folder, or - for stdin.")
]
Kubeconfig = Annotated[
    Path | None,
    typer.Option("--kubeconfig", "-k", help="Defaults to $KUBECONFIG, then shoal's own."),
]
GracePeriod = Annotated[
    int | None, typer.Option("--grace-period", help="Seconds a pod may take to end.")
]


def run_connected(
    call: Callable[["Client", str], Awaitable[None]], namespace: str, kubeconfig: Path | None
) -> None:
    """Connect, call with the namespace to look in, and turn what went wrong into one sentence."""
    import asyncio

    from shoal.api.status import ApiError
    from shoal.cli.connecting import connected

    async def body() -> None:
        async with connected(kubeconfig) as (client, usual_namespace):
            await call(client, namespace or usual_namespace)

    try:
        asyncio.run(body())
    except BrokenPipeError:
        # The reader of our output has gone; there is nobody left to tell.
        os._exit(0)
    except OSError as error:
        fail(sentence_of(error))
    except (CliError, ApiError) as error:
        fail(str(error))
