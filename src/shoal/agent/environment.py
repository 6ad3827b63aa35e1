"""A container's environment variables, and what is missing for them.

Order and texts are those of Kubernetes v1.36, pkg/kubelet/kubelet_pods.go
(makeEnvironmentVariables): `envFrom`, then `env` in order, each seeing those before it; service
variables only where nothing else has the name. Variables of the image mapping come first of all.
"""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shoal.agent.downward import DownwardError, NodeFacts, read_field, read_resource
from shoal.agent.expansion import expand
from shoal.agent.references import References
from shoal.api.core import Service
from shoal.api.meta import ObjectKey
from shoal.api.pod import Container, EnvFromSource, EnvVar, Pod

_API_SERVICE = ObjectKey("default", "kubernetes")
"""Pods are told the server's real address instead: no cluster address leads anywhere here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiEndpoint:
    """Where pods reach the API server."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the environment is made of, beside the pod itself."""

    references: References
    facts: NodeFacts
    api: ApiEndpoint
    services: Sequence[Service] = ()
    image_env: Mapping[str, str] = field(default_factory=dict[str, str])


class ConfigProblem(Exception):
    """A container cannot be made yet: something it refers to is missing or wrong."""

    def __init__(self, message: str, reason: str = "CreateContainerConfigError") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


def build_environment(pod: Pod, container: Container, around: Surroundings) -> dict[str, str]:
    """Raises ConfigProblem with the kubelet's text."""
    service_env = service_variables(pod, around)
    variables: dict[str, str] = {}
    for source in container.env_from:
        variables |= _from_source(pod, source, around.references)
    for variable in container.env:
        value = _value(pod, container, variable, around, service_env | variables)
        if value is not None:
            variables[variable.name] = value
    base = {"HOSTNAME": hostname(pod), **around.image_env}
    return base | service_env | variables


def hostname(pod: Pod) -> str:
    return (pod.spec.hostname or pod.metadata.name)[:63].rstrip("-.")


def _from_source(pod: Pod, source: EnvFromSource, references: References) -> dict[str, str]:
    data: Mapping[str, str] = {}
    if (ref := source.config_map_ref) is not None:
        config_map = references.config_maps.get(ref.name)
        if config_map is None and not ref.optional:
            raise ConfigProblem(f'configmap "{ref.name}" not found')
        data = config_map.data if config_map is not None else {}
    elif (ref := source.secret_ref) is not None:
        secret = references.secrets.get(ref.name)
        if secret is None and not ref.optional:
            raise ConfigProblem(f'secret "{ref.name}" not found')
        data = secret.data if secret is not None else {}
        data = {key: _decode(text) for key, text in data.items()}
    # A name with `=` cannot be passed to a process.
    return {source.prefix + key: text for key, text in data.items() if "=" not in key}


def _value(
    pod: Pod,
    container: Container,
    variable: EnvVar,
    around: Surroundings,
    known: Mapping[str, str],
) -> str | None:
    """None leaves the variable out: it is optional and its source is missing."""
    source = variable.value_from
    if source is None:
        return expand(variable.value, known)
    try:
        if source.field_ref is not None:
            return read_field(pod, source.field_ref.field_path, around.facts)
        if source.resource_field_ref is not None:
            return read_resource(pod, container, source.resource_field_ref, around.facts)
    except DownwardError as error:
        raise ConfigProblem(str(error)) from error
    namespace = pod.metadata.namespace
    if (ref := source.config_map_key_ref) is not None:
        config_map = around.references.config_maps.get(ref.name)
        if config_map is not None and ref.key in config_map.data:
            return config_map.data[ref.key]
        if ref.optional:
            return None
        if config_map is None:
            raise ConfigProblem(f'configmap "{ref.name}" not found')
        raise ConfigProblem(f"couldn't find key {ref.key} in ConfigMap {namespace}/{ref.name}")
    if (ref := source.secret_key_ref) is not None:
        secret = around.references.secrets.get(ref.name)
        if secret is not None and ref.key in secret.data:
            return _decode(secret.data[ref.key])
        if ref.optional:
            return None
        if secret is None:
            raise ConfigProblem(f'secret "{ref.name}" not found')
        raise ConfigProblem(f"couldn't find key {ref.key} in Secret {namespace}/{ref.name}")
    return ""


def _decode(text: str) -> str:
    return b64decode(text).decode(errors="surrogateescape")


def service_variables(pod: Pod, around: Surroundings) -> dict[str, str]:
    """`NAME_SERVICE_HOST` and the like, as Docker links once had them; and the API server's."""
    variables: dict[str, str] = {}
    for service in around.services if pod.spec.enable_service_links else ():
        if service.metadata.key != _API_SERVICE:
            variables |= _service(service)
    host, port = around.api.host, str(around.api.port)
    return variables | {
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port,
        "KUBERNETES_SERVICE_PORT_HTTPS": port,
        "KUBERNETES_PORT": f"tcp://{host}:{port}",
    }


def _service(service: Service) -> dict[str, str]:
    address, ports = service.spec.cluster_ip, service.spec.ports
    if address in {"", "None"} or not ports:
        return {}
    prefix = _variable_name(service.metadata.name)
    variables = {
        f"{prefix}_SERVICE_HOST": address,
        f"{prefix}_SERVICE_PORT": str(ports[0].port),
        f"{prefix}_PORT": f"{ports[0].protocol.lower()}://{address}:{ports[0].port}",
    }
    for port in ports:
        if port.name:
            variables[f"{prefix}_SERVICE_PORT_{_variable_name(port.name)}"] = str(port.port)
        link = f"{prefix}_PORT_{port.port}_{port.protocol.upper()}"
        variables |= {
            link: f"{port.protocol.lower()}://{address}:{port.port}",
            f"{link}_PROTO": port.protocol.lower(),
            f"{link}_PORT": str(port.port),
            f"{link}_ADDR": address,
        }
    return variables


def _variable_name(name: str) -> str:
    return name.upper().replace("-", "_")
