"""From a CustomResourceDefinition to what the handlers serve: one `Served` a served version."""

from typing import Any

from shoal.api.resource import JsonObject, Resource
from shoal.apiserver.schema.custom.schema import CustomSchema
from shoal.apiserver.served import ScalePaths, Served
from shoal.apiserver.tables.custom import custom_table


def served_from_crd(crd: JsonObject) -> list[Served]:
    """The served versions of a valid, defaulted definition, in the order it lists them."""
    spec: JsonObject = crd["spec"]
    storage = next((v["name"] for v in spec["versions"] if v.get("storage")), "")
    return [
        _served(spec, version, storage) for version in spec["versions"] if version.get("served")
    ]


def _served(spec: JsonObject, version: JsonObject, storage: str) -> Served:
    names: JsonObject = spec["names"]
    kind: str = names["kind"]
    written: JsonObject = (version.get("schema") or {}).get("openAPIV3Schema") or {}
    subresources: JsonObject = version.get("subresources") or {}
    return Served(
        resource=Resource(
            spec["group"],
            version["name"],
            names["plural"],
            kind,
            dict[str, Any],
            spec.get("scope") != "Cluster",
        ),
        singular=names.get("singular") or kind.lower(),
        schema=CustomSchema(
            kind, version["name"], written, bool(spec.get("preserveUnknownFields"))
        ),
        table=custom_table(version.get("additionalPrinterColumns") or ()),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        list_kind=names.get("listKind") or f"{kind}List",
        subresources=frozenset(n for n in ("status", "scale") if n in subresources),
        storage_version=storage,
        scale=_scale_paths(subresources.get("scale")),
        is_custom=True,
        openapi=_openapi(spec["group"], version["name"], kind, written),
        selectable_fields={
            field["jsonPath"].removeprefix("."): ""
            for field in version.get("selectableFields") or ()
        },
    )


def _scale_paths(scale: JsonObject | None) -> ScalePaths | None:
    if scale is None:
        return None
    return ScalePaths(
        spec_replicas=scale["specReplicasPath"],
        status_replicas=scale["statusReplicasPath"],
        label_selector=scale.get("labelSelectorPath") or "",
    )


def _openapi(group: str, version: str, kind: str, written: JsonObject) -> JsonObject:
    """The schema as documents show it: with the fields every object has."""
    properties: JsonObject = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        **written.get("properties", {}),
    }
    return {
        **written,
        "type": "object",
        "properties": properties,
        "x-kubernetes-group-version-kind": [{"group": group, "version": version, "kind": kind}],
    }
