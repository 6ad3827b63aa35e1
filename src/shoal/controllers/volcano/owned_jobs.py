"""The jobs that a cron job or a flow controls, found by its uid.

The name alone would also find the jobs of an owner that was deleted and made again.
"""

from shoal.api.meta import Object
from shoal.api.volcano.job import JOBS, Job
from shoal.client.informer import InformerSet, Lister
from shoal.controllers.runner import ObjectHandler

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


def _owners(job: Job) -> tuple[str, ...]:
    owner = job.metadata.controller
    return (owner.uid,) if owner is not None else ()
