"""The text of a `volcano-scheduler.conf`: actions, tiers of plugins, and their arguments.

It is read as leniently as Volcano reads it: keys that it does not know are passed over, an argument
of the wrong type is as good as absent. Both are noted, because whoever wrote them meant something.
What the words mean for Shoal is worked out in `volcano_rules` and `volcano_profile`.

Source of fields, defaults and verdicts: Volcano v1.15, pkg/scheduler/conf/scheduler_conf.go,
pkg/scheduler/util.go, pkg/scheduler/framework/arguments.go.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from shoal.api.json_yaml import JsonYamlError, document

DEFAULT_ACTIONS = "enqueue, allocate, backfill"
"""Of a Volcano that has no file."""

OFF_BY_DEFAULT = frozenset(("enableHierarchy", "enabledClusterOrder"))
SWITCHES = frozenset(
    (
        *OFF_BY_DEFAULT,
        "enableJobOrder",
        "enableJobReady",
        "enableJobPipelined",
        "enableTaskOrder",
        "enablePreemptable",
        "enableReclaimable",
        "enablePreemptive",
        "enableQueueOrder",
        "enablePredicate",
        "enableBestNode",
        "enableNodeOrder",
        "enableTargetJob",
        "enableReservedNodes",
        "enableJobEnqueued",
        "enabledVictim",
        "enableJobStarving",
        "enabledOverused",
        "enabledAllocatable",
        "enabledHyperNodeOrder",
        "enabledSubJobReady",
        "enabledSubJobPipelined",
        "enabledSubJobOrder",
        "enabledHyperNodeGradient",
    )
)
"""With their spellings, of which two begin with `enable` and `enabled` at random."""

_TOP = frozenset(("actions", "tiers", "configurations", "metrics"))

_HEAVIEST = 2**31 - 1

T = TypeVar("T", bool, int, float, str)


@dataclass(slots=True)
class Notes:
    """What is accepted and does not do what its writer may think."""

    unmatched: list[str] = field(default_factory=list[str])
    """Has no counterpart, as a noun: `plugin tdm`."""
    ignored: list[str] = field(default_factory=list[str])
    """Cannot be used, as a sentence without its end."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """Of a plugin or an action, read one by one; what nobody asked for has no counterpart."""

    owner: str
    """What notes call it: `plugin binpack`."""
    written: Mapping[str, Any]
    notes: Notes
    asked: set[str] = field(default_factory=set[str])

    def get(self, key: str, default: T) -> T:
        """The argument, or the default where it is absent or of another type."""
        self.asked.add(key)
        value = self.written.get(key)
        if value is None or type(value) is type(default):
            return default if value is None else cast("T", value)
        if isinstance(default, float) and type(value) is int:
            return float(value)
        kind = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
        self.reject(key, f"is not {kind[type(default)]}", default)
        return default

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Empty where it is absent or something else."""
        self.asked.add(key)
        value = self.written.get(key)
        if value is None or isinstance(value, dict):
            return cast("dict[str, Any]", value or {})
        self.reject(key, "is not a map", None)
        return {}

    def weight(self, key: str, default: int) -> int:
        """A whole number, not negative, of 32 bits at most: so much outweighs all else."""
        value = self.get(key, default)
        if value < 0:
            self.reject(key, "is negative", default)
            return default
        return min(value, _HEAVIEST)

    def reject(self, key: str, why: str, default: object) -> None:
        """Note that the argument is as good as absent."""
        instead = f"{default} is used" if default not in (None, "") else "it is left out"
        self.notes.ignored.append(
            f"argument {key} of {self.owner}, {self.written[key]!r}, {why}: {instead}"
        )

    def note_rest(self) -> None:
        """Once all that Shoal knows were read."""
        for key in self.written:
            if key not in self.asked:
                self.notes.unmatched.append(f"argument {key} of {self.owner}")


@dataclass(frozen=True, slots=True)
class PluginOption:
    """A plugin of a tier."""

    name: str
    tier: int
    switches: Mapping[str, bool]
    """Those that are written."""
    arguments: Mapping[str, Any]

    def is_on(self, switch: str) -> bool:
        return self.switches.get(switch, switch not in OFF_BY_DEFAULT)


@dataclass(frozen=True, slots=True)
class VolcanoFile:
    """What stands in the file."""

    actions: tuple[str, ...]
    plugins: tuple[PluginOption, ...]
    """Of all tiers, in order."""
    configurations: Mapping[str, Mapping[str, Any]]
    """Arguments by action."""
    has_metrics: bool
    notes: Notes

    def has(self, plugin: str) -> bool:
        return any(each.name == plugin for each in self.plugins)

    def is_on(self, plugin: str, *switches: str) -> bool:
        """Whether the plugin is there, in any tier, with any of the switches."""
        return any(
            each.is_on(switch)
            for each in self.plugins
            if each.name == plugin
            for switch in switches
        )

    def arguments_of(self, plugin: str) -> Arguments:
        """Of its last mention, as Volcano takes them."""
        found = [each.arguments for each in self.plugins if each.name == plugin]
        return Arguments(f"plugin {plugin}", found[-1] if found else {}, self.notes)

    def arguments_of_action(self, action: str) -> Arguments:
        return Arguments(f"action {action}", self.configurations.get(action, {}), self.notes)


def read_file(text: str, wrong: list[str]) -> VolcanoFile:
    """Adds a sentence to `wrong` for each thing for which Volcano refuses the file; what is
    returned is of use only where none was added."""
    notes = Notes()
    raw = _mapping(_parsed(text, wrong), "the file", wrong)
    notes.ignored += [f"{key} is no key of the file" for key in raw if key not in _TOP]
    plugins = tuple(_read_tiers(raw.get("tiers"), notes, wrong))
    return VolcanoFile(
        actions=_read_actions(raw.get("actions"), notes),
        plugins=plugins,
        configurations=_read_configurations(raw.get("configurations"), wrong),
        has_metrics=bool(_mapping(raw.get("metrics"), "metrics", wrong)),
        notes=notes,
    )


def _parsed(text: str, wrong: list[str]) -> Any:
    try:
        return document(text)
    except JsonYamlError as error:
        wrong.append(f"the file is not valid YAML: {error}")
        return None


def _read_actions(raw: Any, notes: Notes) -> tuple[str, ...]:
    if raw is None or raw == "":
        notes.ignored.append(f'actions is empty: "{DEFAULT_ACTIONS}" is used')
        raw = DEFAULT_ACTIONS
    return tuple(name.strip() for name in str(raw).split(","))


def _read_tiers(raw: Any, notes: Notes, wrong: list[str]) -> Iterator[PluginOption]:
    for number, tier in enumerate(_sequence(raw, "tiers", wrong)):
        place = f"tiers[{number}]"
        plugins = _mapping(tier, place, wrong).get("plugins")
        for index, plugin in enumerate(_sequence(plugins, f"{place}.plugins", wrong)):
            yield _read_plugin(plugin, number, f"{place}.plugins[{index}]", notes, wrong)


def _read_plugin(raw: Any, tier: int, path: str, notes: Notes, wrong: list[str]) -> PluginOption:
    written = _mapping(raw, path, wrong)
    name = str(written.get("name") or "")
    switches: dict[str, bool] = {}
    for key, value in written.items():
        if key in SWITCHES:
            if value is not None and not isinstance(value, bool):
                wrong.append(f"{path}.{key} is {value!r}: write true or false")
            elif value is not None:
                switches[key] = value
        elif key not in ("name", "arguments"):
            notes.ignored.append(f"{key} of plugin {name} is no switch{_spelt(key)}")
    arguments = _mapping(written.get("arguments"), f"{path}.arguments", wrong)
    return PluginOption(name, tier, switches, arguments)


def _spelt(key: str) -> str:
    """A hint, where only the first word is not as it must be."""
    for first, other in (("enabled", "enable"), ("enable", "enabled")):
        if key.startswith(first) and other + key.removeprefix(first) in SWITCHES:
            return f", {other}{key.removeprefix(first)} is"
    return ""


def _read_configurations(raw: Any, wrong: list[str]) -> Mapping[str, Mapping[str, Any]]:
    """The first of a name counts."""
    found: dict[str, Mapping[str, Any]] = {}
    for index, entry in enumerate(_sequence(raw, "configurations", wrong)):
        path = f"configurations[{index}]"
        written = _mapping(entry, path, wrong)
        arguments = _mapping(written.get("arguments"), f"{path}.arguments", wrong)
        found.setdefault(str(written.get("name") or ""), arguments)
    return found


def _mapping(raw: Any, path: str, wrong: list[str]) -> Mapping[str, Any]:
    if raw is None or isinstance(raw, dict):
        return cast("dict[str, Any]", raw or {})
    wrong.append(f"{path} is not a map of keys and values: see volcano-conf.md for its form")
    return {}


def _sequence(raw: Any, path: str, wrong: list[str]) -> Sequence[Any]:
    if raw is None or isinstance(raw, list):
        return cast("list[Any]", raw or [])
    wrong.append(f"{path} is not a list: begin each of its entries with a dash")
    return []
