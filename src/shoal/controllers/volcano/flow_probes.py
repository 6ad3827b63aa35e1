"""Probes of a flow: what must hold of the jobs before a step, besides their end.

Volcano has the fields only. Here each probe is about the task that it names, in those of the
targets that have such a task: all its pods must have come so far, or must answer. What the API
tells is decided here at once; what must be asked of pods becomes `ProbeQuestion`s. A target that
completed has nothing left to prove, and one of which no probe speaks must complete.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from shoal.api.pod import Pod
from shoal.api.volcano.flow import FlowProbe, HttpGetProbe, TaskStatusProbe, TcpSocketProbe
from shoal.api.volcano.job import Job, TaskSpec

_PROGRESS = ("Pending", "Running", "Succeeded")
"""A pod that is in one of these has been in those before."""
_COMPLETED = "Completed"
"""What flows say for Succeeded."""


class ProbeQuestion(msgspec.Struct, frozen=True):
    """What a pod is asked: an HTTP request where there is a path, else only a connection."""

    host: str
    port: int
    path: str | None = None
    header: tuple[str, str] | None = None


class Readiness(msgspec.Struct, frozen=True):
    """What a step still waits for: the first thing that does not hold, and what to ask."""

    waits_for: str = ""
    """For people; empty where nothing is known to be missing."""
    questions: tuple[ProbeQuestion, ...] = ()
    """All must be answered well; empty where something is missing anyway."""


PodsOfTask: TypeAlias = Callable[[Job, str], Sequence[Pod]]
"""The pods of a task of a job."""
_Item: TypeAlias = HttpGetProbe | TcpSocketProbe | TaskStatusProbe


def probe_targets(probe: FlowProbe, targets: Sequence[Job], pods_of: PodsOfTask) -> Readiness:
    """`targets` are the jobs before the step that are there and have not completed."""
    items = (*probe.task_status_list, *probe.tcp_socket_list, *probe.http_get_list)
    questions: list[ProbeQuestion] = []
    for job in targets:
        tasks = {task.name: task for task in job.spec.tasks}
        spoken_of = [item for item in items if item.task_name in tasks]
        if not spoken_of:
            return Readiness(f"job {job.metadata.name} to complete")
        for item in spoken_of:
            readiness = _probe_task(item, job, tasks[item.task_name], pods_of)
            if readiness.waits_for:
                return readiness
            questions += readiness.questions
    return Readiness(questions=tuple(questions))


def _probe_task(item: _Item, job: Job, task: TaskSpec, pods_of: PodsOfTask) -> Readiness:
    where = f"task {task.name} of job {job.metadata.name}"
    if isinstance(item, TaskStatusProbe):
        if _has_come_to(item.phase, job, task):
            return Readiness()
        return Readiness(f"{where} to be {item.phase}")
    addresses = [pod.status.pod_ip for pod in pods_of(job, task.name) if not pod.is_deleting]
    if len(addresses) < task.replicas or not all(addresses):
        return Readiness(f"{where} to have all its pods")
    return Readiness(questions=tuple(_question(item, address) for address in addresses if address))


def _question(item: HttpGetProbe | TcpSocketProbe, host: str) -> ProbeQuestion:
    if isinstance(item, TcpSocketProbe):
        return ProbeQuestion(host, item.port)
    header = item.http_header or {}
    named = (str(header["name"]), str(header.get("value", ""))) if "name" in header else None
    return ProbeQuestion(host, item.port, item.path or "/", named)


def _has_come_to(phase: str, job: Job, task: TaskSpec) -> bool:
    wanted = "Succeeded" if phase == _COMPLETED else phase
    counts = job.status.task_status_count.get(task.name)
    if counts is None:
        return False
    accepted = _PROGRESS[_PROGRESS.index(wanted) :] if wanted in _PROGRESS else (wanted,)
    return sum(counts.phase.get(each, 0) for each in accepted) >= task.replicas
