"""What the pods of a job are called, and under which names they find each other.

Source: Volcano v1.15, pkg/controllers/job/helpers/helpers.go (MakePodName, MakeDomainName).
"""

from shoal.api.volcano.job import Job, TaskSpec


def pod_name(job_name: str, task_name: str, index: int) -> str:
    return f"{job_name}-{task_name}-{index}"


def host_name(job: Job, task: TaskSpec, index: int) -> str:
    """The template's hostname, which all pods of the task then share, or the pod's name."""
    return _of_template(task, "hostname") or pod_name(job.metadata.name, task.name, index)


def domain_name(job: Job, task: TaskSpec, index: int) -> str:
    """`<hostname>.<subdomain>`: what pods of the same namespace reach this one by."""
    subdomain = _of_template(task, "subdomain") or job.metadata.name
    return f"{host_name(job, task, index)}.{subdomain}"


def named_indices(task: TaskSpec) -> range:
    """Indices of the task's pods that have names of their own."""
    return range(min(task.replicas, 1) if _of_template(task, "hostname") else task.replicas)


def task_hosts(job: Job, task: TaskSpec) -> list[str]:
    """Domain names of the task's pods, by index; one where they share a hostname."""
    return [domain_name(job, task, index) for index in named_indices(task)]


def find_task(job: Job, name: str) -> TaskSpec | None:
    return next((task for task in job.spec.tasks if task.name == name), None)


def _of_template(task: TaskSpec, field: str) -> str:
    spec = task.template.get("spec") or {}
    return spec.get(field) or ""
