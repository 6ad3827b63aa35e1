"""HyperNodes: members that can be found. Source of verdicts and texts: Volcano v1.15,
pkg/webhooks/admission/hypernodes; members by label came later than its texts."""

import re
from collections.abc import Iterator

import msgspec

from shoal.admission.texts import aggregated, bracketed
from shoal.api import causes
from shoal.api.names import qualified_name
from shoal.api.status import Cause
from shoal.api.volcano.hyper_node import (
    HYPER_NODE,
    NODE,
    HyperNode,
    HyperNodeMember,
    MemberSelector,
)

_PATH = ".spec.members"
_SELECTOR = f"{_PATH}.selector"
_NAME = f"{_SELECTOR}.exactMatch.name"
_PATTERN = f"{_SELECTOR}.regexMatch.pattern"


def refuse_hyper_node(hyper_node: HyperNode) -> str:
    """Why it may not be created, or changed to this; empty where it may."""
    return aggregated(
        cause
        for member in hyper_node.spec.members
        for cause in (*_member_causes(member), *_self_causes(member, hyper_node.metadata.name))
    )


def _self_causes(member: HyperNodeMember, name: str) -> Iterator[Cause]:
    """Volcano lets this through. Of a pattern that takes it in, its status tells."""
    exact = member.selector.exact_match
    if member.type == HYPER_NODE and exact is not None and exact.name == name:
        yield causes.invalid(_NAME, name, "a HyperNode cannot be its own member")


def _member_causes(member: HyperNodeMember) -> Iterator[Cause]:
    if member.type not in (NODE, HYPER_NODE):
        text = f"unknown member type {member.type}"
        yield causes.invalid(f"{_PATH}.type", member.type, text)
    selector = member.selector
    ways = [selector.exact_match, selector.regex_match, selector.label_match]
    given = sum(way is not None for way in ways)
    if given != 1:
        text = (
            "member selector cannot have more than one of exactMatch, regexMatch and labelMatch"
            if given
            else "member selector must have one of exactMatch, regexMatch or labelMatch"
        )
        yield causes.invalid(_SELECTOR, msgspec.to_builtins(selector), text)
        return
    yield from _name_causes(selector)
    yield from _pattern_causes(selector)


def _name_causes(selector: MemberSelector) -> Iterator[Cause]:
    if selector.exact_match is None:
        return
    name = selector.exact_match.name
    if not name:
        yield causes.invalid(_NAME, name, "member exactMatch name is required")
        return
    faults = qualified_name(name)
    if faults:
        text = f"member exactMatch validate failed {bracketed(faults)}"
        yield causes.invalid(_NAME, name, text)


def _pattern_causes(selector: MemberSelector) -> Iterator[Cause]:
    if selector.regex_match is None:
        return
    pattern = selector.regex_match.pattern
    if not pattern:
        yield causes.invalid(_PATTERN, pattern, "member regexMatch pattern is required")
        return
    try:
        re.compile(pattern)
    except re.error as error:
        text = f"member regexMatch pattern is invalid: error parsing regexp: {error}"
        yield causes.invalid(_PATTERN, pattern, text)
