"""Which values a configuration file may have.

Source of the rules and texts: Kubernetes v1.36, pkg/scheduler/apis/config/validation/
validation.go and component-base/config/validation. The args of plugins have rules of their own,
in `argument_rules`.
"""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from shoal.api import causes
from shoal.api.names import qualified_name
from shoal.api.status import Cause
from shoal.scheduler.config.configuration import (
    GROUP,
    ExtenderSection,
    LeaderElectionSection,
    PluginSetSection,
    ProfileSection,
    SchedulerConfiguration,
)

_REMOVED_PLUGINS = frozenset(("AzureDiskLimits", "CinderLimits", "EBSLimits", "GCEPDLimits"))
_VERSION = f"{GROUP}/v1"


def validate_configuration(file: SchedulerConfiguration) -> Iterator[Cause]:
    """What is wrong with the file, defaults filled in."""
    if file.client_connection.burst < 0:
        text = "must be non-negative"
        yield causes.invalid("clientConnection.burst", file.client_connection.burst, text)
    yield from _leader_election(file.leader_election, "leaderElection")
    if file.parallelism <= 0:
        text = "should be an integer value greater than zero"
        yield causes.invalid("parallelism", file.parallelism, text)
    yield from _profiles(file.profiles)
    yield from _percentage("percentageOfNodesToScore", file.percentage_of_nodes_to_score)
    initial, longest = file.pod_initial_backoff_seconds, file.pod_max_backoff_seconds
    if initial <= 0:
        yield causes.invalid("podInitialBackoffSeconds", initial, "must be greater than 0")
    if longest < initial:
        text = "must be greater than or equal to PodInitialBackoffSeconds"
        yield causes.invalid("podMaxBackoffSeconds", longest, text)
    yield from _extenders(file.extenders, "extenders")


def _leader_election(section: LeaderElectionSection, path: str) -> Iterator[Cause]:
    if not section.leader_elect:
        return
    times = {
        "leaseDuration": section.lease_duration,
        "renewDeadline": section.renew_deadline,
        "retryPeriod": section.retry_period,
    }
    for name, each in times.items():
        if each.seconds <= 0:
            yield causes.invalid(f"{path}.{name}", each.text, "must be greater than zero")
    if section.lease_duration.seconds <= section.renew_deadline.seconds:
        text = "LeaseDuration must be greater than RenewDeadline"
        yield causes.invalid(f"{path}.leaseDuration", section.renew_deadline.text, text)
    if section.resource_lock != "leases":
        text = 'resourceLock value must be "leases"'
        yield causes.invalid(f"{path}.resourceLock", section.resource_lock, text)


def _percentage(path: str, value: int | None) -> Iterator[Cause]:
    if value is not None and not 0 <= value <= 100:
        yield causes.invalid(path, value, "not in valid range [0-100]")


def _profiles(profiles: Sequence[ProfileSection]) -> Iterator[Cause]:
    first_with: dict[str, int] = {}
    for index, profile in enumerate(profiles):
        path = f"profiles[{index}]"
        name = profile.scheduler_name or ""
        if not name:
            yield causes.required(f"{path}.schedulerName")
        yield from _percentage(
            f"{path}.percentageOfNodesToScore", profile.percentage_of_nodes_to_score
        )
        yield from _plugins(profile, path)
        if name in first_with:
            other = f"profiles[{first_with[name]}].schedulerName"
            yield causes.duplicate(f"{path}.schedulerName", other)
        first_with.setdefault(name, index)
    yield from _common_queue_sort(profiles)


def _plugins(profile: ProfileSection, path: str) -> Iterator[Cause]:
    yield from _weights(profile.plugins.score, f"{path}.plugins.score")
    yield from _weights(profile.plugins.multi_point, f"{path}.plugins.multiPoint")
    for point, section in profile.plugins.by_point():
        yield from _given_twice(section, f"{path}.plugins.{point}")
        for index, plugin in enumerate(section.enabled):
            place = f"{path}.plugins.{point}.enabled[{index}]"
            yield from _removed(place, plugin.name)
    seen: set[str] = set()
    for index, entry in enumerate(profile.plugin_config):
        place = f"{path}.pluginConfig[{index}]"
        if entry.name in seen:
            yield causes.duplicate(place, entry.name)
        seen.add(entry.name)
        yield from _removed(place, entry.name)


def _weights(section: PluginSetSection, path: str) -> Iterator[Cause]:
    for index, plugin in enumerate(section.enabled):
        if plugin.weight < 0:
            text = "must be positive; 0 stands for 1"
            yield causes.invalid(f"{path}.enabled[{index}].weight", plugin.weight, text)


def _given_twice(section: PluginSetSection, path: str) -> Iterator[Cause]:
    """Kubernetes finds this only when it builds the profile, and names no field."""
    names = [each.name for each in section.enabled]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield causes.duplicate(f"{path}.enabled[{index}].name", name)


def _removed(path: str, name: str) -> Iterator[Cause]:
    if name in _REMOVED_PLUGINS:
        text = f'was invalid in version "v1" (KubeSchedulerConfiguration is version "{_VERSION}")'
        yield causes.invalid(path, name, text)


def _common_queue_sort(profiles: Sequence[ProfileSection]) -> Iterator[Cause]:
    """All profiles share one queue."""
    order = profiles[0].plugins.queue_sort
    if len(order.enabled) > 1:
        text = "only one queue sort plugin can be enabled"
        path = "profiles[0].plugins.queueSort.Enabled"
        yield causes.invalid(path, len(order.enabled), text)
    name = order.enabled[0].name if order.enabled else ""
    arguments = _arguments(profiles[0], name)
    for index, profile in enumerate(profiles[1:], 1):
        own = profile.plugins.queue_sort
        if own != order:
            text = "must be the same for all profiles"
            yield causes.invalid(f"profiles[{index}].plugins.queueSort", _names(own), text)
        for entry in profile.plugin_config:
            if entry.name == name and entry.args != arguments:
                text = "queueSort must be the same for all profiles"
                path = f"profiles[{index}].pluginConfig.args"
                yield causes.invalid(path, entry.args, text)


def _arguments(profile: ProfileSection, name: str) -> Any:
    return next((each.args for each in profile.plugin_config if each.name == name), None)


def _names(section: PluginSetSection) -> dict[str, list[str]]:
    return {
        "enabled": [each.name for each in section.enabled],
        "disabled": [each.name for each in section.disabled],
    }


def _extenders(extenders: Sequence[ExtenderSection], path: str) -> Iterator[Cause]:
    managed: set[str] = set()
    for index, extender in enumerate(extenders):
        place = f"{path}[{index}]"
        if not _is_http_url(extender.url_prefix):
            text = "must be an http or https URL, such as http://127.0.0.1:8888/scheduler"
            yield causes.invalid(f"{place}.urlPrefix", extender.url_prefix, text)
        if extender.prioritize_verb and extender.weight <= 0:
            text = "must have a positive weight applied to it"
            yield causes.invalid(f"{place}.weight", extender.weight, text)
        for number, resource in enumerate(extender.managed_resources):
            where = f"{place}.managedResources[{number}].name"
            yield from _extended_resource(where, resource.name)
            if resource.name in managed:
                text = "duplicate extender managed resource name"
                yield causes.invalid(where, resource.name, text)
            managed.add(resource.name)
    binders = sum(bool(extender.bind_verb) for extender in extenders)
    if binders > 1:
        found = f"found {binders} extenders implementing bind"
        yield causes.invalid(path, found, "only one extender can implement bind")


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # Brackets without an address in them, a port that is none.
        return False


def _extended_resource(path: str, name: str) -> Iterator[Cause]:
    wrong = causes.of_form(path, name, qualified_name)
    yield from wrong
    is_native = "/" not in name or "kubernetes.io/" in name
    is_quota = name.startswith("requests.") or bool(qualified_name(f"requests.{name}"))
    if not wrong and (is_native or is_quota):
        yield causes.invalid(path, name, "is an invalid extended resource name")
