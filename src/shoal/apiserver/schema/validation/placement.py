"""Rules for what says where a pod may run: tolerations, affinity, spreading, gates."""

from collections.abc import Iterator

from shoal.api import causes
from shoal.api.names import label_value, qualified_name
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.validation.metadata import validate_labels
from shoal.apiserver.schema.validation.selectors import validate_label_selector, validate_operator

_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_UNSATISFIABLE = ("DoNotSchedule", "ScheduleAnyway")
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def validate_placement(spec: JsonObject, path: str) -> Iterator[Cause]:
    if spec.get("nodeSelector"):
        yield from validate_labels(spec["nodeSelector"], f"{path}.nodeSelector")
    if spec.get("affinity"):
        yield from _affinity(spec["affinity"], f"{path}.affinity")
    if spec.get("tolerations"):
        yield from validate_tolerations(spec["tolerations"], f"{path}.tolerations")
    if spec.get("topologySpreadConstraints"):
        place = f"{path}.topologySpreadConstraints"
        for index, constraint in enumerate(spec["topologySpreadConstraints"]):
            yield from _spread(constraint, f"{place}[{index}]")
    if spec.get("schedulingGates"):
        yield from _gates(spec, path)


def validate_tolerations(tolerations: list[JsonObject], path: str) -> Iterator[Cause]:
    for index, toleration in enumerate(tolerations):
        place = f"{path}[{index}]"
        key, operator = toleration.get("key", ""), toleration.get("operator", "")
        value, effect = toleration.get("value", ""), toleration.get("effect", "")
        if key:
            yield from causes.of_form(f"{place}.key", key, qualified_name)
        elif operator != "Exists":
            text = (
                'operator must be Exists when `key` is empty, which means "match all values and '
                'all keys"'
            )
            yield causes.invalid(f"{place}.operator", operator, text)
        if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
            text = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            yield causes.invalid(f"{place}.effect", effect, text)
        match operator:
            case "Equal" | "":
                yield from causes.of_form(f"{place}.operator", value, label_value)
            case "Exists":
                if value:
                    text = "value must be empty when `operator` is 'Exists'"
                    yield causes.invalid(f"{place}.operator", value, text)
            case "Gt" | "Lt":
                pass
            case _:
                yield causes.unsupported(f"{place}.operator", operator, ("Equal", "Exists"))
        if effect and effect not in _EFFECTS:
            yield causes.unsupported(f"{place}.effect", effect, _EFFECTS)


def _affinity(affinity: JsonObject, path: str) -> Iterator[Cause]:
    node: JsonObject = affinity.get("nodeAffinity") or {}
    place = f"{path}.nodeAffinity"
    if _REQUIRED in node:
        terms: list[JsonObject] = node[_REQUIRED].get("nodeSelectorTerms") or []
        if not terms:
            text = "must have at least one node selector term"
            yield causes.required(f"{place}.{_REQUIRED}.nodeSelectorTerms", text)
        for index, term in enumerate(terms):
            yield from _node_term(term, f"{place}.{_REQUIRED}.nodeSelectorTerms[{index}]")
    for index, preferred in enumerate(node.get(_PREFERRED) or ()):
        term_path = f"{place}.{_PREFERRED}[{index}]"
        if not 1 <= preferred.get("weight", 0) <= 100:
            weight = preferred.get("weight", 0)
            yield causes.invalid(f"{term_path}.weight", weight, "must be in the range 1-100")
        yield from _node_term(preferred.get("preference") or {}, f"{term_path}.preference")
    for kind in ("podAffinity", "podAntiAffinity"):
        pods: JsonObject = affinity.get(kind) or {}
        for index, term in enumerate(pods.get(_REQUIRED) or ()):
            yield from _pod_term(term, f"{path}.{kind}.{_REQUIRED}[{index}]")
        for index, preferred in enumerate(pods.get(_PREFERRED) or ()):
            term_path = f"{path}.{kind}.{_PREFERRED}[{index}]"
            if not 1 <= preferred.get("weight", 0) <= 100:
                weight = preferred.get("weight", 0)
                yield causes.invalid(f"{term_path}.weight", weight, "must be in the range 1-100")
            inner = preferred.get("podAffinityTerm") or {}
            yield from _pod_term(inner, f"{term_path}.podAffinityTerm")


def _node_term(term: JsonObject, path: str) -> Iterator[Cause]:
    for index, requirement in enumerate(term.get("matchExpressions") or ()):
        place = f"{path}.matchExpressions[{index}]"
        key: str = requirement.get("key", "")
        yield from causes.of_form(f"{place}.key", key, qualified_name)
        yield from _node_operator(requirement, place)
    for index, requirement in enumerate(term.get("matchFields") or ()):
        if requirement.get("key") != "metadata.name":
            text = "not a valid field selector key"
            place = f"{path}.matchFields[{index}].key"
            yield causes.invalid(place, requirement.get("key", ""), text)


def _node_operator(requirement: JsonObject, path: str) -> Iterator[Cause]:
    if requirement.get("operator") not in ("Gt", "Lt"):
        yield from validate_operator(requirement, path)
        return
    values = requirement.get("values")
    if not isinstance(values, list) or len(values) != 1:
        text = "must be specified single value when `operator` is 'Lt' or 'Gt'"
        yield causes.required(f"{path}.values", text)


def _pod_term(term: JsonObject, path: str) -> Iterator[Cause]:
    yield from causes.required_of_form(
        f"{path}.topologyKey", term.get("topologyKey"), qualified_name, absent="can not be empty"
    )
    if "labelSelector" in term:
        yield from validate_label_selector(term["labelSelector"], f"{path}.labelSelector")


def _spread(constraint: JsonObject, path: str) -> Iterator[Cause]:
    skew: int = constraint.get("maxSkew", 0)
    if skew <= 0:
        yield causes.invalid(f"{path}.maxSkew", skew, "must be greater than 0")
    yield from causes.required_of_form(
        f"{path}.topologyKey",
        constraint.get("topologyKey"),
        qualified_name,
        absent="can not be empty",
    )
    action = constraint.get("whenUnsatisfiable", "")
    if action not in _UNSATISFIABLE:
        yield causes.unsupported(f"{path}.whenUnsatisfiable", action, _UNSATISFIABLE)
    if "labelSelector" in constraint:
        yield from validate_label_selector(constraint["labelSelector"], f"{path}.labelSelector")


def _gates(spec: JsonObject, path: str) -> Iterator[Cause]:
    seen: set[str] = set()
    for index, gate in enumerate(spec["schedulingGates"]):
        place = f"{path}.schedulingGates[{index}]"
        name: str = gate.get("name", "")
        yield from causes.of_form(place, name, qualified_name)
        if name in seen:
            yield causes.duplicate(place, name)
        seen.add(name)
    if spec.get("nodeName"):
        text = "cannot be set until all schedulingGates have been cleared"
        yield causes.forbidden(f"{path}.nodeName", text)
