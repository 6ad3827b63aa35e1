"""Which schedulers `shoal up` is: those of its configuration file, and those nobody else could be.

On a cluster, pods that name a scheduler outside of the file have another one. Here there is no
other, so the default profiles are served beside the file's, in the order of the file's queue.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches

from shoal.api import causes
from shoal.scheduler.config.loading import LoadedConfiguration
from shoal.scheduler.core import Scheduler, build_scheduler
from shoal.scheduler.framework.points import ProfileError
from shoal.scheduler.framework.profile import ProfileSpec
from shoal.scheduler.framework.registry import PluginRegistry
from shoal.scheduler.plugins.in_tree import DEFAULT_PROFILES
from shoal.scheduler.queueing.scheduling_queue import QueueSettings
from shoal.standalone.config import ConfigError

_log = logging.getLogger(__name__)


def build_wanted(wanted: LoadedConfiguration | None, registry: PluginRegistry) -> Scheduler:
    """Raises ConfigError where the profiles cannot be run."""
    if wanted is None:
        return build_scheduler(DEFAULT_PROFILES, registry)
    for note in wanted.notes:
        _log.warning("scheduler configuration: %s", note)
    refuse_unknown_plugins(wanted, registry)
    settings = QueueSettings(backoff=wanted.backoff)
    try:
        return build_scheduler(with_defaults(wanted.profiles), registry, settings, wanted.extenders)
    except ProfileError as error:
        raise ConfigError(f"{wanted.name} cannot be used: {error}") from error


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


def with_defaults(profiles: tuple[ProfileSpec, ...]) -> Iterable[ProfileSpec]:
    """And the default profiles that are not among them."""
    names = {profile.scheduler_name for profile in profiles}
    others = (
        replace(profile, follows_order=True)
        for profile in DEFAULT_PROFILES
        if profile.scheduler_name not in names
    )
    return (*profiles, *others)
