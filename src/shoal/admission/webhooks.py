"""Which rule is asked about which change of which kind, under the name that people see.

Names, paths and operations are Volcano's (v1.15, installer/helm), but for those that fill in a
Job: they also see changes of it (`job_defaults` says why).
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from shoal.admission.cron_jobs import refuse_cron_job
from shoal.admission.hyper_nodes import refuse_hyper_node
from shoal.admission.job_defaults import default_job
from shoal.admission.job_flows import refuse_job_flow
from shoal.admission.job_tasks import TemplateRules
from shoal.admission.jobs import refuse_job, refuse_job_change
from shoal.admission.lookup import Lookup
from shoal.admission.pod_groups import default_pod_group, refuse_pod_group
from shoal.admission.pods import refuse_pod
from shoal.admission.queues import default_queue, refuse_queue, refuse_queue_deletion
from shoal.api.pod import PODS
from shoal.api.resource import JsonObject, Resource
from shoal.api.volcano.cron_job import CRON_JOBS
from shoal.api.volcano.flow import JOB_FLOWS
from shoal.api.volcano.hyper_node import HYPER_NODES
from shoal.api.volcano.job import JOBS
from shoal.api.volcano.pod_group import POD_GROUPS
from shoal.api.volcano.queue import QUEUES

T = TypeVar("T")


class Operation(StrEnum):
    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


class ChangeRequest(msgspec.Struct, frozen=True):
    """The object as it is to be (None: gone) and as it is (None: not there yet)."""

    obj: JsonObject | None
    old: JsonObject | None

    @property
    def operation(self) -> Operation:
        if self.old is None:
            return Operation.CREATE
        return Operation.UPDATE if self.obj is not None else Operation.DELETE


class Mutation(msgspec.Struct, frozen=True):
    """Fills in what an object leaves open."""

    name: str
    path: str
    resource: Resource[Any]
    operations: tuple[Operation, ...]
    fill_in: Callable[[JsonObject, JsonObject | None, Lookup], None]

    def edit(self, change: ChangeRequest, lookup: Lookup) -> None:
        """Edits the new object. One that cannot be read stays as it is: the schema refuses it."""
        if change.obj is None or change.operation not in self.operations:
            return
        try:
            msgspec.convert(change.obj, self.resource.type)
        except msgspec.ValidationError:
            return
        self.fill_in(change.obj, change.old, lookup)


class Validation(msgspec.Struct, frozen=True):
    """Refuses what may not be."""

    name: str
    path: str
    resource: Resource[Any]
    operations: tuple[Operation, ...]
    ask: Callable[[ChangeRequest], str]

    def refuse(self, change: ChangeRequest) -> str:
        """Why the change may not be made; empty where it may."""
        if change.operation not in self.operations:
            return ""
        try:
            return self.ask(change)
        except msgspec.ValidationError as error:
            return f"the {self.resource.kind} cannot be read: {error}"


_ON_CREATE = (Operation.CREATE,)
_ON_WRITE = (Operation.CREATE, Operation.UPDATE)

MUTATIONS = (
    Mutation("mutatequeue.volcano.sh", "/queues/mutate", QUEUES, _ON_CREATE, default_queue),
    Mutation("mutatejob.volcano.sh", "/jobs/mutate", JOBS, _ON_WRITE, default_job),
    Mutation(
        "mutatepodgroup.volcano.sh", "/podgroups/mutate", POD_GROUPS, _ON_CREATE, default_pod_group
    ),
)


def validations(lookup: Lookup, template_rules: TemplateRules) -> tuple[Validation, ...]:
    """All that refuse; they see other objects by `lookup`."""

    def ask_about_queue(change: ChangeRequest) -> str:
        if change.obj is None:
            return refuse_queue_deletion(_read(QUEUES, change.old), lookup)
        return refuse_queue(_read(QUEUES, change.obj), _read_old(QUEUES, change), lookup)

    def ask_about_job(change: ChangeRequest) -> str:
        job, old = _read(JOBS, change.obj), _read_old(JOBS, change)
        if old is None:
            return refuse_job(job, lookup, template_rules)
        return refuse_job_change(job, old, change.obj or {}, change.old or {})

    def ask_about_pod_group(change: ChangeRequest) -> str:
        return refuse_pod_group(_read(POD_GROUPS, change.obj), lookup)

    def ask_about_cron_job(change: ChangeRequest) -> str:
        return refuse_cron_job(_read(CRON_JOBS, change.obj))

    def ask_about_job_flow(change: ChangeRequest) -> str:
        return refuse_job_flow(_read(JOB_FLOWS, change.obj))

    def ask_about_hyper_node(change: ChangeRequest) -> str:
        return refuse_hyper_node(_read(HYPER_NODES, change.obj))

    def ask_about_pod(change: ChangeRequest) -> str:
        return refuse_pod(change.obj or {})

    return (
        Validation(
            "validatequeue.volcano.sh", "/queues/validate", QUEUES, tuple(Operation),
            ask_about_queue,
        ),
        Validation("validatejob.volcano.sh", "/jobs/validate", JOBS, _ON_WRITE, ask_about_job),
        Validation(
            "validatepodgroup.volcano.sh", "/podgroups/validate", POD_GROUPS, _ON_CREATE,
            ask_about_pod_group,
        ),
        Validation(
            "validatecronjob.volcano.sh", "/cronjobs/validate", CRON_JOBS, _ON_WRITE,
            ask_about_cron_job,
        ),
        Validation(
            "validatejobflow.volcano.sh", "/jobflows/validate", JOB_FLOWS, _ON_WRITE,
            ask_about_job_flow,
        ),
        Validation(
            "validatehypernodes.volcano.sh", "/hypernodes/validate", HYPER_NODES, _ON_WRITE,
            ask_about_hyper_node,
        ),
        Validation("validatepod.volcano.sh", "/pods/validate", PODS, _ON_CREATE, ask_about_pod),
    )  # fmt: skip


def _read(resource: Resource[T], obj: JsonObject | None) -> T:
    return msgspec.convert(obj, resource.type)


def _read_old(resource: Resource[T], change: ChangeRequest) -> T | None:
    return None if change.old is None else _read(resource, change.old)
