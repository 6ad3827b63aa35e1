"""`shoal work`: its subcommands and their flags."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from shoal.cli.options import MAX_INT32
from shoal.cli.output import CliError, fail, sentence_of
from shoal.cli.work.source_flags import with_source, with_source_of_tokens

if TYPE_CHECKING:
    from shoal.cli.work.leasing import Act
    from shoal.cli.work.target import WhichSource
    from shoal.work.protocol import QueueLimits

app = typer.Typer(help="Work queues: put items in, take them out.", no_args_is_help=True)

MAX_LEASE_S = 31_536_000
"""A year: of leases and delays."""
MAX_ID = 10**15
"""Ids have at most 16 digits."""

_T = TypeVar("_T")

Queue = Annotated[
    str,
    typer.Argument(
        metavar="[QUEUE]", help="NAME or NAMESPACE/NAME; $SHOAL_WORK_QUEUE.", show_default=False
    ),
]
Lease = Annotated[
    float | None, typer.Option(help="Seconds that an item is held without a sign of life.")
]
MaxAttempts = Annotated[
    int | None, typer.Option(help="Deliveries before an item is dead.", min=1, max=MAX_INT32)
]
TokenFile = Annotated[Path | None, typer.Option(help="File with the token of the item.")]
Tokens = Annotated[list[str] | None, typer.Argument(metavar="[TOKEN]...", show_default=False)]
Count = Annotated[int, typer.Option(help="How many at most.", min=1, max=MAX_INT32)]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object a line.")]


@app.command()
@with_source
def put(
    which: "WhichSource",
    queue: Queue = "",
    path: Annotated[str, typer.Option("--from", help="Items, one a line; - for stdin.")] = "",
    item: Annotated[list[str] | None, typer.Option(help="An item.")] = None,
    batch_id: Annotated[
        str, typer.Option(help="A name for these items: put again, only missing ones are added.")
    ] = "",
    is_json: Annotated[bool, typer.Option("--json", help="Each line must be JSON.")] = False,
) -> None:
    """Put items into a queue."""
    from shoal.cli.work import putting

    said = _told(
        lambda: putting.put(
            which, queue, path=path, bodies=item or [], batch_id=batch_id, is_json=is_json
        )
    )
    typer.echo(said)


@app.command()
@with_source
def get(
    which: "WhichSource",
    queue: Queue = "",
    token_file: TokenFile = None,
    as_json: AsJson = False,
    wait: Annotated[bool, typer.Option(help="While others hold the last items.")] = True,
    lease: Lease = None,
    max_attempts: MaxAttempts = None,
) -> None:
    """Take an item and print it; exit code 3 says that the queue is drained, 4 (with --no-wait)
    that others hold what is left."""
    from shoal.cli.work import leasing
    from shoal.worker import pod_name

    code = _told(
        lambda: leasing.get(
            which,
            queue,
            holder=pod_name(),
            limits=_limits(lease, max_attempts),
            token_file=token_file,
            as_json=as_json,
            is_waiting=wait,
        )
    )
    raise typer.Exit(code)


@app.command()
@with_source_of_tokens
def ack(
    which: "WhichSource",
    tokens: Tokens = None,
    token_file: TokenFile = None,
) -> None:
    """Say that an item is done; exit code 1 when it is somebody else's by now."""
    _settle(which, tokens, token_file, lambda source, queue, own: source.ack(queue, own), "done")


@app.command()
@with_source_of_tokens
def nack(
    which: "WhichSource",
    tokens: Tokens = None,
    token_file: TokenFile = None,
    reason: Annotated[str, typer.Option(help="Kept with the dead.")] = "given back",
    delay: Annotated[float, typer.Option(help="Seconds before it may be taken again.")] = 0,
    keep_attempt: Annotated[
        bool, typer.Option("--keep-attempt", help="As if it had not been taken.")
    ] = False,
    max_attempts: MaxAttempts = None,
) -> None:
    """Give an item back; after its last attempt it is put with the dead."""
    limits = _told(lambda: _limits(None, max_attempts))
    if not 0 <= delay <= MAX_LEASE_S:
        fail(f"--delay must be from 0 to {MAX_LEASE_S} seconds")
    _settle(
        which,
        tokens,
        token_file,
        lambda source, queue, own: source.nack(
            queue,
            own,
            reason=reason,
            delay_s=delay,
            uses_attempt=not keep_attempt,
            max_attempts=limits.max_attempts,
        ),
        "given back",
    )


@app.command()
@with_source_of_tokens
def renew(
    which: "WhichSource",
    tokens: Tokens = None,
    token_file: TokenFile = None,
    lease: Lease = None,
) -> None:
    """Hold an item for longer; exit code 1 when it is somebody else's by now."""
    lease_s = _told(lambda: _limits(lease, None)).lease_s
    _settle(
        which,
        tokens,
        token_file,
        lambda source, queue, own: source.renew(queue, own, lease_s),
        "renewed",
    )


@app.command()
@with_source
def each(
    which: "WhichSource",
    words: Annotated[list[str], typer.Argument(metavar="-- COMMAND...", show_default=False)],
    count: Annotated[
        int, typer.Option(help="Items to take; all where absent.", min=0, max=MAX_INT32)
    ] = 0,
    lease: Lease = None,
    max_attempts: MaxAttempts = None,
    queue: Annotated[str, typer.Option("--queue", "-q", help="NAME or NAMESPACE/NAME.")] = "",
) -> None:
    """Run a command for every item, which it gets as $ITEM and on standard input: exit code 0
    acknowledges it, any other gives it back."""
    from shoal.cli.work.each import CommandLoop
    from shoal.cli.work.target import namespace_of
    from shoal.worker import pod_name

    def run() -> int:
        name = which.queue(queue)
        loop = CommandLoop(
            which.source(namespace_of(name)),
            name,
            words,
            holder=pod_name(),
            limits=_limits(lease, max_attempts),
            count=count,
        )
        return loop.run()

    raise typer.Exit(_told(run))


@app.command("list")
@with_source
def list_all(
    which: "WhichSource",
    as_json: AsJson = False,
) -> None:
    """List the queues of a source: of a namespace's own, or of all on a server."""
    from shoal.cli.work import looking

    _told(lambda: looking.list_all(which, as_json=as_json))


@app.command()
@with_source
def size(
    which: "WhichSource",
    queue: Queue = "",
    as_json: AsJson = False,
) -> None:
    """Show how many items are where."""
    from shoal.cli.work import looking

    _told(lambda: looking.size(which, queue, as_json=as_json))


@app.command()
@with_source
def peek(
    which: "WhichSource",
    queue: Queue = "",
    count: Count = 10,
    as_json: AsJson = False,
) -> None:
    """Show the next items without taking them."""
    from shoal.cli.work import looking

    _told(lambda: looking.peek(which, queue, count, as_json=as_json))


@app.command()
@with_source
def dead(
    which: "WhichSource",
    queue: Queue = "",
    count: Count = 10,
    as_json: AsJson = False,
) -> None:
    """Show items that used up their attempts, with the last reason."""
    from shoal.cli.work import looking

    _told(lambda: looking.dead(which, queue, count, as_json=as_json))


@app.command()
@with_source
def revive(
    which: "WhichSource",
    queue: Queue = "",
    ids: Annotated[
        list[int] | None, typer.Option("--id", help="Only these items.", min=1, max=MAX_ID)
    ] = None,
) -> None:
    """Give dead items all their attempts again."""
    from shoal.cli.work import looking

    typer.echo(_told(lambda: looking.revive(which, queue, ids or [])))


@app.command()
@with_source
def purge(
    which: "WhichSource",
    queue: Queue = "",
) -> None:
    """Forget a queue and all its items."""
    from shoal.cli.work import looking

    typer.echo(_told(lambda: looking.purge(which, queue)))


def _settle(
    which: "WhichSource",
    tokens: list[str] | None,
    token_file: Path | None,
    act: "Act",
    what: str,
) -> None:
    from shoal.cli.work import leasing

    _told(lambda: leasing.settle(which, tokens or [], token_file, act, what))


def _limits(lease_s: float | None, max_attempts: int | None) -> "QueueLimits":
    """The flags, else the environment, else the usual."""
    from shoal.work.protocol import QueueLimits
    from shoal.worker import limits_of

    try:
        usual = limits_of(os.environ)
    except ValueError as error:
        raise CliError(str(error)) from error
    if lease_s is not None and not 0 < lease_s <= MAX_LEASE_S:
        raise CliError(f"--lease must be above 0 and at most {MAX_LEASE_S} seconds")
    return QueueLimits(
        lease_s=lease_s or usual.lease_s, max_attempts=max_attempts or usual.max_attempts
    )


def _told(call: Callable[[], _T]) -> _T:
    """The call's answer; what a user can mend ends as one sentence."""
    from shoal.work.protocol import SourceUnavailable

    try:
        return call()
    except BrokenPipeError:
        # The reader of our output has gone; there is nobody left to tell.
        os._exit(0)
    except OSError as error:
        fail(sentence_of(error))
    except (CliError, SourceUnavailable) as error:
        fail(str(error))
