"""The jobs that a cron job or a flow controls, found by its uid.

The name alone would also find the jobs of an owner that was deleted and made again.
"""

from typing import TypeVar

from shoal.api.meta import Object, ObjectKey
from shoal.api.volcano.job import JOBS, Job
from shoal.api.volcano.queue import QUEUES, Queue
from shoal.client.informer import InformerSet, Lister
from shoal.client.workqueue import WorkQueue
from shoal.controllers.runner import ObjectHandler

OwnerT = TypeVar("OwnerT", bound=Object)

_BY_OWNER = "owner"


def follow_owned_jobs(informers: InformerSet, handler: ObjectHandler) -> Lister[Job]:
    """The jobs' lister, ready for `owned_jobs`; the handler is told what changes."""
    jobs = informers.informer(JOBS)
    jobs.add_index(_BY_OWNER, _owners)
    jobs.add_handler(handler)
    return jobs.lister


def owned_jobs(jobs: Lister[Job], owner: Object) -> list[Job]:
    """All jobs whose controller it is."""
    return list(jobs.by_index(_BY_OWNER, owner.metadata.uid))


def follow_opening_queues(
    informers: InformerSet, work: WorkQueue[ObjectKey], owners: Lister[OwnerT]
) -> None:
    """Jobs that a closed queue refused are made when it opens, whatever the back-off."""

    def on_queue(old: Queue | None, new: Queue | None) -> None:
        if new is not None and new.is_open and not (old is not None and old.is_open):
            for owner in owners.list():
                work.add(owner.metadata.key)

    informers.informer(QUEUES).add_handler(on_queue)


def _owners(job: Job) -> tuple[str, ...]:
    owner = job.metadata.controller
    return (owner.uid,) if owner is not None else ()
