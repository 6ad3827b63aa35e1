"""Reads a configuration file: from its text to profiles and settings, or to all that is wrong.

The steps: YAML or JSON without a key given twice; the version; older versions rewritten as v1;
fields and types, strictly; the args of in-tree plugins, likewise; defaults; rules. What is
wrong in one step is told together, and ends the reading.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

from shoal.api.json_yaml import JsonYamlError, JsonYamlLoader, document
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.base.backoff import Backoff
from shoal.scheduler.config.argument_rules import validate_arguments
from shoal.scheduler.config.configuration import (
    GROUP,
    KIND,
    ClientConnectionSection,
    ExtenderSection,
    ExtenderTls,
    LeaderElectionSection,
    PluginConfigEntry,
    ProfileSection,
    SchedulerConfiguration,
    completed,
)
from shoal.scheduler.config.configuration_rules import validate_configuration
from shoal.scheduler.config.decoding import read
from shoal.scheduler.config.older_versions import VERSIONS, as_v1
from shoal.scheduler.config.plugin_arguments import (
    ARGUMENT_TYPES,
    KnownArgs,
    completed_arguments,
)
from shoal.scheduler.config.profiles import Arguments, profile_specs
from shoal.scheduler.framework.points import PluginSpec
from shoal.scheduler.framework.profile import ProfileSpec


class ConfigurationError(Exception):
    """A file that cannot be used; one line for each cause."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


class Named(NamedTuple):
    """Something that a field names."""

    path: str
    """Of the field."""
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedConfiguration:
    """What a file asks for."""

    text: str
    """As it was read."""
    profiles: tuple[ProfileSpec, ...]
    backoff: Backoff
    """Of pods that could not be placed."""
    extenders: tuple[ExtenderSection, ...]
    """In the order in which they are asked: ignorable ones last."""
    leader_election: LeaderElectionSection
    client_connection: ClientConnectionSection
    delay_cache_until_active: bool
    """Watch nothing before this scheduler leads."""
    notes: tuple[str, ...]
    """Sentences about what is accepted and not used."""
    enabled: tuple[Named, ...]
    """Every plugin that it enables."""
    files: tuple[Named, ...]
    """Other files that it needs."""
    name: str = "the scheduler's configuration"
    """What messages call it."""


def load(text: str | bytes, default_plugins: Sequence[PluginSpec]) -> LoadedConfiguration:
    """`default_plugins` are those of a profile that changes nothing. Raises ConfigurationError.
    Whether plugins and files that are named exist is for the caller to see."""
    raw = _parsed(text)
    version = _version(raw)
    wrong: list[Cause] = []
    notes: list[str] = []
    rewritten = as_v1(raw, version, wrong, notes)
    file = read(SchedulerConfiguration, rewritten, "", wrong)
    _refuse(wrong)
    arguments = [
        _read_arguments(profile, f"profiles[{index}]", wrong)
        for index, profile in enumerate(file.profiles)
    ] or [{}]
    _refuse(wrong)
    file = completed(file)
    wrong += validate_configuration(file)
    for place, own in _placed(file, arguments):
        wrong += validate_arguments(own, place)
    _refuse(wrong)
    return LoadedConfiguration(
        text=text if isinstance(text, str) else text.decode(),
        profiles=profile_specs(file, arguments, default_plugins),
        backoff=Backoff(file.pod_initial_backoff_seconds, file.pod_max_backoff_seconds),
        extenders=tuple(sorted(file.extenders, key=lambda extender: extender.ignorable)),
        leader_election=file.leader_election,
        client_connection=file.client_connection,
        delay_cache_until_active=file.delay_cache_until_active,
        notes=(*notes, *_unused(file)),
        enabled=tuple(_enabled(file)),
        files=tuple(_files(file)),
    )


def _refuse(wrong: Sequence[Cause]) -> None:
    if wrong:
        raise ConfigurationError([str(cause) for cause in wrong])


def _parsed(text: str | bytes) -> JsonObject:
    try:
        raw = document(text)
        node = yaml.compose(text, JsonYamlLoader)
    except JsonYamlError as error:
        raise ConfigurationError([f"error converting YAML to JSON: {error}"]) from error
    if not isinstance(raw, dict):
        raise ConfigurationError([f"the file is not a {KIND}"])
    if repeated := list(_repeated(node, "")):
        raise ConfigurationError(
            [f'strict decoding error: duplicate field "{each}"' for each in repeated]
        )
    return raw


def _repeated(node: Any, path: str) -> list[str]:
    """Paths of keys that stand twice in one object."""
    found: list[str] = []
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            found += _repeated(item, f"{path}[{index}]")
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            place = f"{path}.{key.value}" if path else str(key.value)
            found += [place] if place in seen else []
            seen.add(place)
            found += _repeated(value, place)
    return found


def _version(raw: JsonObject) -> str:
    api_version, kind = raw.get("apiVersion"), raw.get("kind")
    if not api_version:
        raise ConfigurationError(["Object 'apiVersion' is missing"])
    if not kind:
        raise ConfigurationError(["Object 'Kind' is missing"])
    group, _, version = str(api_version).rpartition("/")
    if group != GROUP or kind != KIND or version not in VERSIONS:
        raise ConfigurationError(
            [
                f'no kind "{kind}" is registered for version "{api_version}": '
                f"{KIND} of {GROUP} in {', '.join(VERSIONS)} is read"
            ]
        )
    return version


def _read_arguments(profile: ProfileSection, path: str, wrong: list[Cause]) -> Arguments:
    """Args by plugin: of in-tree plugins as structs, of others as they are written."""
    found: dict[str, Any] = {}
    for index, entry in enumerate(profile.plugin_config):
        place = f"{path}.pluginConfig[{index}]"
        kind = ARGUMENT_TYPES.get(entry.name)
        if kind is None:
            found[entry.name] = entry.args
        else:
            own = _read_known(kind, entry, place, wrong)
            if own is not None:
                found[entry.name] = completed_arguments(own)
    return found


def _read_known(
    kind: type[KnownArgs], entry: PluginConfigEntry, path: str, wrong: list[Cause]
) -> KnownArgs | None:
    args = entry.args
    if isinstance(args, dict):
        written: Mapping[str, Any] = args
        expected, actual = kind.__name__, written.get("kind") or kind.__name__
        if actual != expected:
            text = (
                f"decoding .{path}: args for plugin {entry.name} were not of type "
                f"{expected}.{GROUP}, got {actual}.{GROUP}"
            )
            wrong.append(Cause("", text))
            return None
        args = {k: v for k, v in written.items() if k not in ("apiVersion", "kind")}
    before = len(wrong)
    own = read(kind, args, f"{path}.args", wrong)
    return own if len(wrong) == before else None


def _placed(
    file: SchedulerConfiguration, arguments: Sequence[Arguments]
) -> list[tuple[str, KnownArgs]]:
    """The args of in-tree plugins, with their paths."""
    return [
        (f"profiles[{i}].pluginConfig[{j}].args", own[entry.name])
        for i, (profile, own) in enumerate(zip(file.profiles, arguments, strict=True))
        for j, entry in enumerate(profile.plugin_config)
        if entry.name in ARGUMENT_TYPES
    ]


def _enabled(file: SchedulerConfiguration) -> Iterator[Named]:
    for index, profile in enumerate(file.profiles):
        sections = (("multiPoint", profile.plugins.multi_point), *profile.plugins.by_point())
        for point, section in sections:
            for number, entry in enumerate(section.enabled):
                path = f"profiles[{index}].plugins.{point}.enabled[{number}].name"
                yield Named(path, entry.name)


def _files(file: SchedulerConfiguration) -> Iterator[Named]:
    """Of certificates; data goes before them."""
    for index, extender in enumerate(file.extenders):
        tls = extender.tls_config or ExtenderTls()
        named = (
            ("caFile", tls.ca_file, tls.ca_data),
            ("certFile", tls.cert_file, tls.cert_data),
            ("keyFile", tls.key_file, tls.key_data),
        )
        for field, name, data in named:
            if name and not data:
                yield Named(f"extenders[{index}].tlsConfig.{field}", name)


def _unused(file: SchedulerConfiguration) -> list[str]:
    notes: list[str] = []
    percentages = [profile.percentage_of_nodes_to_score for profile in file.profiles]
    if any((file.percentage_of_nodes_to_score, *percentages)):
        notes.append("percentageOfNodesToScore is not used: every node is scored")
    for index, extender in enumerate(file.extenders):
        if extender.preempt_verb:
            notes.append(f"extenders[{index}].preemptVerb is not called")
    for index, profile in enumerate(file.profiles):
        for name in ("placement_generate", "placement_score"):
            if getattr(profile.plugins, name).enabled:
                notes.append(f"profiles[{index}].plugins: placement plugins are not run")
                break
    return notes
