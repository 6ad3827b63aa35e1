"""`shoal get`, `describe` and `logs`: show what is there."""

import asyncio
from collections.abc import Sequence
from typing import Any

from shoal.api.core import EVENTS
from shoal.api.pod import PODS
from shoal.api.resource import JsonObject, Resource
from shoal.cli import kinds
from shoal.cli.output import (
    CliError,
    OutputFormat,
    print_object,
    print_rows,
    to_yaml,
)
from shoal.client.discovery import ServedResource, discover
from shoal.client.protocol import Client, LogOptions

TABLE_FORMAT = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
"""What to accept, for objects as the server prints them."""


class Asked:
    """What `get` was asked for, besides kinds and names."""

    def __init__(
        self, namespace: str, *, labels: str = "", fields: str = "", all_namespaces: bool = False
    ) -> None:
        self.namespace = "" if all_namespaces else namespace
        self.labels = labels
        self.fields = fields
        self.all_namespaces = all_namespaces


async def get(client: Client, words: Sequence[str], asked: Asked, output: OutputFormat) -> None:
    """Print objects. Raises CliError, ApiError."""
    wanted = kinds.targets(await discover(client), words)
    if output in {OutputFormat.TABLE, OutputFormat.WIDE}:
        has_prefix = len({served.resource.plural for served, _ in wanted}) > 1
        for served, name in wanted:
            await _print_table(client, served, name, asked, output, has_prefix)
        return
    objects = [obj for served, name in wanted for obj in await _read(client, served, name, asked)]
    if output is OutputFormat.NAME:
        for obj in objects:
            print(f"{str(obj['kind']).lower()}/{obj['metadata']['name']}")
    elif len(wanted) == 1 and wanted[0][1]:
        print_object(objects[0], output)
    else:
        print_object({"apiVersion": "v1", "kind": "List", "items": objects}, output)


async def _read(
    client: Client, served: ServedResource, name: str, asked: Asked
) -> list[JsonObject]:
    namespace = asked.namespace if served.resource.namespaced else ""
    if name:
        return [await client.get(served.resource, name, namespace)]
    page = await client.list(
        served.resource,
        namespace,
        label_selector=asked.labels,
        field_selector=asked.fields,
    )
    kind = {"apiVersion": served.resource.api_version, "kind": served.resource.kind}
    return [{**kind, **item} for item in page.items]


async def _print_table(
    client: Client,
    served: ServedResource,
    name: str,
    asked: Asked,
    output: OutputFormat,
    has_prefix: bool,
) -> None:
    resource = served.resource
    namespace = asked.namespace if resource.namespaced else ""
    query: dict[str, str] = {}
    if asked.labels and not name:
        query["labelSelector"] = asked.labels
    if asked.fields and not name:
        query["fieldSelector"] = asked.fields
    path = resource.path(namespace, name)
    table = await client.request("GET", path, query=query, accept=TABLE_FORMAT)
    rows: list[JsonObject] = table.get("rows") or []
    if not rows:
        where = f" in {namespace} namespace" if namespace else ""
        if not has_prefix:
            print(f"No resources found{where}.")
        return
    prefix = f"{served.singular}/" if has_prefix else ""
    shows_namespace = asked.all_namespaces and resource.namespaced
    _print_rows(table["columnDefinitions"], rows, output, prefix, shows_namespace)
    if has_prefix:
        print()


def _print_rows(
    columns: Sequence[JsonObject],
    rows: Sequence[JsonObject],
    output: OutputFormat,
    prefix: str,
    shows_namespace: bool,
) -> None:
    is_wide = output is OutputFormat.WIDE
    shown = [i for i, column in enumerate(columns) if is_wide or not column.get("priority")]
    heads = [str(columns[i]["name"]) for i in shown]
    lines: list[list[Any]] = []
    for row in rows:
        cells = [_cell(row["cells"][i]) for i in shown]
        cells[0] = prefix + cells[0]
        if shows_namespace:
            cells.insert(0, str(row["object"]["metadata"].get("namespace", "")))
        lines.append(cells)
    print_rows(["Namespace", *heads] if shows_namespace else heads, lines)


def _cell(value: Any) -> str:
    if value is None:
        return "<none>"
    return str(value).lower() if isinstance(value, bool) else str(value)


async def describe(client: Client, words: Sequence[str], namespace: str) -> None:
    """The object as people read it, then its events."""
    for served, name in kinds.targets(await discover(client), words):
        asked = Asked(namespace)
        for obj in await _read(client, served, name, asked):
            await _describe_one(client, served.resource, obj)


async def _describe_one(client: Client, resource: Resource[JsonObject], obj: JsonObject) -> None:
    metadata = obj["metadata"]
    head = {"Name": metadata["name"]}
    if resource.namespaced:
        head["Namespace"] = metadata.get("namespace", "")
    head |= {
        "Kind": f"{resource.kind} ({resource.api_version})",
        "Created": metadata.get("creationTimestamp", ""),
        "Labels": metadata.get("labels") or "<none>",
        "Annotations": _readable_annotations(metadata) or "<none>",
    }
    if metadata.get("ownerReferences"):
        head["Controlled By"] = ", ".join(
            f"{ref['kind']}/{ref['name']}" for ref in metadata["ownerReferences"]
        )
    known = {"apiVersion", "kind", "metadata"}
    body = {key.capitalize(): value for key, value in obj.items() if key not in known}
    print(to_yaml(head | body), end="")
    await _print_events(client, obj)


def _readable_annotations(metadata: JsonObject) -> JsonObject:
    annotations = metadata.get("annotations") or {}
    return {k: v for k, v in annotations.items() if not k.endswith("last-applied-configuration")}


async def _print_events(client: Client, obj: JsonObject) -> None:
    metadata = obj["metadata"]
    namespace = metadata.get("namespace", "") or "default"
    page = await client.list(
        EVENTS, namespace, field_selector=f"involvedObject.uid={metadata['uid']}"
    )
    if not page.items:
        print("Events: <none>")
        return
    print("Events:")
    rows = [
        (f"  {event.type}", event.reason, max(event.count, 1), event.message)
        for event in page.items
    ]
    print_rows(("  Type", "Reason", "Count", "Message"), rows)


async def logs(client: Client, name: str, namespace: str, options: LogOptions) -> None:
    """Copy a pod's log to standard output, as it comes."""
    import sys

    pod = await _pod_named(client, name, namespace)
    async with client.logs(pod, namespace, options) as pieces:
        async for piece in pieces:
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()


async def _pod_named(client: Client, name: str, namespace: str) -> str:
    """`web-1`, `pod/web-1`, or `deploy/web` for the first of the pods that it selects."""
    if "/" not in name:
        return name
    ((served, named),) = kinds.targets(await discover(client), [name])
    if served.resource.group_resource == PODS.group_resource:
        return named
    obj = await client.get(served.resource, named, namespace)
    labels = ((obj.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    if not labels:
        raise CliError(f'only pods have logs, and "{name}" selects none')
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    page = await client.list(PODS, namespace, label_selector=selector)
    if not page.items:
        raise CliError(f'"{name}" has no pod yet')
    return min(page.items, key=lambda pod: (not pod.is_ready, pod.metadata.name)).metadata.name


async def watch(client: Client, words: Sequence[str], asked: Asked, period_s: float = 1.0) -> None:
    """A table that is drawn again whenever something changes. Ends when interrupted."""
    wanted = kinds.targets(await discover(client), words)
    if len(wanted) != 1:
        raise CliError("a watch shows one kind; name just one")
    served, name = wanted[0]
    namespace = asked.namespace if served.resource.namespaced else ""
    while True:
        print("\x1b[2J\x1b[H", end="")
        await _print_table(client, served, name, asked, OutputFormat.TABLE, False)
        page = await client.list(served.resource, namespace, limit=1)
        async with client.watch(
            served.resource, namespace, resource_version=page.resource_version
        ) as events:
            async for _ in events:
                break
        await asyncio.sleep(period_s)
