"""What can be seen wrong in the fields of a Worker that its kind takes as they are: its template,
its cleanup, and whom it tells. Pure.

The API server knows all rules of pods, and refuses what breaks them; here is only what would be
read before it is asked.
"""

from typing import Any
from urllib.parse import urlsplit

import msgspec

from shoal.api.resource import JsonObject
from shoal.api.worker import Notify, WorkerPhase, WorkerSpec

_ENDS = (WorkerPhase.SUCCEEDED, WorkerPhase.FAILED)


class _Variable(msgspec.Struct, frozen=True):
    """Of what is read of a variable of a container."""

    name: str | None = None
    value: str | None = None


class _Container(msgspec.Struct, frozen=True):
    """Of what is read of a container."""

    image: str | None = None
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[_Variable] | None = None


class _PodSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Of what is read of the spec of a pod."""

    containers: list[_Container] | None = None
    init_containers: list[_Container] | None = None
    scheduling_gates: list[JsonObject] | None = None


class _Labelled(msgspec.Struct, frozen=True):
    """Of what is read of the metadata of a pod."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _Template(msgspec.Struct, frozen=True):
    """Of what is read of a template."""

    metadata: _Labelled | None = None
    spec: _PodSpec | None = None


def misshapen(spec: WorkerSpec) -> str:
    """Why the template, or what stands for one, cannot be read; empty where it can."""
    return (
        _fault(spec.template or {}, _Template, "spec.template")
        or _fault(spec.cleanup or {}, _Container, "spec.cleanup")
        or _fault(spec.env, list[_Variable], "spec.env")
    )


def _fault(value: Any, shape: Any, place: str) -> str:
    try:
        msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `")
        where = where.removesuffix("`").replace("$", place, 1) or place
        what = what.replace("`", "").replace("Expected ", "", 1)
        return f"{where} cannot be read: expected {what}; write it as in a pod"
    return ""


def wrong_notify(notify: Notify) -> str:
    """Why nobody could be told; empty where somebody may be."""
    if notify.url and not is_web_url(notify.url):
        # As it may hold a secret, it is not quoted.
        return "spec.notify.url is no URL; write one such as http://host:8080/path"
    strange = next((each for each in notify.on if each not in _ENDS), None)
    if strange is not None:
        return f'spec.notify.on holds "{strange}"; the ends there are are Succeeded and Failed'
    return ""


def is_web_url(url: str) -> bool:
    """Whether something can be posted to it."""
    try:
        parts = urlsplit(url)
        # Reading the port is what finds out whether there can be one.
        has_place = bool(parts.hostname) and (parts.port is None or parts.port >= 0)
    except ValueError:
        return False
    return has_place and url.isprintable() and parts.scheme in {"http", "https"}
