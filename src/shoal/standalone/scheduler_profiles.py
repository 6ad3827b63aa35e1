"""Which schedulers `shoal up` is: those of its configuration file, and those nobody else could be.

On a cluster, pods that name a scheduler outside of the file have another one. Here there is no
other, so the default profiles are served beside the file's, in the order of the file's queue.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace

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
    settings = QueueSettings(backoff=wanted.backoff)
    try:
        return build_scheduler(with_defaults(wanted.profiles), registry, settings, wanted.extenders)
    except ProfileError as error:
        raise ConfigError(f"the scheduler's configuration cannot be used: {error}") from error


def with_defaults(profiles: tuple[ProfileSpec, ...]) -> Iterable[ProfileSpec]:
    """And the default profiles that are not among them."""
    names = {profile.scheduler_name for profile in profiles}
    others = (
        replace(profile, follows_order=True)
        for profile in DEFAULT_PROFILES
        if profile.scheduler_name not in names
    )
    return (*profiles, *others)
