"""Where a running scheduler's plugins come from, and how far those of others are trusted.

Installed packages bring plugins by entry point; the folder in which Shoal was started may hold
modules of them, too. Both run behind the guard, with a limit to the time of each call.
"""

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from shoal.base.clock import Clock
from shoal.base.watchdog import Watchdog
from shoal.scheduler.framework.guarded import Guard
from shoal.scheduler.framework.registry import ENTRY_POINT_GROUP, PluginRegistry
from shoal.scheduler.plugins.in_tree import in_tree_registry

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

_log = logging.getLogger(__name__)


def plugin_registry(clock: Clock, timeout_s: float) -> PluginRegistry:
    """For one scheduler, which must call its plugins on one thread. `timeout_s` bounds each call
    of a plugin that is not in-tree."""
    here = str(Path.cwd())
    if here not in sys.path:
        # Last, so that a file there hides no module of any package.
        sys.path.append(here)
    registry = in_tree_registry()
    registry.register_entry_points(installed_plugins)
    registry.guard_with(Guard(call=Watchdog(timeout_s, clock).call, report=_log.warning))
    return registry


def installed_plugins() -> "EntryPoints":
    """The scheduler plugins that installed packages bring."""
    from importlib.metadata import entry_points

    return entry_points(group=ENTRY_POINT_GROUP)
