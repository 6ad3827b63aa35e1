"""The CRDs of Shoal's own kinds, made from their structs."""

from typing import Annotated, Any

import msgspec
import pytest

from shoal.api.crds import all_crds
from shoal.api.custom_kind import CustomKind, Rule, described
from shoal.api.meta import ApiStruct, Object
from shoal.api.ploto import DynamicExecutorPool
from shoal.api.resource import JsonObject


class BoxSpec(ApiStruct):
    width: Annotated[int, described("How wide.", required=True, minimum=1)] = 0
    colour: Annotated[str, described("Painted.", enum=["red", "blue"])] = "red"
    parts: Annotated[list[str], described("Inside.")] = []
    lid: Annotated[bool | None, described("Has a lid.")] = None


class BoxStatus(ApiStruct):
    count: Annotated[int, described("Counted.")] = 0


class Box(Object):
    """A box."""

    spec: Annotated[
        BoxSpec, described("Asked for.", required=True, rules=[Rule("self.width < 9", "too wide")])
    ] = BoxSpec()
    status: Annotated[BoxStatus, described("Seen.")] = BoxStatus()


@pytest.fixture
def version() -> JsonObject:
    kind = CustomKind(type=Box, group="example.com", plural="boxes", versions=("v1", "v1alpha1"))
    versions = kind.to_crd()["spec"]["versions"]
    assert [(v["name"], v["storage"]) for v in versions] == [("v1", True), ("v1alpha1", False)]
    assert versions[0]["schema"] == versions[1]["schema"]
    return versions[0]


def test_a_schema_is_made_from_the_fields_of_the_struct(version: JsonObject) -> None:
    schema = version["schema"]["openAPIV3Schema"]
    assert schema["description"] == "A box."
    assert schema["required"] == ["spec"]
    spec = schema["properties"]["spec"]
    assert spec["required"] == ["width"]
    assert spec["properties"] == {
        "width": {"type": "integer", "description": "How wide.", "minimum": 1},
        "colour": {
            "type": "string",
            "description": "Painted.",
            "enum": ["red", "blue"],
            "default": "red",
        },
        "parts": {"type": "array", "items": {"type": "string"}, "description": "Inside."},
        "lid": {"type": "boolean", "description": "Has a lid."},
    }
    assert spec["x-kubernetes-validations"] == [{"rule": "self.width < 9", "message": "too wide"}]


def test_status_is_a_subresource_without_defaults(version: JsonObject) -> None:
    assert version["subresources"] == {"status": {}}
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]
    assert status["properties"] == {"count": {"type": "integer", "description": "Counted."}}


def test_bounds_bind_the_server_and_not_the_reader() -> None:
    read = msgspec.convert({"spec": {"width": -1, "colour": "green"}}, Box)
    assert read.spec.width == -1


def test_manifests_may_be_edited_without_harm() -> None:
    first = all_crds()
    first[0]["spec"]["versions"][0]["schema"].clear()
    assert all_crds()[0]["spec"]["versions"][0]["schema"]


@pytest.mark.parametrize("crd", all_crds(), ids=lambda crd: crd["metadata"]["name"])
def test_every_crd_is_structural(crd: JsonObject) -> None:
    for version in crd["spec"]["versions"]:
        assert_structural(version["schema"]["openAPIV3Schema"])


def assert_structural(schema: Any) -> None:
    assert schema["type"]
    for child in schema.get("properties", {}).values():
        assert_structural(child)
    if schema["type"] == "array":
        assert_structural(schema["items"])


def test_names_are_those_that_users_of_ploto_write() -> None:
    names = {crd["metadata"]["name"]: crd["spec"]["names"] for crd in all_crds()}
    assert names["dynamicexecutorpools.ploto.io"]["shortNames"] == ["dep"]
    assert names["fixedexecutorpools.ploto.io"]["shortNames"] == ["fep"]
    assert names["tasks.ploto.io"]["singular"] == "task"
    of_ploto = [each for name, each in names.items() if name.endswith(".ploto.io")]
    assert {tuple(each["categories"]) for each in of_ploto} == {("ploto",)}
    assert DynamicExecutorPool.__name__ == names["dynamicexecutorpools.ploto.io"]["kind"]


def test_an_scv_is_written_whole_as_its_sniffer_does() -> None:
    crd = next(each for each in all_crds() if each["metadata"]["name"] == "scvs.core.run-linux.com")
    assert crd["spec"]["scope"] == "Cluster"
    (version,) = crd["spec"]["versions"]
    assert "subresources" not in version
    card = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["cardList"]
    assert set(card["items"]["properties"]) == {
        *("id", "health", "model", "power", "totalMemory", "freeMemory", "clock", "core"),
        "bandwidth",
    }
