"""Start one container: gather what it needs, resolve it, hand it to the runtime."""

from collections.abc import Mapping
from pathlib import Path

from shoal.agent.container_spec import make_sandbox, make_spec
from shoal.agent.downward import NodeFacts
from shoal.agent.environment import ConfigProblem, Surroundings, build_environment
from shoal.agent.images import NO_COMMAND, NoProgram, Program, resolve
from shoal.agent.lifecycle.messages import (
    ContainerRefused,
    ContainerStarted,
    ContainerStartFailed,
    RecordEvent,
)
from shoal.agent.limitations import NOT_HONOURED
from shoal.agent.node_context import NodeContext
from shoal.agent.references import wanted_by_environment
from shoal.agent.runtime.paths import UNUSABLE
from shoal.agent.runtime.protocol import ContainerKey, ContainerSpec, Started
from shoal.agent.volumes.mounts import mount_volumes
from shoal.api.core import EventType
from shoal.api.pod import Container, Pod
from shoal.api.status import ApiError
from shoal.client.protocol import ConnectionFailed

StartAnswer = ContainerStarted | ContainerStartFailed | ContainerRefused
_CANNOT_CREATE = "CreateContainerError"


async def start_container(
    context: NodeContext,
    key: ContainerKey,
    pod: Pod,
    facts: NodeFacts,
    volumes: Mapping[str, Path],
) -> StartAnswer:
    """Every failure is an answer."""
    container = next(
        c for c in (*pod.spec.init_containers, *pod.spec.containers) if c.name == key.container
    )
    try:
        spec = await _resolve(context, key, pod, container, facts, volumes)
        verdict = context.runtime.honours(spec)
    except ConfigProblem as problem:
        return ContainerRefused(key=key, reason=problem.reason, message=problem.message)
    except (ApiError, ConnectionFailed, *UNUSABLE) as error:
        return ContainerRefused(key=key, reason=_CANNOT_CREATE, message=str(error))
    if verdict.refusals:
        message = "; ".join(verdict.refusals)
        return ContainerRefused(key=key, reason=verdict.reason, message=message)
    # Told once: it stays as it is for later attempts.
    if verdict.warnings and key.attempt == 0:
        message = f"container {container.name}: {'; '.join(verdict.warnings)}"
        event = RecordEvent(
            type=EventType.WARNING, reason=NOT_HONOURED, message=message, container=container.name
        )
        context.record(pod, event)
    result = await context.runtime.start(spec)
    if isinstance(result, Started):
        return ContainerStarted(key=key, started_at=result.started_at)
    return ContainerStartFailed(
        key=key, reason=result.reason, message=result.message, exit_code=result.exit_code
    )


async def _resolve(
    context: NodeContext,
    key: ContainerKey,
    pod: Pod,
    container: Container,
    facts: NodeFacts,
    volumes: Mapping[str, Path],
) -> ContainerSpec:
    program = resolve(container, context.images)
    if isinstance(program, NoProgram):
        raise ConfigProblem(program.message, reason=NO_COMMAND)
    _refuse_unknown_probes(container)
    env = await _environment(context, pod, container, program, facts)
    mounts = mount_volumes(container, pod.spec.volumes, volumes, env)
    sandbox = make_sandbox(pod, facts.pod_ip)
    user_id = context.runtime.capabilities.user_id
    return make_spec(key, pod, sandbox, container, program, env, mounts, user_id)


async def _environment(
    context: NodeContext, pod: Pod, container: Container, program: Program, facts: NodeFacts
) -> dict[str, str]:
    references = await context.references.read(pod, wanted_by_environment(container))
    services = (
        await context.references.services(pod.metadata.namespace)
        if pod.spec.enable_service_links
        else []
    )
    around = Surroundings(
        references=references,
        facts=facts,
        api=context.api,
        services=services,
        image_env=program.env,
    )
    return build_environment(pod, container, around)


def _refuse_unknown_probes(container: Container) -> None:
    probes = (container.startup_probe, container.liveness_probe, container.readiness_probe)
    if any(probe is not None and probe.grpc is not None for probe in probes):
        raise ConfigProblem(
            f'container "{container.name}" has a grpc probe, which this node cannot run: '
            "use exec, httpGet or tcpSocket",
            reason=_CANNOT_CREATE,
        )
