"""Rules for what of a job decides on success and failure: its policies.

Source of rules and texts: Kubernetes v1.36, pkg/apis/batch/validation.
"""

from collections.abc import Iterable, Iterator

from shoal.api import causes
from shoal.api.job_indexes import IndexesError, count_indexes
from shoal.api.names import qualified_name
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.probes import non_negative

_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_OPERATORS = ("In", "NotIn")
_CONDITION_STATUSES = ("False", "True", "Unknown")
_REPLACEMENTS = ("Failed", "TerminatingOrFailed")
_RULES_MAX = 20
_PATTERNS_MAX = 20
_EXIT_CODES_MAX = 255
_INDEXES_MAX_BYTES = 64 * 1024


def policy_causes(spec: JsonObject, path: str) -> Iterator[Cause]:
    """Of podFailurePolicy, successPolicy and podReplacementPolicy."""
    failures = spec.get("podFailurePolicy")
    if failures is not None:
        yield from _failure_policy(spec, failures, f"{path}.podFailurePolicy.rules")
    successes = spec.get("successPolicy")
    if successes is not None:
        if spec.get("completionMode") != "Indexed":
            text = "requires indexed completion mode"
            yield causes.invalid(f"{path}.successPolicy", successes, text)
        else:
            yield from _success_policy(spec, successes, f"{path}.successPolicy.rules")
    replacement = spec.get("podReplacementPolicy")
    if replacement is not None:
        allowed = ("Failed",) if failures is not None else _REPLACEMENTS
        if replacement not in allowed:
            yield causes.unsupported(f"{path}.podReplacementPolicy", replacement, allowed)


def _failure_policy(spec: JsonObject, policy: JsonObject, path: str) -> Iterator[Cause]:
    rules = policy.get("rules") or []
    if len(rules) > _RULES_MAX:
        yield causes.too_many(path, len(rules), _RULES_MAX)
    pod: JsonObject = (spec.get("template") or {}).get("spec") or {}
    names = {
        container.get("name")
        for field in ("containers", "initContainers")
        for container in pod.get(field) or ()
    }
    for index, rule in enumerate(rules):
        yield from _failure_rule(spec, rule, f"{path}[{index}]", names)


def _failure_rule(
    spec: JsonObject, rule: JsonObject, path: str, names: set[str]
) -> Iterator[Cause]:
    action = rule.get("action") or ""
    if not action:
        yield causes.required(f"{path}.action", _valid(_ACTIONS))
    elif action not in _ACTIONS:
        yield causes.unsupported(f"{path}.action", action, _ACTIONS)
    elif action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
        text = "requires the backoffLimitPerIndex to be set"
        yield causes.invalid(f"{path}.action", action, text)
    codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions") or []
    if codes is not None:
        yield from _exit_codes(codes, f"{path}.onExitCodes", names)
    if conditions:
        yield from _pod_conditions(conditions, f"{path}.onPodConditions")
    if codes is not None and conditions:
        text = "specifying both OnExitCodes and OnPodConditions is not supported"
        yield _without_value(path, text)
    if codes is None and not conditions:
        text = "specifying one of OnExitCodes and OnPodConditions is required"
        yield _without_value(path, text)


def _without_value(path: str, text: str) -> Cause:
    return Cause(path, f"Invalid value: {text}", "FieldValueInvalid")


def _pod_conditions(patterns: list[JsonObject], path: str) -> Iterator[Cause]:
    if len(patterns) > _PATTERNS_MAX:
        yield causes.too_many(path, len(patterns), _PATTERNS_MAX)
    for index, pattern in enumerate(patterns):
        place = f"{path}[{index}]"
        yield from causes.of_form(f"{place}.type", pattern.get("type", ""), qualified_name)
        status = pattern.get("status") or ""
        if not status:
            yield causes.required(f"{place}.status", _valid(_CONDITION_STATUSES))
        elif status not in _CONDITION_STATUSES:
            yield causes.unsupported(f"{place}.status", status, _CONDITION_STATUSES)


def _exit_codes(codes: JsonObject, path: str, names: set[str]) -> Iterator[Cause]:
    operator = codes.get("operator") or ""
    if not operator:
        yield causes.required(f"{path}.operator", _valid(_OPERATORS))
    elif operator not in _OPERATORS:
        yield causes.unsupported(f"{path}.operator", operator, _OPERATORS)
    container = codes.get("containerName")
    if container is not None and container not in names:
        text = "must be one of the container or initContainer names in the pod template"
        yield causes.invalid(f"{path}.containerName", container, text)
    values: list[int] = codes.get("values") or []
    if not values:
        yield causes.invalid(f"{path}.values", values, "at least one value is required")
    elif len(values) > _EXIT_CODES_MAX:
        yield causes.too_many(f"{path}.values", len(values), _EXIT_CODES_MAX)
    for index, value in enumerate(values):
        if operator == "In" and value == 0:
            text = "must not be 0 for the In operator"
            yield causes.invalid(f"{path}.values[{index}]", value, text)
        if value in values[:index]:
            yield causes.duplicate(f"{path}.values[{index}]", value)
    if values != sorted(values):
        yield causes.invalid(f"{path}.values", values, "must be ordered")


def _success_policy(spec: JsonObject, policy: JsonObject, path: str) -> Iterator[Cause]:
    rules = policy.get("rules") or []
    if not rules:
        text = "at least one rules must be specified when the successPolicy is specified"
        yield causes.required(path, text)
    if len(rules) > _RULES_MAX:
        yield causes.too_many(path, len(rules), _RULES_MAX)
    for index, rule in enumerate(rules):
        yield from _success_rule(rule, spec.get("completions") or 0, f"{path}[{index}]")


def _success_rule(rule: JsonObject, completions: int, path: str) -> Iterator[Cause]:
    count, indexes = rule.get("succeededCount"), rule.get("succeededIndexes")
    if count is None and indexes is None:
        text = "at least one of succeededCount or succeededIndexes must be specified"
        yield causes.required(path, text)
    total = 0
    if indexes is not None:
        if len(indexes) > _INDEXES_MAX_BYTES:
            yield causes.too_long(f"{path}.succeededIndexes", _INDEXES_MAX_BYTES)
        try:
            total = count_indexes(indexes, completions)
        except IndexesError as error:
            text = f"error parsing succeededIndexes: {error}"
            yield causes.invalid(f"{path}.succeededIndexes", indexes, text)
    if count is None:
        return
    path = f"{path}.succeededCount"
    yield from non_negative(count, path)
    if count > completions:
        text = f"must be less than or equal to {completions} (the number of specified completions)"
        yield causes.invalid(path, count, text)
    if indexes is not None and count > total:
        text = (
            f"must be less than or equal to {total} (the number of indexes in the specified"
            " succeededIndexes field)"
        )
        yield causes.invalid(path, count, text)


def _valid(values: Iterable[str]) -> str:
    listed = " ".join(causes.shown(value) for value in values)
    return f"valid values: [{listed}]"
