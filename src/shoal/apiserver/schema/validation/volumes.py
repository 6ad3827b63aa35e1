"""Rules for the volumes of a pod."""

from collections.abc import Iterator, Sequence

from shoal.api import causes
from shoal.api.names import config_key, dns_label
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.claims import claim_template_causes
from shoal.apiserver.schema.validation.containers import local_descending_path

_HOST_PATH_TYPES = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
_SHORTEST_TOKEN_S, _LONGEST_TOKEN_S = 600, 2**32
_MODE_TEXT = "must be a number between 0 and 0777 (octal), both inclusive"


def validate_volumes(volumes: list[JsonObject], path: str) -> Iterator[Cause]:
    names: set[str] = set()
    for index, volume in enumerate(volumes):
        place = f"{path}[{index}]"
        name: str = volume.get("name", "")
        yield from causes.required_of_form(f"{place}.name", name, dns_label)
        if name and name in names:
            yield causes.duplicate(f"{place}.name", name)
        names.add(name)
        kinds = [kind for kind in volume if kind != "name"]
        if not kinds:
            yield causes.required(place, "must specify a volume type")
        for kind in kinds[1:]:
            text = "may not specify more than 1 volume type"
            yield causes.forbidden(f"{place}.{kind}", text)
        for kind in kinds[:1]:
            yield from _source(kind, volume[kind], f"{place}.{kind}")


def _source(kind: str, source: JsonObject, path: str) -> Iterator[Cause]:
    match kind:
        case "hostPath":
            yield from host_path_causes(source, path)
        case "secret":
            if not source.get("secretName"):
                yield causes.required(f"{path}.secretName")
            yield from _mode(source.get("defaultMode"), f"{path}.defaultMode")
            yield from _files(source, path)
        case "configMap":
            if not source.get("name"):
                yield causes.required(f"{path}.name")
            yield from _mode(source.get("defaultMode"), f"{path}.defaultMode")
            yield from _files(source, path)
        case "downwardAPI":
            yield from _mode(source.get("defaultMode"), f"{path}.defaultMode")
            yield from _downward_items(source, path)
        case "projected":
            yield from _mode(source.get("defaultMode"), f"{path}.defaultMode")
            yield from _projections(source.get("sources") or (), f"{path}.sources")
        case "persistentVolumeClaim":
            if not source.get("claimName"):
                yield causes.required(f"{path}.claimName")
        case "ephemeral":
            place, template = f"{path}.volumeClaimTemplate", source.get("volumeClaimTemplate")
            if template is None:
                yield causes.required(place)
            else:
                yield from claim_template_causes(template, place)
        case "nfs":
            for field in ("server", "path"):
                if not source.get(field):
                    yield causes.required(f"{path}.{field}")
        case _:
            pass


def host_path_causes(source: JsonObject, path: str) -> Iterator[Cause]:
    """Of a pod's volume, or of a persistent one."""
    yield from local_path_causes(source, path)
    if source.get("type", "") not in _HOST_PATH_TYPES:
        yield causes.unsupported(f"{path}.type", source["type"], _HOST_PATH_TYPES)


def local_path_causes(source: JsonObject, path: str) -> Iterator[Cause]:
    """Of a source that is a place on the node."""
    if not source.get("path"):
        yield causes.required(f"{path}.path")
    elif ".." in source["path"].split("/"):
        yield causes.invalid(f"{path}.path", source["path"], "must not contain '..'")


def _files(source: JsonObject, path: str) -> Iterator[Cause]:
    """Keys that become files."""
    for index, item in enumerate(source.get("items") or ()):
        place = f"{path}.items[{index}]"
        key: str = item.get("key", "")
        yield from causes.required_of_form(f"{place}.key", key, config_key)
        yield from _file_path(item, f"{place}.path")
        yield from _mode(item.get("mode"), f"{place}.mode")


def _projections(sources: Sequence[JsonObject], path: str) -> Iterator[Cause]:
    for index, source in enumerate(sources):
        place = f"{path}[{index}]"
        for kind, part in source.items():
            yield from _projection(kind, part, f"{place}.{kind}")
        if len(source) > 1:
            yield causes.forbidden(place, "may not specify more than 1 volume type")


def _projection(kind: str, part: JsonObject, path: str) -> Iterator[Cause]:
    match kind:
        case "secret" | "configMap":
            if not part.get("name"):
                yield causes.required(f"{path}.name")
            yield from _files(part, path)
        case "downwardAPI":
            yield from _downward_items(part, path)
        case "serviceAccountToken":
            yield from _token_time(part.get("expirationSeconds"), f"{path}.expirationSeconds")
            yield from _file_path(part, f"{path}.path")
        case _:
            pass


def _token_time(seconds: int | None, path: str) -> Iterator[Cause]:
    if seconds is not None and seconds < _SHORTEST_TOKEN_S:
        text = "may not specify a duration less than 10 minutes"
        yield causes.invalid(path, seconds, text)
    if seconds is not None and seconds > _LONGEST_TOKEN_S:
        text = "may not specify a duration larger than 2^32 seconds"
        yield causes.invalid(path, seconds, text)


def _downward_items(source: JsonObject, path: str) -> Iterator[Cause]:
    for index, item in enumerate(source.get("items") or ()):
        yield from _downward_item(item, f"{path}.items[{index}]")


def _downward_item(item: JsonObject, path: str) -> Iterator[Cause]:
    yield from _file_path(item, f"{path}.path")
    yield from _mode(item.get("mode"), f"{path}.mode")
    if "fieldRef" in item and "resourceFieldRef" in item:
        text = "fieldRef and resourceFieldRef can not be specified simultaneously"
        yield causes.invalid(path, "resource", text)
    elif "fieldRef" not in item and "resourceFieldRef" not in item:
        yield causes.required(path, "one of fieldRef and resourceFieldRef is required")


def _file_path(item: JsonObject, path: str) -> Iterator[Cause]:
    """Names that begin with two dots are the node's, by which it changes all files at once."""
    value: str = item.get("path", "")
    if not value:
        yield causes.required(path)
        return
    yield from local_descending_path(value, path)
    if value.startswith("..") and ".." not in value.split("/"):
        yield causes.invalid(path, value, "must not start with '..'")


def _mode(mode: int | None, path: str) -> Iterator[Cause]:
    if mode is not None and not 0 <= mode <= 0o777:
        yield causes.invalid(path, mode, _MODE_TEXT)
