"""Which plugins there are: the in-tree ones, and those of others, which run behind a guard.

A package registers a plugin by an entry point of the group `shoal.scheduler.plugins`, whose name
is the plugin's and whose value is a factory: anything called with the plugin's arguments and the
handle, such as the plugin's class. Without a package a profile names the class itself, as
`module:Class`. Nothing is looked up or imported before a profile asks for it.

The arguments are what the configuration file says under `pluginConfig`: for an in-tree plugin its
struct of `config.plugin_arguments`, with every default filled in; for any other plugin the mapping
as it was written, empty where the file says nothing, and to be checked by the plugin. A factory
that cannot use its arguments raises ProfileError.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shoal.scheduler.framework import out_of_tree
from shoal.scheduler.framework.dry_run import DryRuns
from shoal.scheduler.framework.guarded import Guard
from shoal.scheduler.framework.nominations import AwaitedVictims, Nominations
from shoal.scheduler.framework.plugin import Plugin
from shoal.scheduler.framework.points import ProfileError
from shoal.scheduler.framework.waiting_pods import WaitingPods
from shoal.scheduler.state.objects import Objects
from shoal.scheduler.state.snapshot import Snapshot

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINT_GROUP = "shoal.scheduler.plugins"


@dataclass(frozen=True, slots=True)
class Handle:
    """What a plugin may look at beyond its arguments."""

    snapshot: Snapshot
    waiting_pods: WaitingPods
    objects: Objects = field(default_factory=Objects)
    """Of the collections that plugins need."""
    nominations: Nominations = field(default_factory=Nominations)
    awaited_victims: AwaitedVictims = field(default_factory=AwaitedVictims)
    dry_runs: DryRuns | None = None
    """With the filters of the plugin's own profile; None only where a plugin is made alone."""


PluginFactory = Callable[[Any, Handle], Plugin]
FindEntryPoints = Callable[[], Iterable["EntryPoint"]]
"""Gives those of the group `ENTRY_POINT_GROUP`."""


def _no_entry_points() -> Iterable["EntryPoint"]:
    return ()


class PluginRegistry:
    """Plugin factories by name."""

    def __init__(
        self,
        factories: Mapping[str, PluginFactory],
        default_arguments: Mapping[str, Any] | None = None,
    ) -> None:
        """`factories` are the in-tree ones; `default_arguments`: what plugins get about which
        nothing is configured."""
        self._factories = dict(factories)
        self._default_arguments = default_arguments or {}
        self._find_entry_points = _no_entry_points
        self._guard = Guard()

    def guard_with(self, guard: Guard) -> None:
        """How plugins that are not in-tree are called from here on."""
        self._guard = guard

    def register(self, name: str, factory: PluginFactory) -> None:
        """Raises ProfileError where the name is taken."""
        if name in self._factories:
            raise ProfileError(f"a plugin named {name} already exists")
        self._factories[name] = self._guarded(factory)

    def register_entry_points(self, find: FindEntryPoints) -> None:
        """Names that are not registered otherwise are looked for among those that `find` gives;
        looking through all installed packages takes a while."""
        self._find_entry_points = find

    def names(self) -> Iterator[str]:
        """Of plugins that a profile may name without their module."""
        yield from self._factories
        yield from (each.name for each in self._find_entry_points())

    def find(self, name: str) -> PluginFactory | None:
        """None where nobody registered the name. Without arguments the factory makes the plugin
        with its defaults. Raises ProfileError where several packages registered it."""
        factory = self._factories.get(name) or self._load(name)
        if factory is None:
            return None
        return lambda arguments, handle: factory(
            arguments or self._default_arguments.get(name, {}), handle
        )

    def build(self, name: str, arguments: Any, handle: Handle) -> Plugin:
        """As `find` says. Raises ProfileError where there is no such plugin."""
        factory = self.find(name)
        if factory is None:
            raise ProfileError(f'plugin "{name}" does not exist')
        return factory(arguments, handle)

    def _guarded(self, factory: Callable[..., Any]) -> PluginFactory:
        return lambda arguments, handle: out_of_tree.make(factory, arguments, handle, self._guard)

    def _load(self, name: str) -> PluginFactory | None:
        if ":" in name:
            return self._guarded(out_of_tree.import_factory(name))
        found = [each for each in self._find_entry_points() if each.name == name]
        match found:
            case []:
                return None
            case [only]:
                return self._guarded(out_of_tree.import_factory(f"{only.module}:{only.attr}"))
            case _:
                values = ", ".join(each.value for each in found)
                raise ProfileError(f'several packages bring a plugin named "{name}": {values}')
