"""CustomResourceDefinitions themselves: their defaults and their rules.

Source of rules and texts: Kubernetes v1.36, apiextensions-apiserver/pkg/apis/apiextensions.
"""

from collections.abc import Iterator

from shoal.api import causes
from shoal.api.names import dns_1035_label, dns_subdomain
from shoal.api.resource import JsonObject
from shoal.api.status import Cause
from shoal.apiserver.schema.custom.structural_rules import validate_structural
from shoal.apiserver.schema.validation.metadata import validate_metadata

_SCOPES = ("Cluster", "Namespaced")
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("int32", "int64", "float", "double", "byte", "date", "date-time", "password")


def default_crd(crd: JsonObject) -> None:
    spec: JsonObject = crd.setdefault("spec", {})
    names: JsonObject = spec.setdefault("names", {})
    kind: str = names.get("kind", "")
    if kind and not names.get("singular"):
        names["singular"] = kind.lower()
    if kind and not names.get("listKind"):
        names["listKind"] = f"{kind}List"
    conversion: JsonObject = spec.setdefault("conversion", {})
    if not conversion.get("strategy"):
        conversion["strategy"] = "None"
    webhook = (conversion.get("webhook") or {}).get("clientConfig", {}).get("service")
    if webhook is not None:
        webhook.setdefault("port", 443)


def validate_crd(crd: JsonObject, old: JsonObject | None) -> list[Cause]:
    """What is wrong with a definition; with `old`, what may not change as well."""
    spec: JsonObject = crd.get("spec") or {}
    found = validate_metadata(crd, old)
    name = (crd.get("metadata") or {}).get("name", "")
    names: JsonObject = spec.get("names") or {}
    group: str = spec.get("group", "")
    if name != f"{names.get('plural', '')}.{group}":
        found.append(
            causes.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group')
        )
    found += _group(group)
    scope = spec.get("scope", "")
    if not scope:
        found.append(causes.required("spec.scope"))
    elif scope not in _SCOPES:
        found.append(causes.unsupported("spec.scope", scope, _SCOPES))
    found += _names(names)
    found += _versions(spec)
    found += _conversion(spec)
    if spec.get("preserveUnknownFields"):
        text = (
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
            "spec.versions[*].schema instead"
        )
        found.append(causes.invalid("spec.preserveUnknownFields", True, text))
    if old is not None:
        found += _changes(crd, old)
    return found


def _group(group: str) -> Iterator[Cause]:
    if not group:
        yield causes.required("spec.group")
        return
    yield from causes.of_form("spec.group", group, dns_subdomain)
    if "." not in group:
        yield causes.invalid("spec.group", group, "should be a domain with at least one dot")


def _names(names: JsonObject) -> Iterator[Cause]:
    path = "spec.names"
    for field in ("plural", "singular", "kind", "listKind"):
        value: str = names.get(field, "")
        if not value:
            yield causes.required(f"{path}.{field}")
            continue
        is_kind = field in ("kind", "listKind")
        for text in dns_1035_label(value.lower() if is_kind else value):
            if is_kind:
                text = f"may have mixed case, but should otherwise match: {text}"
            yield causes.invalid(f"{path}.{field}", value, text)
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        text = "kind and listKind may not be the same"
        yield causes.invalid(f"{path}.listKind", names["listKind"], text)
    for field in ("shortNames", "categories"):
        for index, value in enumerate(names.get(field) or ()):
            yield from causes.of_form(f"{path}.{field}[{index}]", value, dns_1035_label)


def _versions(spec: JsonObject) -> Iterator[Cause]:
    path = "spec.versions"
    versions: list[JsonObject] = spec.get("versions") or []
    names = [version.get("name", "") for version in versions]
    if not versions:
        yield causes.required(path, "must have at least one version")
        return
    if len(set(names)) != len(names):
        yield causes.invalid(path, names, "must contain unique version names")
    if sum(bool(version.get("storage")) for version in versions) != 1:
        text = "must have exactly one version marked as storage version"
        yield causes.invalid(path, names, text)
    for index, version in enumerate(versions):
        yield from _version(version, f"{path}[{index}]")


def _version(version: JsonObject, path: str) -> Iterator[Cause]:
    name: str = version.get("name", "")
    yield from causes.of_form(f"{path}.name", name, dns_1035_label)
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    schema_path = f"{path}.schema.openAPIV3Schema"
    if schema is None:
        yield causes.required(schema_path, "schemas are required")
    else:
        yield from validate_structural(schema, schema_path)
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        yield from _column(column, f"{path}.additionalPrinterColumns[{index}]")
    scale = (version.get("subresources") or {}).get("scale")
    if scale is not None:
        yield from _scale(scale, f"{path}.subresources.scale")
    for index, field in enumerate(version.get("selectableFields") or ()):
        if not field.get("jsonPath"):
            yield causes.required(f"{path}.selectableFields[{index}].jsonPath")


def _column(column: JsonObject, path: str) -> Iterator[Cause]:
    if not column.get("name"):
        yield causes.required(f"{path}.name")
    types = f"must be one of {','.join(_COLUMN_TYPES)}"
    if not column.get("type"):
        yield causes.required(f"{path}.type", types)
    elif column["type"] not in _COLUMN_TYPES:
        yield causes.invalid(f"{path}.type", column["type"], types)
    if column.get("format") and column["format"] not in _COLUMN_FORMATS:
        text = f"must be one of {','.join(_COLUMN_FORMATS)}"
        yield causes.invalid(f"{path}.format", column["format"], text)
    if not column.get("jsonPath"):
        yield causes.required(f"{path}.jsonPath")


def _scale(scale: JsonObject, path: str) -> Iterator[Cause]:
    for field, root in (("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")):
        value: str = scale.get(field, "")
        if not value:
            yield causes.required(f"{path}.{field}")
        elif not value.startswith(f"{root}."):
            text = f"should be a json path under {root}"
            yield causes.invalid(f"{path}.{field}", value, text)
    selector: str = scale.get("labelSelectorPath") or ""
    if selector and not selector.startswith((".spec.", ".status.")):
        text = "should be a json path under either .status or .spec"
        yield causes.invalid(f"{path}.labelSelectorPath", selector, text)


def _conversion(spec: JsonObject) -> Iterator[Cause]:
    strategy = (spec.get("conversion") or {}).get("strategy", "None")
    if strategy not in ("None", "Webhook"):
        yield causes.unsupported("spec.conversion.strategy", strategy, ("None", "Webhook"))
    elif strategy == "Webhook" and not spec["conversion"].get("webhook"):
        yield causes.required("spec.conversion.webhook", "required when strategy is set to Webhook")


def _changes(crd: JsonObject, old: JsonObject) -> Iterator[Cause]:
    spec, before = crd.get("spec") or {}, old.get("spec") or {}
    for field in ("group", "scope"):
        if spec.get(field) != before.get(field):
            yield causes.invalid(f"spec.{field}", spec.get(field), causes.IMMUTABLE)
    for field in ("kind", "plural"):
        new = (spec.get("names") or {}).get(field)
        if new != (before.get("names") or {}).get(field):
            yield causes.invalid(f"spec.names.{field}", new, causes.IMMUTABLE)
    known = {version.get("name") for version in spec.get("versions") or ()}
    stored: list[str] = (crd.get("status") or {}).get("storedVersions") or []
    for index, name in enumerate(stored):
        if name not in known:
            path = f"status.storedVersions[{index}]"
            text = "must appear in spec.versions"
            yield causes.invalid(path, name, text)
