"""What may be set about the plugins that share GPUs: their `args`, strictly read.

Names are those of kubernetes-scheduler-simulator (github.com/hkust-adsl), pkg/type/config.go,
whose files also say how dimensions are merged and normalised: here each policy has the one way
that the FGD paper's experiment runs it with.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec

from shoal.scheduler.framework.points import ProfileError
from shoal.scheduler.plugins.gpu.device_choice import DeviceRule
from shoal.scheduler.plugins.gpu.typical_pods import TypicalPodEntry, check_entries


class _Args(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    api_version: str = ""
    kind: str = ""


class FgdArgs(_Args, frozen=True):
    typical_pods: list[TypicalPodEntry] | None = None
    """Absent: learned from the pods on the nodes."""
    dim_ext_method: Literal["share"] = "share"
    norm_method: Literal["max"] = "max"


class GpuShareArgs(_Args, frozen=True):
    gpu_sel_method: DeviceRule = DeviceRule.BEST
    typical_pods: list[TypicalPodEntry] | None = None
    """For `FGDScore`, as in its own args."""
    dim_ext_method: Literal["merge", "share"] = "share"
    norm_method: Literal["max"] = "max"


class MergedArgs(_Args, frozen=True):
    """Of policies that see all devices of a node as one."""

    dim_ext_method: Literal["merge"] = "merge"
    norm_method: Literal["max"] = "max"


_T = TypeVar("_T", FgdArgs, GpuShareArgs, MergedArgs)


def read(kind: type[_T], plugin: str, arguments: Any) -> _T:
    """Raises ProfileError."""
    written: Mapping[str, Any] = arguments or {}
    try:
        found = msgspec.convert(written, kind)
    except msgspec.ValidationError as error:
        raise ProfileError(f"{plugin}: args: {error}") from error
    if not isinstance(found, MergedArgs):
        check_entries(plugin, found.typical_pods)
    return found
