"""`Command`: something that is asked of a job or a queue, once.

Unlike other kinds it has no spec: its fields stand at the top.
"""

from typing import Annotated

from shoal.api.custom_kind import CustomKind, described
from shoal.api.meta import Object, OwnerReference
from shoal.api.resource import Resource

GROUP = "bus.volcano.sh"
VERSION = "v1alpha1"


class Command(Object):
    """Something that is asked of a job or a queue, once."""

    action: Annotated[str, described("What to do.")] = ""
    target: Annotated[OwnerReference | None, described("What it is about.")] = None
    reason: Annotated[str, described("In one word.")] = ""
    message: Annotated[str, described("For people.")] = ""


def age(command: Command) -> tuple[float, int, str, str]:
    """To sort by, the oldest first. Creation times are whole seconds; within one, resource
    versions tell the order."""
    metadata = command.metadata
    created = metadata.creation_timestamp
    version = metadata.resource_version
    return (created.timestamp() if created else 0.0, len(version), version, metadata.uid)


COMMANDS: Resource[Command] = Resource(GROUP, VERSION, "commands", "Command", Command)

KIND = CustomKind(
    type=Command,
    group=GROUP,
    plural="commands",
    versions=(VERSION,),
    fills_in_zeros=False,
)
