"""The log subresource: which container's log is meant, and why there is none.

Source of the rules and texts: Kubernetes v1.36, pkg/registry/core/pod/strategy.go (the
container), pkg/apis/core/validation (the options) and pkg/kubelet/kubelet_pods.go (its state).
"""

from collections.abc import AsyncIterator, Iterator

import msgspec

from shoal.api import causes
from shoal.api.pod import ContainerStatus, Pod
from shoal.api.status import ApiError, Cause, bad_request, invalid
from shoal.apiserver.core import Core
from shoal.apiserver.reading import get_entry
from shoal.apiserver.requests import Target
from shoal.apiserver.streams import until_closed
from shoal.client.protocol import LogOptions

_decode_pod = msgspec.json.Decoder(Pod).decode
_PULL_FAILURES = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}


def open_log(core: Core, target: Target, options: LogOptions) -> AsyncIterator[bytes]:
    """Raises ApiError before the first piece where there is no log."""
    pod = _decode_pod(get_entry(core, target).value)
    wrong = list(_wrong_options(options))
    if wrong:
        raise invalid("", "PodLogOptions", pod.metadata.name, wrong)
    container = _container(pod, options.container)
    if not pod.spec.node_name:
        return _nothing()
    why = _no_log_reason(pod, container, previous=options.previous)
    if why:
        raise bad_request(why)
    pieces = core.pod_logs.open(pod, msgspec.structs.replace(options, container=container))
    return _said_in_the_log(until_closed(core.streams, pieces))


async def _said_in_the_log(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A log that breaks off says why at its end: its beginning has been sent."""
    try:
        async for piece in pieces:
            yield piece
    except ApiError as error:
        yield f"{error.message}\n".encode()


async def _nothing() -> AsyncIterator[bytes]:
    """A pod that has no node has said nothing."""
    return
    yield b""


def _wrong_options(options: LogOptions) -> Iterator[Cause]:
    if options.tail_lines is not None and options.tail_lines < 0:
        yield causes.invalid("tailLines", options.tail_lines, "must be greater than or equal to 0")
    if options.limit_bytes is not None and options.limit_bytes < 1:
        yield causes.invalid("limitBytes", options.limit_bytes, "must be greater than 0")
    if options.since_s is not None and options.since_time is not None:
        yield causes.forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified")
    elif options.since_s is not None and options.since_s < 1:
        yield causes.invalid("sinceSeconds", options.since_s, "must be greater than 0")


def _container(pod: Pod, wanted: str) -> str:
    containers = [c.name for c in pod.spec.containers]
    init_containers = [c.name for c in pod.spec.init_containers]
    if wanted in containers or wanted in init_containers:
        return wanted
    name = pod.metadata.name
    if wanted:
        raise bad_request(f"container {wanted} is not valid for pod {name}")
    if len(containers) == 1:
        return containers[0]
    message = (
        f"a container name must be specified for pod {name}, choose one of:"
        f" [{' '.join(containers)}]"
    )
    if init_containers:
        message += f" or one of the init containers: [{' '.join(init_containers)}]"
    raise bad_request(message)


def _no_log_reason(pod: Pod, container: str, *, previous: bool) -> str:
    """The kubelet's sentence, or nothing where the container has written a log."""
    where = f'container "{container}" in pod "{pod.metadata.name}"'
    statuses = [*pod.status.container_statuses, *pod.status.init_container_statuses]
    status = next((s for s in statuses if s.name == container), None)
    if status is None:
        return f"{where} is not available"
    last = status.last_state.terminated
    if previous:
        missing = last is None or not last.container_id
        return f"previous terminated {where} not found" if missing else ""
    if status.state.running is not None or (last is not None and last.container_id):
        return ""
    if status.state.terminated is not None:
        return "" if status.state.terminated.container_id else f"{where} is terminated"
    return f"{where} is waiting to start{_waiting_reason(status)}"


def _waiting_reason(status: ContainerStatus) -> str:
    waiting = status.state.waiting
    if waiting is None:
        return " - no logs yet"
    return f": {_PULL_FAILURES.get(waiting.reason, waiting.reason)}"


class NoPodLogs:
    """`PodLogs` of a server that has no node agent."""

    def open(self, pod: Pod, options: LogOptions) -> AsyncIterator[bytes]:
        message = f"no node agent serves the logs of node {pod.spec.node_name}"
        raise ApiError(503, "ServiceUnavailable", message)
