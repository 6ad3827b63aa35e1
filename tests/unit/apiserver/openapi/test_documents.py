"""OpenAPI documents: what kubectl looks for in them."""

from collections.abc import Iterator
from typing import Any

import pytest

from shoal.api.status import ApiError
from shoal.apiserver.builtin import builtin_kinds
from shoal.apiserver.exchange import Request
from shoal.apiserver.openapi.documents import (
    group_versions,
    openapi_v2_document,
    openapi_v3_document,
    openapi_v3_index,
)
from shoal.apiserver.openapi.endpoint import V2_PROTOBUF_TYPE, OpenApiEndpoint
from shoal.apiserver.schema.custom.served import served_from_crd
from shoal.apiserver.served import Served

BUILTIN = builtin_kinds()


def crd(description: str = "") -> dict[str, Any]:
    schema = {
        "type": "object",
        "description": description,
        "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}},
    }
    version = {"name": "v1", "served": True, "storage": True}
    return {
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [{**version, "schema": {"openAPIV3Schema": schema}}],
        }
    }


CUSTOM = served_from_crd(crd())
EVERYTHING = [*BUILTIN, *CUSTOM]
DOCUMENTS = {path: openapi_v3_document(kinds) for path, kinds in group_versions(EVERYTHING).items()}


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_reference_has_its_component(path: str) -> None:
    document = DOCUMENTS[path]
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


def test_the_v2_document_refers_to_its_own_definitions() -> None:
    document = openapi_v2_document(EVERYTHING)
    known = {f"#/definitions/{name}" for name in document["definitions"]}
    assert set(references(document)) <= known
    assert "io.k8s.api.core.v1.Pod" in document["definitions"]
    assert "com.example.v1.Widget" in document["definitions"]


@pytest.mark.parametrize("served", EVERYTHING, ids=lambda s: s.resource.group_resource)
def test_the_patch_of_every_kind_takes_field_validation(served: Served) -> None:
    # By this, kubectl leaves validation to the server.
    resource = served.resource
    document = DOCUMENTS[f"{'apis' if resource.group else 'api'}/{resource.api_version}"]
    patch = document["paths"][f"{resource.path('{namespace}')}/{{name}}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {
        "group": resource.group,
        "version": resource.version,
        "kind": resource.kind,
    }
    names = {parameter["name"] for parameter in patch["parameters"]}
    assert names == {"dryRun", "fieldManager", "fieldValidation", "force"}


def test_components_keep_merge_keys_and_texts() -> None:
    # kubectl makes strategic merge patches, and explains, from these.
    schemas = DOCUMENTS["api/v1"]["components"]["schemas"]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["items"] == {"$ref": "#/components/schemas/io.k8s.api.core.v1.Container"}
    assert containers["description"].startswith("List of containers belonging to the pod.")
    pod = schemas["io.k8s.api.core.v1.Pod"]
    assert pod["x-kubernetes-group-version-kind"] == [{"group": "", "kind": "Pod", "version": "v1"}]
    assert pod["properties"]["spec"]["allOf"] == [
        {"$ref": "#/components/schemas/io.k8s.api.core.v1.PodSpec"}
    ]


def test_custom_kinds_bring_their_schema_and_the_metadata_of_every_object() -> None:
    schemas = DOCUMENTS["apis/example.com/v1"]["components"]["schemas"]
    widget = schemas["com.example.v1.Widget"]
    assert widget["properties"]["spec"]["properties"]["size"] == {"type": "integer"}
    assert "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" in schemas
    content = DOCUMENTS["apis/example.com/v1"]["paths"][
        "/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"
    ]["patch"]["requestBody"]["content"]
    assert "application/strategic-merge-patch+json" not in content


def test_cluster_wide_kinds_have_no_namespace_in_their_paths() -> None:
    paths = DOCUMENTS["api/v1"]["paths"]
    assert "/api/v1/nodes/{name}" in paths
    assert not any("{namespace}/nodes" in path for path in paths)
    assert "post" in paths["/api/v1/nodes"]
    assert set(paths["/api/v1/pods"]) == {"get", "parameters"}


def test_scale_is_the_kind_of_scale_subresources() -> None:
    document = DOCUMENTS["apis/apps/v1"]
    scale = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale"]
    assert scale["patch"]["x-kubernetes-group-version-kind"]["kind"] == "Scale"
    assert "io.k8s.api.autoscaling.v1.Scale" in document["components"]["schemas"]


def answer(path: str, served: list[Served] = EVERYTHING, **headers: str) -> Any:
    url, _, query = path.partition("?")
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request("GET", url, query, names)
    return OpenApiEndpoint(lambda: served).answer(request, url.split("/")[2:])


def test_the_index_leads_to_documents_that_never_change() -> None:
    url = openapi_v3_index(EVERYTHING)["paths"]["apis/apps/v1"]["serverRelativeURL"]
    headers = dict(answer(url).headers)
    assert "immutable" in headers["Cache-Control"]
    assert "immutable" not in dict(answer("/openapi/v3/apis/apps/v1").headers)["Cache-Control"]
    again = answer("/openapi/v3/apis/apps/v1", if_none_match=headers["ETag"])
    assert (again.status, again.body) == (304, b"")


def test_a_changed_definition_changes_the_hash_of_its_own_document_only() -> None:
    before = openapi_v3_index(EVERYTHING)["paths"]
    after = openapi_v3_index([*BUILTIN, *served_from_crd(crd("changed"))])["paths"]
    assert {path for path in before if before[path] != after[path]} == {"apis/example.com/v1"}


def test_unknown_documents_are_not_found() -> None:
    assert answer("/openapi/v3/apis/nothing/v1") is None
    assert answer("/openapi/v4") is None


def test_the_v2_document_is_json_for_those_who_read_json() -> None:
    assert answer("/openapi/v2").status == 200
    protobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
    with pytest.raises(ApiError, match="only application/json"):
        answer("/openapi/v2", accept="application/cbor")
    assert answer("/openapi/v2", accept=f"{protobuf},application/json").status == 200


def test_clients_that_only_read_protobuf_get_a_v2_document_without_definitions() -> None:
    made = answer("/openapi/v2", accept=V2_PROTOBUF_TYPE)
    assert made.content_type == V2_PROTOBUF_TYPE
    assert made.body.startswith(b"\n\x032.0")
