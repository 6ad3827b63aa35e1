"""What the Job controller and its plugins say to each other."""

from dataclasses import dataclass
from typing import Protocol

from shoal.api.resource import JsonObject
from shoal.api.volcano.job import Job, TaskSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class PodContext:
    """Whose pod it is that is about to be created."""

    job: Job
    task: TaskSpec
    task_index: int
    """Of the pod within its task, from 0."""


class JobPlugin(Protocol):
    """One entry of `spec.plugins` with its arguments read."""

    @property
    def name(self) -> str:
        """Under which `spec.plugins` names it."""
        ...

    def on_pod(self, pod: JsonObject, context: PodContext) -> None:
        """Edit the manifest of a pod before it is created, at any depth: nothing of it may be
        shared with other pods or the job. Its name, labels, annotations and the volumes of the
        job are there already."""
        ...

    def objects(self, job: Job) -> list[JsonObject]:
        """Manifests that are to exist beside the pods while the job is alive.

        They have apiVersion, kind and name; namespace and owner are the controller's. What is
        asked for follows the job: after a change of its replicas, ask again and write the
        difference.
        """
        ...
