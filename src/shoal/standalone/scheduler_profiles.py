"""Which schedulers `shoal up` is: those of its configuration file, and those nobody else could be.

On a cluster, pods that name a scheduler outside of the file have another one. Here there is no
other, so the default profiles are served beside the file's, in the order of the file's queue.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

from shoal.api import causes
from shoal.scheduler.config.loading import LoadedConfiguration
from shoal.scheduler.config.volcano_conf import LoadedVolcanoConf
from shoal.scheduler.core import Scheduler, build_scheduler
from shoal.scheduler.framework.points import ProfileError
from shoal.scheduler.framework.profile import ProfileSpec
from shoal.scheduler.framework.registry import PluginRegistry
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES
from shoal.scheduler.queueing.scheduling_queue import QueueSettings
from shoal.standalone.config import ConfigError

_log = logging.getLogger(__name__)


def build_wanted(
    wanted: LoadedConfiguration | None,
    registry: PluginRegistry,
    volcano: LoadedVolcanoConf | None = None,
) -> Scheduler:
    """Raises ConfigError where the profiles cannot be run."""
    scheduler = _build(wanted, registry, volcano)
    if volcano is not None:
        scheduler.set_rules(volcano.rules)
    return scheduler


def _build(
    wanted: LoadedConfiguration | None,
    registry: PluginRegistry,
    volcano: LoadedVolcanoConf | None,
) -> Scheduler:
    if wanted is None:
        return build_scheduler(with_defaults((), volcano), registry)
    for note in wanted.notes:
        _log.warning("scheduler configuration: %s", note)
    refuse_unknown_plugins(wanted, registry)
    _refuse_two(wanted, volcano)
    settings = QueueSettings(backoff=wanted.backoff)
    try:
        profiles = with_defaults(wanted.profiles, volcano)
        return build_scheduler(profiles, registry, settings, wanted.extenders)
    except ProfileError as error:
        raise ConfigError(f"{wanted.name} cannot be used: {error}") from error


def _refuse_two(wanted: LoadedConfiguration, volcano: LoadedVolcanoConf | None) -> None:
    """Where both files are about one profile. Raises ConfigError."""
    name = volcano.profile.scheduler_name if volcano is not None else None
    if any(each.scheduler_name == name for each in wanted.profiles):
        raise ConfigError(
            f"{wanted.name} has a profile {name}, and scheduler.volcanoConf of shoal.yaml is "
            "about the same one: leave one of them out"
        )


def refuse_unknown_plugins(wanted: LoadedConfiguration, registry: PluginRegistry) -> None:
    """Where the file names them. Raises ConfigError: a line for each."""
    known = {name.lower(): name for name in registry.names()}
    unknown = [
        causes.invalid(path, name, f"does not exist{_advice(name, known)}")
        for path, name in wanted.enabled
        if ":" not in name and name not in known.values()
    ]
    if unknown:
        lines = "".join(f"\n  {cause}" for cause in unknown)
        raise ConfigError(f"{wanted.name} cannot be used:{lines}")


def _advice(name: str, known: Mapping[str, str]) -> str:
    close = get_close_matches(name.lower(), known, n=1)
    if close:
        return f"; did you mean {known[close[0]]}?"
    return "; install its package, or name its class as module:Class"


def with_defaults(
    profiles: tuple[ProfileSpec, ...], volcano: LoadedVolcanoConf | None = None
) -> Sequence[ProfileSpec]:
    """And the default profiles that are not among them, of which one may be as a
    volcano-scheduler.conf has it."""
    defaults = {profile.scheduler_name: profile for profile in DEFAULT_PROFILES}
    if volcano is not None:
        defaults[volcano.profile.scheduler_name] = volcano.profile
    names = {profile.scheduler_name for profile in profiles}
    others = (
        replace(profile, follows_order=True)
        for name, profile in defaults.items()
        if name not in names
    )
    return (*profiles, *others)
