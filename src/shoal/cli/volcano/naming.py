"""Which object a command is about: its name as an argument, or with vcctl's flag."""

from typing import Annotated

import typer

from shoal.cli.output import fail

NameArgument = Annotated[str, typer.Argument(metavar="[NAME]", show_default=False)]
NameFlag = Annotated[str, typer.Option("--name", "-N", help="The same.", show_default=False)]
QueueNameFlag = Annotated[str, typer.Option("--name", "-n", help="The same.", show_default=False)]


def the_name(argument: str, flag: str, kind: str) -> str:
    """Fails where there is none, or where there are two."""
    if argument and flag and argument != flag:
        fail(f"name one {kind}, not both {argument} and {flag}")
    if not (argument or flag):
        fail(f"which {kind}? give its name")
    return argument or flag
