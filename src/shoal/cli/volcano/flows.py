"""`shoal jobflow` and `shoal jobtemplate`: the same verbs for both kinds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from shoal.api.resource import JsonObject, Resource
from shoal.api.status import ApiError
from shoal.api.volcano.flow import JOB_FLOWS, JOB_TEMPLATES, JobFlow, JobTemplate
from shoal.apiserver.tables.age import UNKNOWN, human_duration
from shoal.base.clock import SystemClock
from shoal.cli import manifests
from shoal.cli.manifests import Manifest
from shoal.cli.output import CliError, OutputFormat, print_object, print_rows
from shoal.client.protocol import Client

FlowT = TypeVar("FlowT", JobFlow, JobTemplate)
_BETWEEN = "---------------------------------"


@dataclass(frozen=True, slots=True)
class FlowKind(Generic[FlowT]):
    """One of the two kinds, and how it is listed."""

    resource: Resource[FlowT]
    heads: Sequence[str]

    def row(self, obj: JobFlow | JobTemplate) -> tuple[str, ...]:
        """Under its heads."""
        metadata = obj.metadata
        if isinstance(obj, JobTemplate):
            return metadata.name, metadata.namespace
        created = metadata.creation_timestamp
        age = human_duration(SystemClock().now() - created) if created else UNKNOWN
        return metadata.name, metadata.namespace, obj.status.state.phase, age


FLOW = FlowKind(JOB_FLOWS, ("Name", "Namespace", "Phase", "Age"))
TEMPLATE = FlowKind(JOB_TEMPLATES, ("Name", "Namespace"))


async def create(
    client: Client, kind: FlowKind[FlowT], paths: Sequence[str], namespace: str
) -> None:
    """Create the objects of the files; what is refused does not keep it from the rest. Raises
    CliError when all are done."""
    resource, refusals = kind.resource, list[str]()
    for each in _read(kind, paths):
        where = each.namespace or namespace
        try:
            await client.create(resource, each.body, where, strict=True)
        except ApiError as error:
            refusals.append(f"create {resource.kind} {where}/{each.name}: {error}")
            continue
        print(f"Created {resource.kind}: {where}/{each.name}")
    if refusals:
        raise CliError("\nerror: ".join(refusals))


def _read(kind: FlowKind[FlowT], paths: Sequence[str]) -> list[Manifest]:
    """Raises CliError where there is anything else in the files."""
    found = manifests.read(paths)
    resource = kind.resource
    for each in found:
        if (each.api_version, each.kind) != (resource.api_version, resource.kind):
            raise CliError(
                f"{each.source} holds a {each.kind} of {each.api_version} where a {resource.kind}"
                f" of {resource.api_version} should be; `shoal apply` takes everything"
            )
    return found


async def show(client: Client, kind: FlowKind[FlowT], namespace: str, name: str = "") -> None:
    """A row for each, or for the one of this name."""
    if name:
        found: Sequence[FlowT] = [await client.get(kind.resource, name, namespace)]
    else:
        found = (await client.list(kind.resource, namespace)).items
    if not found:
        print("No resources found")
        return
    print_rows(kind.heads, [kind.row(each) for each in found], is_upper=False)


async def describe(
    client: Client, kind: FlowKind[FlowT], namespace: str, name: str, output: OutputFormat
) -> None:
    """In full, as it is; without a name all of them."""
    resource = kind.resource.untyped()
    if name:
        found = [await client.get(resource, name, namespace)]
    else:
        found = list((await client.list(resource, namespace)).items)
    for place, each in enumerate(found):
        if place:
            print(_BETWEEN)
        print_object(_readable(resource, each), output)


def _readable(resource: Resource[JsonObject], obj: JsonObject) -> JsonObject:
    metadata = {key: text for key, text in obj["metadata"].items() if key != "managedFields"}
    kind = {"apiVersion": resource.api_version, "kind": resource.kind}
    return {**kind, **obj, "metadata": metadata}


async def delete(
    client: Client, kind: FlowKind[FlowT], namespace: str, name: str, paths: Sequence[str]
) -> None:
    """By name, or those of the files. Raises CliError when all are done."""
    resource, refusals = kind.resource, list[str]()
    wanted = [(each.namespace or namespace, each.name) for each in _read(kind, paths)]
    for where, each in wanted or [(namespace, name)]:
        try:
            await client.delete(resource, each, where)
        except ApiError as error:
            refusals.append(f"delete {resource.kind} {where}/{each}: {error}")
            continue
        print(f"Deleted {resource.kind}: {where}/{each}")
    if refusals:
        raise CliError("\nerror: ".join(refusals))
