"""What an image means on a node without images: a command, arguments, variables.

shoal.yaml lists mappings; the first whose glob matches the image's name is used. An image that
matches none is run by the container's own command.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import msgspec

from shoal.api.pod import Container

NO_COMMAND = "NoImageCommand"
"""Waiting reason of a container of which nobody says what to run."""


class ImageMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to run for images whose name matches `match`, a glob."""

    match: str
    command: list[str] = []
    args: list[str] = []
    env: dict[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What a container runs, before `$(VAR)` is expanded."""

    argv: Sequence[str]
    env: dict[str, str]
    """Variables that come with the image; the container's own go before them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoProgram:
    message: str


def resolve(container: Container, mappings: Sequence[ImageMapping]) -> Program | NoProgram:
    """A mapping's command and args replace the container's own where they are given."""
    mapping = next((m for m in mappings if fnmatchcase(container.image, m.match)), None)
    command, args, env = container.command, container.args, dict[str, str]()
    if mapping is not None:
        command, args, env = mapping.command or command, mapping.args or args, mapping.env
    if command:
        return Program(argv=[*command, *args], env=dict(env))
    if mapping is not None:
        message = (
            f'the mapping "{mapping.match}" of image "{container.image}" in shoal.yaml has no '
            f'command and container "{container.name}" has none either: give one of them a command'
        )
    else:
        message = (
            f'container "{container.name}" has no command and no mapping in shoal.yaml matches '
            f'its image "{container.image}": set the container\'s command (`kubectl run` needs '
            "--command before it), or add the image to `images` in shoal.yaml"
        )
    return NoProgram(message=message)
