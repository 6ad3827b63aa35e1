"""The scale subresource: one shape for the replica count of every kind that has one."""

from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from shoal.api.meta import LabelSelector
from shoal.api.resource import JsonObject
from shoal.api.status import Cause, bad_request, invalid
from shoal.apiserver.bodies import read_as
from shoal.apiserver.core import Core
from shoal.apiserver.encoding import load
from shoal.apiserver.patching import applier
from shoal.apiserver.reading import get_entry
from shoal.apiserver.requests import Target, WriteOptions, Written
from shoal.apiserver.served import ScalePaths
from shoal.apiserver.updating import revise
from shoal.client.protocol import PatchType

_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def get_scale(core: Core, target: Target) -> bytes:
    obj = load(target.served, get_entry(core, target).value)
    return orjson.dumps(_scale_of(obj, _paths(target)))


async def replace_scale(
    core: Core, target: Target, body: JsonObject, options: WriteOptions
) -> Written:
    """`body` is an autoscaling/v1 Scale."""
    return await _revise_scale(core, target, lambda _: body, options)


async def patch_scale(
    core: Core, target: Target, type: PatchType, body: Any, options: WriteOptions
) -> Written:
    # A Scale has no merge keys, so a strategic patch of it is a merge patch.
    apply = applier(None, PatchType.MERGE if type is PatchType.STRATEGIC else type)

    def patched(scale: JsonObject) -> JsonObject:
        # The version it was read at is no condition; one that the patch itself names is.
        del scale["metadata"]["resourceVersion"]
        return apply(scale, body)

    return await _revise_scale(core, target, patched, options)


async def _revise_scale(
    core: Core, target: Target, change: Callable[[JsonObject], JsonObject], options: WriteOptions
) -> Written:
    paths = _paths(target)
    whole = Target(target.served, target.namespace, target.name)

    def scaled(obj: JsonObject) -> tuple[JsonObject, tuple[str, ...]]:
        wanted = read_as(_Scale, change(_scale_of(obj, paths)))
        _put(obj, paths.spec_replicas, _replicas(wanted, target.name))
        obj["metadata"]["resourceVersion"] = wanted.metadata.resource_version
        return obj, ()

    written = await revise(core, whole, scaled, options)
    scale = _scale_of(orjson.loads(written.value), paths)
    return Written(orjson.dumps(scale), warnings=written.warnings)


class _ScaleMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _ScaleSpec(msgspec.Struct, frozen=True):
    replicas: int = 0


class _Scale(msgspec.Struct, frozen=True):
    metadata: _ScaleMeta = _ScaleMeta()
    spec: _ScaleSpec = _ScaleSpec()


def _replicas(scale: _Scale, name: str) -> int:
    replicas = scale.spec.replicas
    if replicas < 0:
        cause = Cause(
            "spec.replicas",
            f"Invalid value: {replicas}: must be greater than or equal to 0",
        )
        raise invalid("autoscaling", "Scale", name, [cause])
    return replicas


def _paths(target: Target) -> ScalePaths:
    paths = target.served.scale
    if paths is None:
        raise bad_request(f"{target.group_resource} cannot be scaled")
    return paths


def _scale_of(obj: JsonObject, paths: ScalePaths) -> JsonObject:
    metadata = {k: obj["metadata"][k] for k in _METADATA if k in obj["metadata"]}
    status: JsonObject = {"replicas": _find(obj, paths.status_replicas) or 0}
    selector = _selector_text(_find(obj, paths.label_selector))
    if selector:
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": _find(obj, paths.spec_replicas) or 0},
        "status": status,
    }


def _selector_text(selector: object) -> str:
    """Custom kinds keep the text, built-in ones a LabelSelector."""
    if not isinstance(selector, dict):
        return str(selector or "")
    parsed = msgspec.convert(selector, LabelSelector)
    terms = [f"{key}={value}" for key, value in sorted(parsed.match_labels.items())]
    for expression in parsed.match_expressions:
        values = ",".join(sorted(expression.values))
        match expression.operator:
            case "In":
                terms.append(f"{expression.key} in ({values})")
            case "NotIn":
                terms.append(f"{expression.key} notin ({values})")
            case "Exists":
                terms.append(expression.key)
            case _:
                terms.append(f"!{expression.key}")
    return ",".join(terms)


def _steps(path: str) -> list[str]:
    return [step for step in path.split(".") if step]


def _find(obj: JsonObject, path: str) -> Any:
    found: Any = obj if path else None
    for step in _steps(path):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _put(obj: JsonObject, path: str, value: object) -> None:
    *parents, last = _steps(path)
    for step in parents:
        obj = obj.setdefault(step, {})
    obj[last] = value
