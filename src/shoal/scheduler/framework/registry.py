"""Which plugins there are: the in-tree ones, and those that installed packages bring.

A package registers a plugin by an entry point of the group `shoal.scheduler.plugins`, whose name
is the plugin's and whose value is a factory: anything called with the plugin's arguments and the
handle, such as the plugin's class.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint

from shoal.scheduler.framework.extension_points import ProfileError
from shoal.scheduler.framework.plugin import Plugin, PluginArguments
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.state.snapshot import Snapshot

ENTRY_POINT_GROUP = "shoal.scheduler.plugins"


@dataclass(frozen=True, slots=True)
class Handle:
    """What a plugin may look at beyond its arguments."""

    snapshot: Snapshot
    waiting_pods: WaitingPods


PluginFactory = Callable[[PluginArguments, Handle], Plugin]


class Registry:
    def __init__(self, factories: Mapping[str, PluginFactory]) -> None:
        self._factories = dict(factories)

    def register(self, name: str, factory: PluginFactory) -> None:
        """Raises ProfileError where the name is taken."""
        if name in self._factories:
            raise ProfileError(f"a plugin named {name} already exists")
        self._factories[name] = factory

    def register_entry_points(self, found: list[EntryPoint]) -> None:
        """Of the group `ENTRY_POINT_GROUP`; each is imported only when a profile uses it."""
        for each in found:
            self.register(each.name, _loaded_on_use(each))

    def build(self, name: str, arguments: PluginArguments, handle: Handle) -> Plugin:
        """Raises ProfileError where nobody registered the name."""
        factory = self._factories.get(name)
        if factory is None:
            raise ProfileError(f'plugin "{name}" does not exist')
        return factory(arguments, handle)


def _loaded_on_use(entry_point: EntryPoint) -> PluginFactory:
    def build(arguments: PluginArguments, handle: Handle) -> Plugin:
        factory: PluginFactory = entry_point.load()
        return factory(arguments, handle)

    return build
