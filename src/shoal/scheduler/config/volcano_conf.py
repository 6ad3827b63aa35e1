"""Reads a `volcano-scheduler.conf`: from its text to rules, a profile, and what is to be said.

Whatever Volcano accepts is accepted. What has no counterpart here is named in one warning; what
Volcano itself would pass over in silence (an argument of the wrong type, a switch that is spelt
wrongly) in one more.
"""

from dataclasses import dataclass

from shoal.scheduler.config.loading import ConfigurationError
from shoal.scheduler.config.volcano_file import VolcanoFile, read_file
from shoal.scheduler.config.volcano_profile import profile_of
from shoal.scheduler.config.volcano_rules import WITHOUT_COUNTERPART, rules_of
from shoal.scheduler.fairness.rules import Rules
from shoal.scheduler.framework.profile import ProfileSpec

DEFAULT_SCHEDULER_NAME = "volcano"

_KNOWN = frozenset(
    (
        "binpack",
        "capacity",
        "cdp",
        "conformance",
        "drf",
        "gang",
        "network-topology-aware",
        "nodegroup",
        "nodeorder",
        "overcommit",
        "pdb",
        "predicates",
        "priority",
        "proportion",
        "resource-strategy-fit",
        "resourcequota",
        "sla",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedVolcanoConf:
    """What a file asks for."""

    rules: Rules
    profile: ProfileSpec
    warnings: tuple[str, ...]
    """Sentences about what is accepted and not done."""


def load_volcano_conf(text: str, scheduler_name: str = DEFAULT_SCHEDULER_NAME) -> LoadedVolcanoConf:
    """`scheduler_name`: of the pods that the file is about. Raises ConfigurationError with a line
    for each thing for which Volcano refuses a file."""
    wrong: list[str] = []
    file = read_file(text, wrong)
    if wrong:
        raise ConfigurationError(wrong)
    rules = rules_of(file, wrong)
    if wrong:
        raise ConfigurationError(wrong)
    profile = profile_of(file, scheduler_name)
    return LoadedVolcanoConf(rules=rules, profile=profile, warnings=_warnings(file))


def _warnings(file: VolcanoFile) -> tuple[str, ...]:
    names = dict.fromkeys(each.name for each in file.plugins)
    unmatched = [f"plugin {each}" for each in names if each in WITHOUT_COUNTERPART]
    # Volcano loads plugins of others, so a name that it does not bring may be right.
    unmatched += [f"plugin {each}" for each in names if each not in _KNOWN | WITHOUT_COUNTERPART]
    unmatched += ["metrics"] if file.has_metrics else []
    unmatched += dict.fromkeys(file.notes.unmatched)
    said: list[str] = []
    if unmatched:
        said.append(f"no counterpart here, so left out: {', '.join(unmatched)}")
    if file.notes.ignored:
        said.append(f"not understood: {'; '.join(dict.fromkeys(file.notes.ignored))}")
    return tuple(said)
