"""`Scv`: what GPUs a node has, and how busy they are.

Group, kind and fields are those of SCV, the sniffer that Yoda reads: one cluster-wide object a
node, named like it. `shoal gpu-sniffer` writes them here; SCV's own sniffer may as well. As in its
definition there is no status subresource, because that sniffer writes status with the object.

Source of the fields: SCV (github.com/NJUPT-ISL/SCV), api/v1/scv_types.go. Its definition bounds
nothing, so neither does this one.
"""

from datetime import datetime
from typing import Annotated

from shoal.api.custom_kind import AGE, CustomKind, PrinterColumn, described
from shoal.api.meta import ApiStruct, Object
from shoal.api.resource import Resource

GROUP = "core.run-linux.com"
VERSION = "v1"
MEMORY_LABEL = "scv/memory"
"""Of a pod: MiB that it wants of each card."""
HEALTHY = "Healthy"
"""The health of a card that may be used; any other word keeps pods off."""


class ScvSpec(ApiStruct):
    update_interval: Annotated[int, described("Milliseconds between two looks.")] = 0


class Card(ApiStruct):
    """One GPU."""

    id: Annotated[int, described("Its number on the node, from 0.")] = 0
    health: Annotated[str, described("Healthy, or why it is not to be used.")] = ""
    model: Annotated[str, described("As the driver calls it.")] = ""
    power: Annotated[int, described("Power limit in watts.")] = 0
    total_memory: Annotated[int, described("MiB.")] = 0
    free_memory: Annotated[int, described("MiB.")] = 0
    clock: Annotated[int, described("Highest clock of the memory in MHz.")] = 0
    core: Annotated[int, described("Highest clock of the cores in MHz.")] = 0
    bandwidth: Annotated[int, described("Of the bus, MB/s in one direction.")] = 0

    @property
    def is_healthy(self) -> bool:
        return self.health == HEALTHY


class ScvStatus(ApiStruct):
    card_list: Annotated[list[Card], described("The cards.")] = []
    card_number: Annotated[int, described("How many there are.")] = 0
    total_memory_sum: Annotated[int, described("Of all cards, MiB.")] = 0
    free_memory_sum: Annotated[int, described("Of all cards, MiB.")] = 0
    update_time: Annotated[datetime | None, described("When this last changed.")] = None


class Scv(Object):
    """The GPUs of the node of the same name."""

    spec: Annotated[ScvSpec, described("How they are looked at.")] = ScvSpec()
    status: Annotated[ScvStatus, described("What was found.")] = ScvStatus()


SCVS: Resource[Scv] = Resource(GROUP, VERSION, "scvs", "Scv", Scv, namespaced=False)

KINDS = (
    CustomKind(
        type=Scv,
        group=GROUP,
        plural="scvs",
        versions=(VERSION,),
        is_namespaced=False,
        has_status_subresource=False,
        columns=(
            PrinterColumn("Cards", "integer", ".status.cardNumber"),
            PrinterColumn("FreeMemory", "integer", ".status.freeMemorySum"),
            PrinterColumn("TotalMemory", "integer", ".status.totalMemorySum"),
            PrinterColumn("Updated", "date", ".status.updateTime"),
            AGE,
        ),
    ),
)
