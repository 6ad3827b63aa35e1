"""The plugins that come with Shoal, and the profiles that run when nobody configures any."""

from collections.abc import Mapping

from shoal.scheduler.config.plugin_arguments import DEFAULT_ARGUMENTS
from shoal.scheduler.framework.profile import PluginSpec, ProfileSpec
from shoal.scheduler.framework.registry import PluginFactory, PluginRegistry
from shoal.scheduler.plugins.binpack import Binpack, ResourceStrategyFit
from shoal.scheduler.plugins.default_binder import DefaultBinder
from shoal.scheduler.plugins.default_preemption import DefaultPreemption
from shoal.scheduler.plugins.gpu.fgd import FgdScore
from shoal.scheduler.plugins.gpu.gpu_share import GpuShare
from shoal.scheduler.plugins.gpu.policies import (
    BestFitScore,
    DotProductScore,
    GpuClusteringScore,
    GpuPackingScore,
)
from shoal.scheduler.plugins.image_locality import ImageLocality
from shoal.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from shoal.scheduler.plugins.node_affinity import NodeAffinity
from shoal.scheduler.plugins.node_group import NodeGroup
from shoal.scheduler.plugins.node_name import NodeName
from shoal.scheduler.plugins.node_ports import NodePorts
from shoal.scheduler.plugins.node_resources_balanced_allocation import (
    NodeResourcesBalancedAllocation,
)
from shoal.scheduler.plugins.node_resources_fit import NodeResourcesFit
from shoal.scheduler.plugins.node_unschedulable import NodeUnschedulable
from shoal.scheduler.plugins.node_volume_limits import NodeVolumeLimits
from shoal.scheduler.plugins.pod_topology_spread import PodTopologySpread
from shoal.scheduler.plugins.priority_sort import PrioritySort
from shoal.scheduler.plugins.scheduling_gates import SchedulingGates
from shoal.scheduler.plugins.taint_toleration import TaintToleration
from shoal.scheduler.plugins.volume_binding import VolumeBinding
from shoal.scheduler.plugins.volume_restrictions import VolumeRestrictions
from shoal.scheduler.plugins.volume_zone import VolumeZone
from shoal.scheduler.plugins.yoda import Yoda

_FACTORIES: Mapping[str, PluginFactory] = {
    "SchedulingGates": SchedulingGates,
    "PrioritySort": PrioritySort,
    "NodeUnschedulable": NodeUnschedulable,
    "NodeName": NodeName,
    "TaintToleration": TaintToleration,
    "NodeAffinity": NodeAffinity,
    "NodePorts": NodePorts,
    "NodeResourcesFit": NodeResourcesFit,
    "VolumeRestrictions": VolumeRestrictions,
    "NodeVolumeLimits": NodeVolumeLimits,
    "VolumeBinding": VolumeBinding,
    "VolumeZone": VolumeZone,
    "PodTopologySpread": PodTopologySpread,
    "InterPodAffinity": InterPodAffinity,
    "NodeResourcesBalancedAllocation": NodeResourcesBalancedAllocation,
    "ImageLocality": ImageLocality,
    "DefaultPreemption": DefaultPreemption,
    "DefaultBinder": DefaultBinder,
    "Binpack": Binpack,
    "ResourceStrategyFit": ResourceStrategyFit,
    "NodeGroup": NodeGroup,
    "yoda": Yoda,
    "GpuShare": GpuShare,
    "FGDScore": FgdScore,
    "BestFitScore": BestFitScore,
    "DotProductScore": DotProductScore,
    "GpuPackingScore": GpuPackingScore,
    "GpuClusteringScore": GpuClusteringScore,
}

# Order and weights are those of kube-scheduler's default profile.
_DEFAULT_PLUGINS = (
    PluginSpec("SchedulingGates"),
    PluginSpec("PrioritySort"),
    PluginSpec("NodeUnschedulable"),
    PluginSpec("NodeName"),
    PluginSpec("TaintToleration", weight=3),
    PluginSpec("NodeAffinity", weight=2),
    PluginSpec("NodePorts"),
    PluginSpec("NodeResourcesFit"),
    PluginSpec("VolumeRestrictions"),
    PluginSpec("NodeVolumeLimits"),
    PluginSpec("VolumeBinding"),
    PluginSpec("VolumeZone"),
    PluginSpec("PodTopologySpread", weight=2),
    PluginSpec("InterPodAffinity", weight=2),
    PluginSpec("DefaultPreemption"),
    PluginSpec("NodeResourcesBalancedAllocation"),
    PluginSpec("ImageLocality"),
    PluginSpec("DefaultBinder"),
)

# Pods whose queue says nothing about groups of nodes are not touched.
_SHOAL_PLUGINS = (*_DEFAULT_PLUGINS, PluginSpec("NodeGroup", weight=2))

DEFAULT_PROFILES = (
    ProfileSpec("default-scheduler", _DEFAULT_PLUGINS),
    ProfileSpec("shoal", _SHOAL_PLUGINS),
    ProfileSpec("volcano", _SHOAL_PLUGINS),
)


def in_tree_registry() -> PluginRegistry:
    """A registry of its own, to which others may be added."""
    return PluginRegistry(_FACTORIES, DEFAULT_ARGUMENTS)
