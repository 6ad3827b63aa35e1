"""`PodGroup`: pods that are placed together or not at all."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from shoal.api.custom_kind import AGE, CustomKind, PrinterColumn, described
from shoal.api.meta import ApiStruct, LabelSelector, Object
from shoal.api.resource import JsonObject, Resource
from shoal.api.volcano.queue import DEFAULT, GROUP, OPTIONAL_NAME, VERSION
from shoal.api.volcano.resource_list import ResourceList, resources


class PodGroupPhase(StrEnum):
    """Drawn in docs/reference/pod-groups.md."""

    PENDING = "Pending"
    """Not admitted: its job makes no pods yet."""
    INQUEUE = "Inqueue"
    """Admitted; its pods may be placed."""
    RUNNING = "Running"
    """Enough members are on nodes."""
    UNKNOWN = "Unknown"
    """Some run, but too few."""
    COMPLETED = "Completed"


class TopologyMode(StrEnum):
    HARD = "hard"
    SOFT = "soft"


class NetworkTopology(ApiStruct):
    """How close together pods must be, or should."""

    mode: Annotated[
        str,
        described("Whether it must be so.", enum=[each.value for each in TopologyMode]),
    ] = TopologyMode.HARD.value
    highest_tier_allowed: Annotated[
        int | None, described("Members stay inside one HyperNode of this tier.", minimum=0)
    ] = None
    highest_tier_name: Annotated[str, described("The same by the tier's name.", maxLength=253)] = ""

    @property
    def is_contradictory(self) -> bool:
        """Whether it names a tier in both ways."""
        return self.highest_tier_allowed is not None and bool(self.highest_tier_name)


_ATOMIC_NAMES: JsonObject = {
    "type": "array",
    "items": {"type": "string"},
    "x-kubernetes-list-type": "atomic",
}
_SELECTOR: JsonObject = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


class SubGroupPolicy(ApiStruct):
    name: Annotated[str, described("Of the policy.", maxLength=253)] = ""
    network_topology: Annotated[
        NetworkTopology | None, described("Where members of one subgroup stay together.")
    ] = None
    sub_group_size: Annotated[int, described("Members of a subgroup.", minimum=1)] = 1
    min_sub_groups: Annotated[
        int, described("Subgroups that must be placed.", minimum=0, default=0)
    ] = 0
    label_selector: Annotated[
        LabelSelector | None, described("Which members it is about.", schema=_SELECTOR)
    ] = None
    match_label_keys: Annotated[
        list[str],
        described(
            "Members with equal values of these labels are one subgroup.", schema=_ATOMIC_NAMES
        ),
    ] = []


class PodGroupSpec(ApiStruct):
    min_member: Annotated[
        int, described("Fewer are not placed; 0 for pods that do not need each other.", minimum=0)
    ] = 0
    min_task_member: Annotated[dict[str, int], described("The same by task.")] = {}
    queue: Annotated[
        str, described("The queue that it waits in.", maxLength=253, pattern=OPTIONAL_NAME)
    ] = DEFAULT
    priority_class_name: Annotated[
        str, described("Higher goes first in its queue.", maxLength=253)
    ] = ""
    min_resources: Annotated[
        ResourceList | None, resources("What its queue must have room for to admit it.")
    ] = None
    network_topology: Annotated[
        NetworkTopology | None, described("How close together its members must be.")
    ] = None
    sub_group_policy: Annotated[
        list[SubGroupPolicy], described("Members that must be closer together.")
    ] = []


class PodGroupCondition(ApiStruct):
    type: Annotated[str, described("Unschedulable or Scheduled.")] = ""
    status: Annotated[str, described("True, False or Unknown.")] = ""
    transition_id: Annotated[str, described("Which decision it comes from.")] = ""
    last_transition_time: Annotated[datetime | None, described("When it last changed.")] = None
    reason: Annotated[str, described("In one word.")] = ""
    message: Annotated[str, described("For people.")] = ""


class PodGroupStatus(ApiStruct):
    phase: Annotated[
        str, described("How far they have come.", enum=[each.value for each in PodGroupPhase])
    ] = ""
    conditions: Annotated[list[PodGroupCondition], described("Why it waits.")] = []
    running: Annotated[int, described("Members that run.", minimum=0)] = 0
    succeeded: Annotated[int, described("Members that succeeded.", minimum=0)] = 0
    failed: Annotated[int, described("Members that failed.", minimum=0)] = 0


class PodGroup(Object):
    """Pods that are placed together or not at all."""

    spec: Annotated[PodGroupSpec, described("How many belong together.")] = PodGroupSpec()
    status: Annotated[PodGroupStatus, described("What has become of them.")] = PodGroupStatus()

    @property
    def phase(self) -> PodGroupPhase:
        """A group without a phase, or with one nobody knows, has not been looked at: Pending."""
        try:
            return PodGroupPhase(self.status.phase)
        except ValueError:
            return PodGroupPhase.PENDING


POD_GROUPS: Resource[PodGroup] = Resource(GROUP, VERSION, "podgroups", "PodGroup", PodGroup)

KIND = CustomKind(
    type=PodGroup,
    group=GROUP,
    plural="podgroups",
    versions=(VERSION,),
    fills_in_zeros=False,
    short_names=("pg", "podgroup-v1beta1"),
    has_status_subresource=False,
    columns=(
        PrinterColumn("STATUS", "string", ".status.phase"),
        PrinterColumn("minMember", "integer", ".spec.minMember"),
        PrinterColumn("RUNNINGS", "integer", ".status.running"),
        PrinterColumn("AGE", AGE.type, AGE.json_path),
        PrinterColumn("QUEUE", "string", ".spec.queue", priority=1),
    ),
)
