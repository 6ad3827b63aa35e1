"""Rules for probes and lifecycle hooks."""

from collections.abc import Iterator, Mapping

from shoal.api import causes
from shoal.api.names import port_name, port_number
from shoal.api.resource import JsonObject
from shoal.api.status import Cause

_SCHEMES = ("HTTP", "HTTPS")
_PROBE_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_HOOK_HANDLERS = ("exec", "httpGet", "tcpSocket", "sleep")
_PERIODS = (
    "initialDelaySeconds",
    "timeoutSeconds",
    "periodSeconds",
    "successThreshold",
    "failureThreshold",
)
_ONLY_ONE = "may not specify more than 1 handler type"


def validate_probes(container: JsonObject, path: str) -> Iterator[Cause]:
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(name)
        if probe is None:
            continue
        place = f"{path}.{name}"
        yield from _handler(probe, place, _PROBE_HANDLERS)
        for field in _PERIODS:
            if probe.get(field, 0) < 0:
                yield from non_negative(probe[field], f"{place}.{field}")
        grace = probe.get("terminationGracePeriodSeconds")
        if name == "readinessProbe":
            if grace is not None:
                text = "must not be set for readinessProbes"
                yield causes.invalid(f"{place}.terminationGracePeriodSeconds", grace, text)
            continue
        if grace is not None and grace <= 0:
            text = "must be greater than 0"
            yield causes.invalid(f"{place}.terminationGracePeriodSeconds", grace, text)
        if probe.get("successThreshold", 1) != 1:
            threshold = probe["successThreshold"]
            yield causes.invalid(f"{place}.successThreshold", threshold, "must be 1")


def validate_lifecycle(container: JsonObject, path: str) -> Iterator[Cause]:
    lifecycle: JsonObject = container.get("lifecycle") or {}
    for name in ("postStart", "preStop"):
        if name in lifecycle:
            place = f"{path}.lifecycle.{name}"
            yield from _handler(lifecycle[name], place, _HOOK_HANDLERS)


def non_negative(value: int, path: str) -> Iterator[Cause]:
    if value < 0:
        yield causes.invalid(path, value, "must be greater than or equal to 0")


def _handler(handler: JsonObject, path: str, kinds: tuple[str, ...]) -> Iterator[Cause]:
    given = [kind for kind in kinds if handler.get(kind) is not None]
    if not given:
        yield causes.required(path, "must specify a handler type")
    for kind in given[1:]:
        yield causes.forbidden(f"{path}.{kind}", _ONLY_ONE)
    for kind in given[:1]:
        yield from _action(kind, handler[kind], f"{path}.{kind}")


def _action(kind: str, action: JsonObject, path: str) -> Iterator[Cause]:
    match kind:
        case "exec":
            if not action.get("command"):
                yield causes.required(f"{path}.command")
        case "httpGet":
            if not action.get("path"):
                yield causes.required(f"{path}.path")
            yield from _port(action, f"{path}.port")
            scheme = action.get("scheme", "HTTP")
            if scheme not in _SCHEMES:
                yield causes.unsupported(f"{path}.scheme", scheme, _SCHEMES)
            for header in action.get("httpHeaders") or ():
                if not header.get("name"):
                    yield causes.required(f"{path}.httpHeaders")
        case "tcpSocket":
            yield from _port(action, f"{path}.port")
        case "grpc":
            yield from causes.of_form(f"{path}.port", action.get("port", 0), port_number)
        case _:
            if action.get("seconds", 0) < 0:
                text = "must be greater than or equal to 0"
                yield causes.invalid(f"{path}.seconds", action["seconds"], text)


def _port(action: Mapping[str, int | str], path: str) -> Iterator[Cause]:
    port = action.get("port", 0)
    problems = port_number(port) if isinstance(port, int) else port_name(port)
    for text in problems:
        yield causes.invalid(path, port, text)
