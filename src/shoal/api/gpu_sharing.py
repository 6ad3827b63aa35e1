"""Parts of GPUs: how pods ask for them, and what nodes say they have.

A pod asks by annotations for `gpu-count` devices with `gpu-milli` thousandths of each, perhaps of
certain models; the scheduler writes back which devices it got. A node says in its allocatable
resources how many devices it has, and in a label of which model they are. Every device has 1000
thousandths, whatever the node says of `gpu-milli`: manifests in use give one device's there, or
the sum.

Source of names and formats: kubernetes-scheduler-simulator (github.com/hkust-adsl), pkg/type/
open-gpu-share/utils, which carries the openb trace. A count that is not given is one, and
thousandths that are not given are whole devices; there, both must be.
"""

from collections.abc import Mapping

import msgspec

from shoal.api import quantity
from shoal.api.node import Node

MILLI_ANNOTATION = "alibabacloud.com/gpu-milli"
COUNT_ANNOTATION = "alibabacloud.com/gpu-count"
MODEL_ANNOTATION = "alibabacloud.com/gpu-card-model"
INDEX_ANNOTATION = "alibabacloud.com/gpu-index"

COUNT_RESOURCE = "alibabacloud.com/gpu-count"
MODEL_LABEL = "alibabacloud.com/gpu-card-model"

WHOLE = 1000
"""Thousandths of a device."""
MAX_COUNT = 64
"""Devices of one node that are looked at."""
_DIGITS = 9


class GpuRequestError(ValueError):
    """Annotations that ask for nothing that there can be; the text is for people."""


class GpuRequest(msgspec.Struct, frozen=True):
    """What a pod asks for."""

    milli: int
    """Of each device, 1 to 1000."""
    count: int = 1
    """How many devices."""
    models: frozenset[str] = frozenset()
    """One of these; empty for any."""

    @property
    def is_shared(self) -> bool:
        """A part of one device."""
        return self.count == 1 and self.milli < WHOLE

    @property
    def total_milli(self) -> int:
        return self.milli * self.count


def gpu_request(annotations: Mapping[str, str]) -> GpuRequest | None:
    """None for a pod that asks for none. Raises GpuRequestError."""
    if MILLI_ANNOTATION not in annotations and COUNT_ANNOTATION not in annotations:
        return None
    milli = _number(annotations, MILLI_ANNOTATION, WHOLE)
    count = _number(annotations, COUNT_ANNOTATION, 1)
    if milli == 0 or count == 0:
        return None
    if milli > WHOLE:
        raise GpuRequestError(
            f"annotation {MILLI_ANNOTATION} asks for {milli} thousandths of a GPU, but each has"
            f" {WHOLE}: ask for several with {COUNT_ANNOTATION}"
        )
    if count > MAX_COUNT:
        raise GpuRequestError(
            f"annotation {COUNT_ANNOTATION} asks for {count} GPUs, but no node has more than"
            f" {MAX_COUNT}"
        )
    return GpuRequest(milli, count, models_of(annotations.get(MODEL_ANNOTATION, "")))


def models_of(text: str) -> frozenset[str]:
    """Those that are named, with `|` between them."""
    return frozenset(model for model in text.split("|") if model)


def recorded_devices(annotations: Mapping[str, str]) -> tuple[int, ...]:
    """Numbers of the devices that a placed pod was given, one as often as it has shares of it;
    empty where nothing that can be read is recorded."""
    parts = annotations.get(INDEX_ANNOTATION, "").split("-")
    return tuple(map(int, parts)) if all(map(_is_number, parts)) else ()


def written_devices(devices: tuple[int, ...]) -> str:
    """As `recorded_devices` reads them."""
    return "-".join(map(str, devices))


def gpu_count(node: Node) -> int:
    """Devices of the node."""
    raw = node.status.allocatable.get(COUNT_RESOURCE)
    return 0 if raw is None else min(quantity.value(raw), MAX_COUNT)


def gpu_model(node: Node) -> str:
    """Empty where it is not said."""
    return node.metadata.labels.get(MODEL_LABEL, "")


def _number(annotations: Mapping[str, str], name: str, default: int) -> int:
    text = annotations.get(name)
    if text is None:
        return default
    if not _is_number(text):
        raise GpuRequestError(
            f'annotation {name} is "{text[:40]}", but must be a whole number of at most {_DIGITS}'
            " digits"
        )
    return int(text)


def _is_number(text: str) -> bool:
    """One that can stand for something; annotations may say anything."""
    return text.isdecimal() and len(text) <= _DIGITS
