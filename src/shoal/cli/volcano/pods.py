"""`shoal pod list`: the pods of jobs, by job or by queue.

The server prints them: what stands under STATUS is in no field of a pod.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shoal.api.pod import PODS
from shoal.api.resource import JsonObject
from shoal.api.volcano import keys
from shoal.api.volcano.pod_group import POD_GROUPS, PodGroup
from shoal.cli.output import CliError, print_rows
from shoal.cli.reading import TABLE_FORMAT
from shoal.client.protocol import Client

HEADS = ("Name", "Ready", "Status", "Restart", "Age")
_COLUMNS = ("Name", "Ready", "Status", "Restarts", "Age")


@dataclass(frozen=True, slots=True)
class PodRow:
    """A pod as the server prints it, with what tells whose it is."""

    metadata: JsonObject
    cells: Mapping[str, Any]
    """By name of the column."""

    @property
    def labels(self) -> Mapping[str, str]:
        return self.metadata.get("labels") or {}

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.metadata.get("annotations") or {}

    @property
    def task(self) -> str:
        return self.labels.get(keys.TASK_SPEC) or self.annotations.get(keys.TASK_SPEC, "")

    def queue(self, groups: Mapping[tuple[str, str], PodGroup]) -> str:
        """That of its label or annotation, else that of its PodGroup by (namespace, name)."""
        named = self.labels.get(keys.JOB_QUEUE_NAME) or self.annotations.get(keys.QUEUE_NAME)
        group = (self.metadata.get("namespace", ""), self.annotations.get(keys.GROUP_NAME, ""))
        if not named and group in groups:
            return groups[group].spec.queue
        return named or ""


async def pod_rows(client: Client, namespace: str, labels: str = "") -> list[PodRow]:
    """An empty namespace for all of them."""
    query = {"labelSelector": labels} if labels else {}
    table = await client.request("GET", PODS.path(namespace), query=query, accept=TABLE_FORMAT)
    names = [column["name"] for column in table.get("columnDefinitions", ())]
    return [
        PodRow(row["object"]["metadata"], dict(zip(names, row["cells"], strict=True)))
        for row in table.get("rows") or ()
    ]


async def list_pods(
    client: Client, namespace: str, *, job: str = "", queue: str = "", all_namespaces: bool = False
) -> None:
    """Of a job, of a queue, or of all jobs. Raises CliError where the job is in another queue."""
    where = "" if all_namespaces else namespace
    if job:
        rows = await pod_rows(client, where, f"{keys.JOB_NAME}={job}")
        queues = {row.labels.get(keys.JOB_QUEUE_NAME, queue) for row in rows}
        if queue and queues - {queue}:
            raise CliError(f"the input vcjob {job} does not match the queue {queue}")
    elif queue:
        rows, groups = await asyncio.gather(pod_rows(client, where), client.list(POD_GROUPS, where))
        by_key = {(each.metadata.namespace, each.metadata.name): each for each in groups.items}
        rows = [row for row in rows if row.queue(by_key) == queue]
    else:
        rows = await pod_rows(client, where, keys.JOB_NAME)
    _print(rows, all_namespaces)


def _print(rows: Sequence[PodRow], shows_namespace: bool) -> None:
    if not rows:
        print("No resources found")
        return
    lines: list[list[Any]] = []
    for row in rows:
        cells = [row.cells[name] for name in _COLUMNS]
        lines.append([row.metadata["namespace"], *cells] if shows_namespace else cells)
    print_rows(("Namespace", *HEADS) if shows_namespace else HEADS, lines, is_upper=False)
