"""Events about pods, as the agent's life cycle words them, into the event recorder."""

from shoal.agent.lifecycle.messages import RecordEvent
from shoal.api.pod import PODS, Pod
from shoal.client.events import EventRecorder


class PodEvents:
    def __init__(self, recorder: EventRecorder) -> None:
        self._recorder = recorder

    def record(self, pod: Pod, event: RecordEvent) -> None:
        """Of `node_context.EventSink`."""
        field_path = ""
        if event.container:
            inits = {container.name for container in pod.spec.init_containers}
            part = "initContainers" if event.container in inits else "containers"
            field_path = f"spec.{part}{{{event.container}}}"
        self._recorder.record(
            PODS,
            pod.metadata,
            event.type,
            event.reason,
            event.message,
            field_path=field_path,
        )
