"""Queues, PodGroups and jobs in a line: `make_pod_group("a").queue("q").needs(3, cpu="3").obj()`.

Builders as those of pods and nodes are: `manifest()` is what to create, `obj()` what Shoal reads.
"""

from datetime import datetime
from typing import Any, Self

import msgspec

from shoal.api.meta import timestamp
from shoal.api.resource import JsonObject
from shoal.api.volcano import flow, job, pod_group, queue
from shoal.api.volcano.flow import JobFlow, JobTemplate
from shoal.api.volcano.job import Job
from shoal.api.volcano.pod_group import PodGroup
from shoal.api.volcano.queue import Queue
from shoal.testing.builders import ObjectBuilder


class QueueBuilder(ObjectBuilder):
    """A queue under construction; each call adds to it."""

    def obj(self) -> Queue:
        return msgspec.convert(self._manifest, Queue)

    def weight(self, weight: int) -> Self:
        return self.spec(weight=weight)

    def priority(self, priority: int) -> Self:
        return self.spec(priority=priority)

    def parent(self, name: str) -> Self:
        return self.spec(parent=name)

    def capability(self, **resources: str) -> Self:
        return self.spec(capability=resources)

    def guarantee(self, **resources: str) -> Self:
        return self.spec(guarantee={"resource": resources})

    def deserves(self, **resources: str) -> Self:
        """By its spec."""
        return self.spec(deserved=resources)

    def holds(self, **resources: str) -> Self:
        """What the scheduler has written."""
        return self.status(allocated=resources)

    def entitled(self, **resources: str) -> Self:
        """What the scheduler has written."""
        return self.status(deserved=resources)

    def state(self, state: str) -> Self:
        return self.status(state=state)


class PodGroupBuilder(ObjectBuilder):
    """A PodGroup under construction; each call adds to it."""

    def obj(self) -> PodGroup:
        return msgspec.convert(self._manifest, PodGroup)

    def namespace(self, namespace: str) -> Self:
        return self.meta(namespace=namespace)

    def queue(self, name: str) -> Self:
        return self.spec(queue=name)

    def needs(self, min_member: int, **min_resources: str) -> Self:
        """So many members; nothing is said about resources where none is named."""
        built = self.spec(minMember=min_member)
        return built.spec(minResources=min_resources) if min_resources else built

    def phase(self, phase: str) -> Self:
        return self.status(phase=phase)

    def created(self, moment: datetime) -> Self:
        return self.meta(creationTimestamp=timestamp(moment))

    def condition(
        self, type: str, reason: str, message: str, since: datetime | None = None
    ) -> Self:
        """That holds; others of the type are replaced."""
        said = self._manifest.get("status", {}).get("conditions", [])
        condition: dict[str, Any] = {
            "type": type,
            "status": "True",
            "reason": reason,
            "message": message,
        }
        if since is not None:
            condition["lastTransitionTime"] = timestamp(since)
        others = [each for each in said if each["type"] != type]
        return self.status(conditions=[*others, condition])


class JobBuilder(ObjectBuilder):
    """A job under construction; each call adds to it."""

    def obj(self) -> Job:
        return msgspec.convert(self._manifest, Job)

    def queue(self, name: str) -> Self:
        return self.spec(queue=name)

    def task(self, name: str, replicas: int = 1, cpu: str = "1", **fields: Any) -> Self:
        """One more task; `fields` by their names on the wire."""
        container = {"name": "main", "image": "app", "resources": {"requests": {"cpu": cpu}}}
        template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
        task = {"name": name, "replicas": replicas, "template": template, **fields}
        return self.spec(tasks=[*self._manifest["spec"].get("tasks", []), task])

    def phase(self, phase: str, reason: str = "", message: str = "") -> Self:
        return self.status(state={"phase": phase, "reason": reason, "message": message})


class JobFlowBuilder(ObjectBuilder):
    """A flow under construction; each call adds to it."""

    def obj(self) -> JobFlow:
        return msgspec.convert(self._manifest, JobFlow)

    def step(
        self,
        template: str,
        *targets: str,
        probe: JsonObject | None = None,
        patch: JsonObject | None = None,
    ) -> Self:
        """One more step, after the targets; `probe` and `patch` as on the wire."""
        step: JsonObject = {"name": template}
        if targets:
            step["dependsOn"] = {"targets": list(targets), **({"probe": probe} if probe else {})}
        if patch:
            step["patch"] = {"jobSpec": patch}
        return self.spec(flows=[*self._manifest["spec"].get("flows", []), step])

    def phase(self, phase: str) -> Self:
        return self.status(state={"phase": phase})

    def remembers(self, job: str, phase: str) -> Self:
        """A job that its status tells of."""
        known = self._manifest.get("status", {}).get("jobStatusList", [])
        return self.status(jobStatusList=[*known, {"name": job, "state": phase}])


class JobTemplateBuilder(ObjectBuilder):
    """A template under construction; each call adds to it."""

    def obj(self) -> JobTemplate:
        return msgspec.convert(self._manifest, JobTemplate)


def make_flow(name: str) -> JobFlowBuilder:
    """Of namespace `default`, without steps; its uid is its name."""
    return JobFlowBuilder(
        {
            "apiVersion": f"{flow.GROUP}/{flow.VERSION}",
            "kind": "JobFlow",
            "metadata": {"name": name, "namespace": "default", "uid": name},
            "spec": {},
        }
    )


def make_template(name: str) -> JobTemplateBuilder:
    """Of namespace `default`, with the spec of a job of one task, `main`."""
    return JobTemplateBuilder(
        {
            "apiVersion": f"{flow.GROUP}/{flow.VERSION}",
            "kind": "JobTemplate",
            "metadata": {"name": name, "namespace": "default", "uid": name},
            "spec": make_job(name).task("main").manifest()["spec"],
        }
    )


def make_queue(name: str) -> QueueBuilder:
    """A queue of weight 1 below root, without limits."""
    return QueueBuilder(queue.manifest(name))


def make_pod_group(name: str) -> PodGroupBuilder:
    """Of namespace `default` and queue `default`, without a phase; its uid is its name."""
    return PodGroupBuilder(
        {
            "apiVersion": f"{pod_group.GROUP}/{pod_group.VERSION}",
            "kind": "PodGroup",
            "metadata": {"name": name, "namespace": "default", "uid": name},
            "spec": {},
        }
    )


def make_job(name: str) -> JobBuilder:
    """Of namespace `default`, without tasks; its uid is its name."""
    return JobBuilder(
        {
            "apiVersion": f"{job.GROUP}/{job.VERSION}",
            "kind": "Job",
            "metadata": {"name": name, "namespace": "default", "uid": name},
            "spec": {},
        }
    )
