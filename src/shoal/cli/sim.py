"""`shoal sim`: the production scheduler on made-up clusters, without a server."""

import os
from pathlib import Path
from typing import Annotated

import typer

from shoal.cli.output import CliError, fail


def sim(
    cases: Annotated[
        Path | None, typer.Option(help="Clusters, one JSON object a line; - for stdin.")
    ] = None,
    expected: Annotated[
        Path | None,
        typer.Option(help="What should come of them, line by line: print what differs."),
    ] = None,
) -> None:
    """Say what the scheduler does in made-up clusters, without a server."""
    from shoal.cli.sim_cases import answer_cases, compare_cases

    if cases is None:
        fail("name a file of cases with --cases, or - for standard input")
    try:
        is_success = compare_cases(cases, expected) if expected else answer_cases(cases)
    except CliError as error:
        fail(str(error))
    except BrokenPipeError:
        os._exit(0)
    raise typer.Exit(0 if is_success else 1)
