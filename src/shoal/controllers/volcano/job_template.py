"""JobTemplates: which jobs have been made from each.

Flows make the jobs (`job_flow`); a job says in an annotation what it was made from. Source of the
field: Volcano v1.15, pkg/controllers/jobtemplate.
"""

from shoal.api.meta import ObjectKey
from shoal.api.volcano.flow import JOB_TEMPLATES, JobTemplate
from shoal.api.volcano.job import JOBS, Job
from shoal.api.volcano.keys import CREATED_BY_JOB_TEMPLATE
from shoal.base.clock import Clock
from shoal.client.informer import InformerSet, Lister
from shoal.client.protocol import Client
from shoal.client.workqueue import WorkQueue
from shoal.controllers.reconciler import Result
from shoal.controllers.runner import Controller, enqueue_self
from shoal.controllers.volcano.flow_jobs import template_mark

_BY_TEMPLATE = "template"


class JobTemplateReconciler:
    def __init__(self, client: Client, templates: Lister[JobTemplate], jobs: Lister[Job]) -> None:
        """`jobs` has the index of `job_template_controller`."""
        self._client = client
        self._templates = templates
        self._jobs = jobs

    async def reconcile(self, key: ObjectKey) -> Result:
        template = self._templates.get(key)
        if template is None:
            return Result()
        made = self._jobs.by_index(_BY_TEMPLATE, template_mark(key.namespace, key.name))
        names = sorted(job.metadata.name for job in made)
        if names != template.status.job_depends_on_list:
            body = {
                "metadata": {"uid": template.metadata.uid},
                "status": {"jobDependsOnList": names},
            }
            await self._client.patch(
                JOB_TEMPLATES, key.name, body, key.namespace, subresource="status"
            )
        return Result()


def job_template_controller(client: Client, informers: InformerSet, clock: Clock) -> Controller:
    """Follows templates and the jobs that were made from them."""
    queue: WorkQueue[ObjectKey] = WorkQueue(clock)
    templates, jobs = informers.informer(JOB_TEMPLATES), informers.informer(JOBS)
    jobs.add_index(_BY_TEMPLATE, _marks)

    def on_job(old: Job | None, new: Job | None) -> None:
        for job in (old, new):
            for mark in _marks(job) if job is not None else ():
                queue.add(ObjectKey(*mark.split(".", 1)))

    templates.add_handler(enqueue_self(queue))
    jobs.add_handler(on_job)
    reconciler = JobTemplateReconciler(client, templates.lister, jobs.lister)
    return Controller("jobtemplate", reconciler, queue)


def _marks(job: Job) -> tuple[str, ...]:
    """Of one job: what it says it was made from, in its own namespace."""
    mark = job.metadata.annotations.get(CREATED_BY_JOB_TEMPLATE, "")
    return (mark,) if mark.startswith(f"{job.metadata.namespace}.") else ()
