"""Rules for the containers of a pod.

Source of rules and texts: Kubernetes v1.36, pkg/apis/core/validation.
"""

from collections.abc import Iterator, Mapping, Set
from typing import Any

from shoal.api import causes
from shoal.api.names import (
    config_key,
    dns_label,
    dns_subdomain,
    env_var_name,
    port_name,
    port_number,
)
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.probes import validate_lifecycle, validate_probes
from shoal.apiserver.schema.validation.resources import validate_requirements

_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_MESSAGE_POLICIES = ("FallbackToLogsOnError", "File")
_ENV_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_INIT_ONLY_ALWAYS = ("Always",)


def validate_containers(spec: JsonObject, path: str) -> Iterator[Cause]:
    """`spec.containers`, `spec.initContainers` and `spec.ephemeralContainers`."""
    volumes = frozenset(volume.get("name", "") for volume in spec.get("volumes") or ())
    containers: list[JsonObject] = spec.get("containers") or []
    if not containers:
        yield causes.required(f"{path}.containers")
    names: set[str] = set()
    host_ports: set[tuple[Any, ...]] = set()
    for index, container in enumerate(containers):
        place = f"{path}.containers[{index}]"
        yield from _container(container, place, volumes)
        yield from _unique_name(container, place, names)
        yield from validate_lifecycle(container, place)
        yield from validate_probes(container, place)
        yield from _host_ports(container, place, host_ports)
        if spec.get("hostNetwork"):
            yield from _host_network_ports(container, place)
    for index, container in enumerate(spec.get("initContainers") or ()):
        place = f"{path}.initContainers[{index}]"
        yield from _container(container, place, volumes)
        yield from _unique_name(container, place, names)
        yield from _init_container(container, place)
    for index, container in enumerate(spec.get("ephemeralContainers") or ()):
        place = f"{path}.ephemeralContainers[{index}]"
        yield from _container(container, place, volumes)
        yield from _unique_name(container, place, names)


def _container(container: JsonObject, path: str, volumes: Set[str]) -> Iterator[Cause]:
    name: str = container.get("name", "")
    yield from causes.required_of_form(f"{path}.name", name, dns_label)
    image: str = container.get("image", "")
    if not image:
        yield causes.required(f"{path}.image")
    elif image != image.strip():
        text = "must not have leading or trailing whitespace"
        yield causes.invalid(f"{path}.image", image, text)
    policy = container.get("terminationMessagePolicy", "File")
    if policy not in _MESSAGE_POLICIES:
        yield causes.unsupported(f"{path}.terminationMessagePolicy", policy, _MESSAGE_POLICIES)
    pull_policy = container.get("imagePullPolicy", "")
    if pull_policy not in _PULL_POLICIES:
        yield causes.unsupported(f"{path}.imagePullPolicy", pull_policy, _PULL_POLICIES)
    if "ports" in container:
        yield from _ports(container["ports"], f"{path}.ports")
    if "env" in container:
        yield from _environment(container["env"], f"{path}.env")
    for index, source in enumerate(container.get("envFrom") or ()):
        yield from _env_from(source, f"{path}.envFrom[{index}]")
    if "volumeMounts" in container:
        yield from _mounts(container["volumeMounts"], f"{path}.volumeMounts", volumes)
    for index, device in enumerate(container.get("volumeDevices") or ()):
        place = f"{path}.volumeDevices[{index}]"
        if not device.get("name"):
            yield causes.required(f"{place}.name")
        elif device["name"] not in volumes:
            yield causes.not_found(f"{place}.name", device["name"])
        if not device.get("devicePath"):
            yield causes.required(f"{place}.devicePath")
    if container.get("resources"):
        yield from validate_requirements(container["resources"], f"{path}.resources")
    if container.get("securityContext"):
        yield from _security(container["securityContext"], f"{path}.securityContext")


def _unique_name(container: JsonObject, path: str, names: set[str]) -> Iterator[Cause]:
    name = container.get("name", "")
    if name and name in names:
        yield causes.duplicate(f"{path}.name", name)
    names.add(name)


def _init_container(container: JsonObject, path: str) -> Iterator[Cause]:
    policy = container.get("restartPolicy")
    if policy is not None and policy != "Always":
        yield causes.unsupported(f"{path}.restartPolicy", policy, _INIT_ONLY_ALWAYS)
    if policy == "Always":
        yield from validate_lifecycle(container, path)
        yield from validate_probes(container, path)
        return
    for field in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(field):
            text = "may not be set for init containers without restartPolicy=Always"
            yield causes.forbidden(f"{path}.{field}", text)


def _ports(ports: list[JsonObject], path: str) -> Iterator[Cause]:
    names: set[str] = set()
    for index, port in enumerate(ports):
        place = f"{path}[{index}]"
        name: str = port.get("name", "")
        if name:
            problems = port_name(name)
            for text in problems:
                yield causes.invalid(f"{place}.name", name, text)
            if not problems and name in names:
                yield causes.duplicate(f"{place}.name", name)
            names.add(name)
        number: int = port.get("containerPort", 0)
        yield from causes.required_of_form(f"{place}.containerPort", number, port_number)
        if port.get("hostPort"):
            yield from causes.of_form(f"{place}.hostPort", port["hostPort"], port_number)
        protocol: str = port.get("protocol", "")
        if not protocol:
            yield causes.required(f"{place}.protocol")
        elif protocol not in _PROTOCOLS:
            yield causes.unsupported(f"{place}.protocol", protocol, _PROTOCOLS)


def _host_ports(container: JsonObject, path: str, taken: set[tuple[Any, ...]]) -> Iterator[Cause]:
    for index, port in enumerate(container.get("ports") or ()):
        if port.get("hostPort"):
            key = (port.get("protocol"), port.get("hostIP", ""), port["hostPort"])
            if key in taken:
                shown = "/".join(str(part) for part in key)
                yield causes.duplicate(f"{path}.ports[{index}].hostPort", shown)
            taken.add(key)


def _host_network_ports(container: JsonObject, path: str) -> Iterator[Cause]:
    for index, port in enumerate(container.get("ports") or ()):
        if port.get("hostPort") != port.get("containerPort"):
            text = "must match `hostPort` when `hostNetwork` is true"
            number = port.get("containerPort", 0)
            yield causes.invalid(f"{path}.ports[{index}].containerPort", number, text)


def _environment(variables: list[JsonObject], path: str) -> Iterator[Cause]:
    for index, variable in enumerate(variables):
        place = f"{path}[{index}]"
        name: str = variable.get("name", "")
        yield from causes.required_of_form(f"{place}.name", name, env_var_name)
        source = variable.get("valueFrom")
        if source is not None:
            yield from _env_source(source, bool(variable.get("value")), f"{place}.valueFrom")


def _env_source(source: JsonObject, has_value: bool, path: str) -> Iterator[Cause]:
    kinds = [kind for kind in _ENV_SOURCES if kind in source]
    if not kinds:
        text = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, "
        yield causes.invalid(path, "", f"{text}`secretKeyRef` or `fileKeyRef`")
    elif has_value:
        yield causes.invalid(path, "", "may not be specified when `value` is not empty")
    elif len(kinds) > 1:
        yield causes.invalid(path, "", "may not have more than one field specified at a time")
    for kind in ("configMapKeyRef", "secretKeyRef"):
        reference = source.get(kind)
        if reference is None:
            continue
        if not reference.get("name"):
            yield causes.required(f"{path}.{kind}.name")
        yield from causes.required_of_form(f"{path}.{kind}.key", reference.get("key"), config_key)
    if "fieldRef" in source and not source["fieldRef"].get("fieldPath"):
        yield causes.required(f"{path}.fieldRef.fieldPath")
    if "resourceFieldRef" in source and not source["resourceFieldRef"].get("resource"):
        yield causes.required(f"{path}.resourceFieldRef.resource")


def _env_from(source: JsonObject, path: str) -> Iterator[Cause]:
    prefix: str = source.get("prefix", "")
    if prefix:
        yield from causes.of_form(f"{path}.prefix", prefix, env_var_name)
    kinds = [kind for kind in ("configMapRef", "secretRef") if kind in source]
    if not kinds:
        text = "must specify one of: `configMapRef` or `secretRef`"
        yield causes.invalid(path, "", text)
    elif len(kinds) > 1:
        yield causes.invalid(path, "", "may not have more than one field specified at a time")
    for kind in kinds:
        name: str = source[kind].get("name", "")
        yield from causes.required_of_form(f"{path}.{kind}.name", name, dns_subdomain)


def _mounts(mounts: list[JsonObject], path: str, volumes: Set[str]) -> Iterator[Cause]:
    paths: set[str] = set()
    for index, mount in enumerate(mounts):
        place = f"{path}[{index}]"
        name: str = mount.get("name", "")
        if not name:
            yield causes.required(f"{place}.name")
        elif name not in volumes:
            yield causes.not_found(f"{place}.name", name)
        mount_path: str = mount.get("mountPath", "")
        if not mount_path:
            yield causes.required(f"{place}.mountPath")
        elif mount_path in paths:
            yield causes.invalid(f"{place}.mountPath", mount_path, "must be unique")
        paths.add(mount_path)
        for field in ("subPath", "subPathExpr"):
            if mount.get(field):
                yield from local_descending_path(mount[field], f"{place}.{field}")
        if mount.get("subPath") and mount.get("subPathExpr"):
            text = "subPathExpr and subPath are mutually exclusive"
            yield causes.invalid(f"{place}.subPathExpr", mount["subPathExpr"], text)


def local_descending_path(value: str, path: str) -> Iterator[Cause]:
    """Relative, and never upwards."""
    if value.startswith("/"):
        yield causes.invalid(path, value, "must be a relative path")
    if ".." in value.split("/"):
        yield causes.invalid(path, value, "must not contain '..'")


def _security(context: Mapping[str, Any], path: str) -> Iterator[Cause]:
    for field in ("runAsUser", "runAsGroup"):
        number = context.get(field)
        if number is not None and not 0 <= number <= 2**31 - 1:
            text = "must be between 0 and 2147483647, inclusive"
            yield causes.invalid(f"{path}.{field}", number, text)
    if context.get("allowPrivilegeEscalation") is False and context.get("privileged"):
        text = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        yield causes.invalid(path, context, text)
