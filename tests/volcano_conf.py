"""What tests ask of a `volcano-scheduler.conf`: its plugins in short, and what the profile runs."""

from shoal.scheduler.config.volcano_conf import LoadedVolcanoConf, load_volcano_conf
from shoal.scheduler.framework.extension_points import ExtensionPoints
from shoal.scheduler.framework.profile import build_profiles
from shoal.scheduler.framework.registry import Handle
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.plugins.in_tree import in_tree_registry
from shoal.scheduler.state.cache import Cache


def loaded(*plugins: str, actions: str = "allocate") -> LoadedVolcanoConf:
    """Of plugins in one tier, each written in YAML's flow style: `gang`, or `{name: gang, ...}`."""
    listed = "".join(f"  - {p if p.startswith('{') else f'{{name: {p}}}'}\n" for p in plugins)
    return load_volcano_conf(f'actions: "{actions}"\ntiers:\n- plugins:\n{listed}')


def scores(conf: LoadedVolcanoConf) -> dict[str, int]:
    """Plugins that score, with their weights."""
    points = built(conf)
    return {slot.plugin.name: slot.weight for slot in points.score}


def filters(conf: LoadedVolcanoConf) -> list[str]:
    return [slot.plugin.name for slot in built(conf).filter]


def built(conf: LoadedVolcanoConf) -> ExtensionPoints:
    handle = Handle(Cache().snapshot, WaitingPods())
    profiles = build_profiles((conf.profile,), in_tree_registry(), handle)
    return profiles[conf.profile.scheduler_name].points
