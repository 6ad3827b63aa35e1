"""Additions to the manifest of a pod. They go behind what its author wrote, whose names win
where both cannot stand."""

from collections.abc import Iterable

from shoal.api.resource import JsonObject


def main_containers(pod: JsonObject) -> list[JsonObject]:
    return list(pod["spec"].get("containers") or [])


def init_containers(pod: JsonObject) -> list[JsonObject]:
    return list(pod["spec"].get("initContainers") or [])


def all_containers(pod: JsonObject) -> list[JsonObject]:
    return [*main_containers(pod), *init_containers(pod)]


def add_variables(containers: Iterable[JsonObject], variables: Iterable[JsonObject]) -> None:
    """`variables` as core/v1 EnvVar. Of two with one name the later counts: these."""
    added = list(variables)
    for container in containers:
        container["env"] = [*(container.get("env") or []), *added]


def variable(name: str, value: str) -> JsonObject:
    return {"name": name, "value": value}


def open_port(container: JsonObject, name: str, port: int) -> None:
    """Declare a port that the container does not declare yet. It gets no name where another port
    of the container has that one: the API server refuses two."""
    declared = container.get("ports") or []
    if any(each.get("containerPort") == port for each in declared):
        return
    is_free = all(each.get("name") != name for each in declared)
    added: JsonObject = (
        {"name": name, "containerPort": port} if is_free else {"containerPort": port}
    )
    container["ports"] = [*declared, added]


def mount(pod: JsonObject, volume: JsonObject, path: str, sub_path: str = "") -> None:
    """Give the pod a volume, seen by all of its containers."""
    spec = pod["spec"]
    spec["volumes"] = [*(spec.get("volumes") or []), volume]
    added = {"name": volume["name"], "mountPath": path}
    if sub_path:
        added["subPath"] = sub_path
    for container in all_containers(pod):
        container["volumeMounts"] = [*(container.get("volumeMounts") or []), added]
