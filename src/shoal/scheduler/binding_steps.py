"""What PreBind plugins want done before a pod is bound, carried out through the client.

Part of the dispatcher. Source of the texts: Kubernetes v1.36,
pkg/scheduler/framework/plugins/volumebinding/binder.go (BindPodVolumes).
"""

from typing import assert_never

from shoal.api.pod import PODS
from shoal.api.status import ApiError
from shoal.api.storage import CLAIMS
from shoal.base.clock import Clock
from shoal.client.protocol import Client, ConnectionFailed
from shoal.scheduler.effects import AwaitBoundClaims, BeforeBinding, PatchObject, PatchPod

_POLL_S = 1.0


class StepFailed(Exception):
    """The text names the plugin that wanted the step."""

    def __init__(self, plugin: str, problem: object) -> None:
        super().__init__(f'running PreBind plugin "{plugin}": {problem}')


class BindingSteps:
    """Carries steps out one at a time; shared by all bindings."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def carry_out(self, step: BeforeBinding) -> None:
        """Raises StepFailed; for the pod's own patch ApiError and ConnectionFailed."""
        match step:
            case PatchPod(pod, annotations):
                metadata = {"uid": pod.uid, "annotations": dict(annotations)}
                await self._client.patch(PODS, pod.name, {"metadata": metadata}, pod.namespace)
            case PatchObject():
                await self._patch(step)
            case AwaitBoundClaims():
                await self._await_bound(step)
            case _:
                assert_never(step)

    async def _patch(self, step: PatchObject) -> None:
        try:
            await self._client.patch(step.resource, step.name, step.patch, step.namespace)
        except (ApiError, ConnectionFailed) as error:
            raise StepFailed(step.plugin, error) from error

    async def _await_bound(self, step: AwaitBoundClaims) -> None:
        deadline = self._clock.monotonic() + step.timeout_s
        waiting = list(step.names)
        while True:
            waiting = [name for name in waiting if not await self._is_bound(step, name)]
            if not waiting:
                return
            if self._clock.monotonic() >= deadline:
                raise StepFailed(step.plugin, "binding volumes: context deadline exceeded")
            await self._clock.sleep(_POLL_S)

    async def _is_bound(self, step: AwaitBoundClaims, name: str) -> bool:
        """False, too, while the API server cannot be asked."""
        try:
            claim = await self._client.get(CLAIMS, name, step.namespace)
        except ConnectionFailed:
            return False
        except ApiError as error:
            if error.reason != "NotFound":
                return False
            raise StepFailed(step.plugin, f"binding volumes: {error}") from error
        return claim.is_bound
