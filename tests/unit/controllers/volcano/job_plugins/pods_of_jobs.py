"""Pods as a job's plugins are shown them."""

import copy
from typing import Any

from shoal.api.volcano.job import Job
from shoal.controllers.volcano.job_plugins.plugin import JobPlugin, PodContext
from shoal.testing.volcano import JobBuilder, make_job


def job_of(name: str, **replicas: int) -> JobBuilder:
    """With one task for each of `replicas`; `_` in its name stands for `-`."""
    builder = make_job(name)
    for task, count in replicas.items():
        builder = builder.task(task.replace("_", "-"), count)
    return builder


def edited(
    plugin: JobPlugin,
    job: Job,
    task: str = "worker",
    index: int = 0,
    *,
    pod: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The pod after the plugin. By default it has a container and an init container."""
    manifest: dict[str, Any] = {
        "metadata": {"name": f"{job.metadata.name}-{task}-{index}"},
        "spec": {"containers": [{"name": "main"}], "initContainers": [{"name": "init"}]},
    }
    manifest = copy.deepcopy(pod) if pod is not None else manifest
    spec = next(each for each in job.spec.tasks if each.name == task)
    plugin.on_pod(manifest, PodContext(job=job, task=spec, task_index=index))
    return manifest


def variables(pod: dict[str, Any], init: bool = False) -> dict[str, str]:
    """Of the first container; without a value where it comes from elsewhere."""
    (container, *_) = pod["spec"]["initContainers" if init else "containers"]
    return {each["name"]: each.get("value", "") for each in container.get("env", [])}


def ports(pod: dict[str, Any], init: bool = False) -> list[tuple[str, int]]:
    (container, *_) = pod["spec"]["initContainers" if init else "containers"]
    return [(each.get("name", ""), each["containerPort"]) for each in container.get("ports", [])]
