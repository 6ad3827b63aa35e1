"""The flags of `shoal work` that say where a queue is: the same for every subcommand, so they stand
here once, and subcommands get what they come to.
"""

import functools
import inspect
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from shoal.cli.work.target import WhichSource

_ANSWER, _NAMESPACE = "which", "namespace"


def with_source(run: Callable[..., None]) -> Callable[..., None]:
    """A subcommand with these flags in place of the `which` that `run` takes, a WhichSource."""
    return _with(run, inspect.signature(_which).parameters.values())


def with_source_of_tokens(run: Callable[..., None]) -> Callable[..., None]:
    """The same without a namespace, which tokens name."""
    flags = inspect.signature(_which).parameters.values()
    return _with(run, [each for each in flags if each.name != _NAMESPACE])


def _with(run: Callable[..., None], flags: Collection[inspect.Parameter]) -> Callable[..., None]:
    own = inspect.signature(run).parameters.values()
    parameters = [*(each for each in own if each.name != _ANSWER), *flags]

    @functools.wraps(run)
    def command(**given: Any) -> None:
        which = _which(**{each.name: given.pop(each.name) for each in flags})
        run(**given, which=which)

    # Where Typer looks for the flags.
    command.__dict__["__signature__"] = inspect.Signature(parameters)
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _which(
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Of the queue; default.")
    ] = "",
    url: Annotated[str, typer.Option(help="Of the source, without a password.")] = "",
    url_from_env: Annotated[
        str, typer.Option(metavar="NAME", help="The variable that holds the URL.")
    ] = "",
    url_file: Annotated[Path | None, typer.Option(help="The file that holds the URL.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="That of `shoal up`, for its own queues.")
    ] = None,
) -> "WhichSource":
    # Costs time, which help need not take.
    from shoal.cli.work.target import WhichSource

    return WhichSource(
        url=url,
        url_variable=url_from_env,
        url_file=url_file,
        data_dir=data_dir,
        namespace=namespace,
    )
