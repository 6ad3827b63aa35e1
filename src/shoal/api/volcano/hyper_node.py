"""`HyperNode`: nodes, or groups of them, that are close together in the network."""

from typing import Annotated

from shoal.api.custom_kind import AGE, CustomKind, PrinterColumn, Rule, described
from shoal.api.meta import ApiStruct, Condition, LabelSelector, Object
from shoal.api.resource import Resource
from shoal.api.volcano.job import ANYTHING

GROUP = "topology.volcano.sh"
VERSION = "v1alpha1"
NODE = "Node"
HYPER_NODE = "HyperNode"


class ExactMatch(ApiStruct):
    name: Annotated[str, described("The member's name.")] = ""


class RegexMatch(ApiStruct):
    pattern: Annotated[str, described("Of the members' names.")] = ""


class MemberSelector(ApiStruct):
    exact_match: Annotated[ExactMatch | None, described("One member.")] = None
    regex_match: Annotated[RegexMatch | None, described("Members by name.")] = None
    label_match: Annotated[
        LabelSelector | None, described("Members by label; nodes only.", schema=ANYTHING)
    ] = None


_ONE_OF_THREE = (
    Rule(
        "has(self.exactMatch) || has(self.regexMatch) || has(self.labelMatch)",
        "Either ExactMatch or RegexMatch or LabelMatch must be specified",
    ),
    Rule(
        "(has(self.exactMatch) ? 1 : 0) + (has(self.regexMatch) ? 1 : 0)"
        " + (has(self.labelMatch) ? 1 : 0) <= 1",
        "Only one of ExactMatch, RegexMatch, or LabelMatch can be specified",
    ),
)


class HyperNodeMember(ApiStruct):
    type: Annotated[
        str, described("Node or HyperNode.", required=True, enum=[NODE, HYPER_NODE])
    ] = ""
    selector: Annotated[MemberSelector, described("Which.", rules=_ONE_OF_THREE)] = MemberSelector()


class HyperNodeSpec(ApiStruct):
    tier: Annotated[int, described("Lower is closer together.", required=True, minimum=0)] = 0
    tier_name: Annotated[str, described("What people call the tier.", maxLength=253)] = ""
    members: Annotated[list[HyperNodeMember], described("What it holds.")] = []


class HyperNodeStatus(ApiStruct):
    conditions: Annotated[
        list[Condition], described("What is wrong with it.", list_key="type")
    ] = []
    node_count: Annotated[int, described("Nodes in it, at any depth.", minimum=0)] = 0


class HyperNode(Object):
    """Nodes, or groups of them, that are close together in the network."""

    spec: Annotated[HyperNodeSpec, described("What it holds.")] = HyperNodeSpec()
    status: Annotated[HyperNodeStatus, described("How much it holds.")] = HyperNodeStatus()


HYPER_NODES: Resource[HyperNode] = Resource(
    GROUP, VERSION, "hypernodes", "HyperNode", HyperNode, namespaced=False
)

KIND = CustomKind(
    type=HyperNode,
    group=GROUP,
    plural="hypernodes",
    versions=(VERSION,),
    fills_in_zeros=False,
    short_names=("hn",),
    is_namespaced=False,
    columns=(
        PrinterColumn("Tier", "string", ".spec.tier"),
        PrinterColumn("TierName", "string", ".spec.tierName"),
        PrinterColumn("NodeCount", "integer", ".status.nodeCount"),
        AGE,
    ),
)
