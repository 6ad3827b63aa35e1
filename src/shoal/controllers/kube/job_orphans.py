"""Pods that are held for a Job that is not there any more: they are let go.

Source of the rules: Kubernetes v1.36, pkg/controller/job (syncOrphanPod). Keys are those of pods.
"""

from shoal.api.batch import JOBS, Job
from shoal.api.meta import ObjectKey
from shoal.api.pod import Pod
from shoal.api.status import ApiError
from shoal.client.informer import Lister
from shoal.client.protocol import Client
from shoal.controllers.kube.job_pods import is_job, is_tracked
from shoal.controllers.kube.job_writes import let_go
from shoal.controllers.reconciler import Result


class OrphanReleaser:
    def __init__(self, client: Client, jobs: Lister[Job], pods: Lister[Pod]) -> None:
        self._client = client
        self._jobs = jobs
        self._pods = pods

    async def reconcile(self, key: ObjectKey) -> Result:
        pod = self._pods.get(key)
        if pod is not None and is_orphan(self._jobs, pod) and not await self._has_job(pod):
            await let_go(self._client, pod.metadata)
        return Result()

    async def _has_job(self, pod: Pod) -> bool:
        """As the server knows: what follows cannot be taken back, and the lister may lag."""
        owner = pod.metadata.controller
        if owner is None:
            return False
        try:
            job = await self._client.get(JOBS, owner.name, pod.metadata.namespace)
        except ApiError as error:
            if not error.is_not_found:
                raise
            return False
        return job.metadata.uid == owner.uid


def is_orphan(jobs: Lister[Job], pod: Pod) -> bool:
    """Whether the pod is tracked and its job has not been seen."""
    owner = pod.metadata.controller
    if not is_tracked(pod) or not (owner is None or is_job(owner)):
        return False
    if owner is None:
        return True
    job = jobs.get(ObjectKey(pod.metadata.namespace, owner.name))
    return job is None or job.metadata.uid != owner.uid
