"""CustomResourceDefinitions: served when sound, refused in the server's words."""

import copy

import pytest

from shoal.apiserver.schema.builtin import builtin_schema
from shoal.apiserver.schema.custom.served import served_from_crd

CRD_SCHEMA = builtin_schema("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
CRD = {
    "metadata": {"name": "crontabs.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {
            "kind": "CronTab",
            "plural": "crontabs",
            "shortNames": ["ct"],
            "categories": ["all"],
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {
                                    "replicas": {"type": "integer", "default": 1},
                                    "cron": {"type": "string"},
                                },
                            },
                            "status": {
                                "type": "object",
                                "properties": {"replicas": {"type": "integer"}},
                            },
                        },
                    }
                },
                "subresources": {
                    "status": {},
                    "scale": {
                        "specReplicasPath": ".spec.replicas",
                        "statusReplicasPath": ".status.replicas",
                    },
                },
                "additionalPrinterColumns": [
                    {"name": "Cron", "type": "string", "jsonPath": ".spec.cron"}
                ],
                "selectableFields": [{"jsonPath": ".spec.cron"}],
            },
            {
                "name": "v1alpha1",
                "served": True,
                "storage": False,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            },
            {
                "name": "v0",
                "served": False,
                "storage": False,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            },
        ],
    },
}
ROOT = "spec.versions[0].schema.openAPIV3Schema"


def crd(change=lambda spec: None):
    made = copy.deepcopy(CRD)
    change(made["spec"])
    assert CRD_SCHEMA.decode_error(made) is None
    assert CRD_SCHEMA.prune(made) == []
    CRD_SCHEMA.default(made)
    return made


def problems(change, old=None):
    return [str(cause) for cause in CRD_SCHEMA.validate(crd(change), old)]


def in_schema(**fields):
    """A change of the first version's `spec` schema."""

    def change(spec):
        schema = spec["versions"][0]["schema"]["openAPIV3Schema"]
        schema["properties"]["spec"]["properties"].update(fields)

    return change


def test_each_served_version_becomes_one_served_kind():
    first, second = served_from_crd(crd())
    assert first.resource.api_version == "example.com/v1"
    assert first.resource.plural == "crontabs"
    assert first.resource.namespaced
    assert (first.singular, first.list_kind) == ("crontab", "CronTabList")
    assert (first.short_names, first.categories) == (("ct",), ("all",))
    assert first.subresources == {"status", "scale"}
    assert first.scale is not None and first.scale.spec_replicas == ".spec.replicas"
    assert first.selectable_fields == {"spec.cron": ""}
    assert first.storage_version == second.storage_version == "v1"
    assert first.is_custom
    assert [column.name for column in first.table.columns] == ["Name", "Cron"]
    assert second.resource.version == "v1alpha1"
    assert second.subresources == frozenset()


def test_a_served_schema_prunes_defaults_and_validates():
    served = served_from_crd(crd())[0]
    obj = {"metadata": {"name": "a"}, "spec": {"cron": 1, "x": 1}}
    assert served.schema.prune(obj) == ["spec.x"]
    served.schema.default(obj)
    assert obj["spec"] == {"cron": 1, "replicas": 1}
    assert [cause.field for cause in served.schema.validate(obj, None)] == ["spec.cron"]
    assert served.schema.merge_facts is None


def test_documents_show_what_every_object_has():
    openapi = served_from_crd(crd())[0].openapi
    assert openapi is not None
    assert {"apiVersion", "kind", "metadata", "spec", "status"} == set(openapi["properties"])
    assert openapi["x-kubernetes-group-version-kind"] == [
        {"group": "example.com", "version": "v1", "kind": "CronTab"}
    ]


def test_a_sound_definition_passes():
    assert problems(lambda spec: None) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda spec: spec["names"].update(plural="tabs"),
            'metadata.name: Invalid value: "crontabs.example.com": must be '
            'spec.names.plural+"."+spec.group',
        ),
        (
            lambda spec: spec.update(scope="Galaxy"),
            'spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced"',
        ),
        (
            lambda spec: spec["versions"][1].update(storage=True),
            'spec.versions: Invalid value: ["v1","v1alpha1","v0"]: must have exactly one version '
            "marked as storage version",
        ),
        (
            lambda spec: spec["versions"][1].update(name="v1"),
            'spec.versions: Invalid value: ["v1","v1","v0"]: must contain unique version names',
        ),
        (
            lambda spec: spec["versions"][0].pop("schema"),
            f"{ROOT}: Required value: schemas are required",
        ),
        (
            lambda spec: spec["names"].update(listKind="CronTab"),
            'spec.names.listKind: Invalid value: "CronTab": kind and listKind may not be the same',
        ),
        (
            lambda spec: spec["versions"][0]["subresources"]["scale"].update(
                specReplicasPath=".status.replicas"
            ),
            "spec.versions[0].subresources.scale.specReplicasPath: Invalid value: "
            '".status.replicas": should be a json path under .spec',
        ),
        (
            lambda spec: spec["versions"][0]["additionalPrinterColumns"][0].update(type="text"),
            'spec.versions[0].additionalPrinterColumns[0].type: Invalid value: "text": must be one '
            "of boolean,date,integer,number,string",
        ),
        (
            in_schema(a={}),
            f"{ROOT}.properties[spec].properties[a].type: Required value: must not be empty for "
            "specified object fields",
        ),
        (
            in_schema(a={"type": "array"}),
            f"{ROOT}.properties[spec].properties[a].items: Required value: must be specified",
        ),
        (
            in_schema(a={"type": "string", "pattern": "("}),
            f'{ROOT}.properties[spec].properties[a].pattern: Invalid value: "(": must be a valid '
            "regular expression, but isn't: ",
        ),
        (
            in_schema(a={"type": "string", "default": 1}),
            f'{ROOT}.properties[spec].properties[a].default: Invalid value: "integer": default in '
            'body must be of type string: "integer"',
        ),
        (
            in_schema(a={"type": "string", "x-kubernetes-validations": [{"rule": "self +"}]}),
            f"{ROOT}.properties[spec].properties[a].x-kubernetes-validations[0].rule: Invalid "
            'value: "self +": compilation failed: ',
        ),
        (
            in_schema(a={"type": "object", "anyOf": [{"type": "object"}]}),
            f"{ROOT}.properties[spec].properties[a].anyOf[0].type: Forbidden: must be empty to be "
            "structural",
        ),
        (
            in_schema(a={"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
            f"{ROOT}.properties[spec].properties[a].uniqueItems: Forbidden: uniqueItems cannot be "
            "set to true since the runtime complexity becomes quadratic",
        ),
        (
            in_schema(
                a={
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "items": {"type": "object", "properties": {}},
                }
            ),
            f"{ROOT}.properties[spec].properties[a].x-kubernetes-list-map-keys: Required value: "
            "must not be empty if x-kubernetes-list-type is map",
        ),
    ],
)
def test_a_definition_is_refused_in_the_servers_words(change, expected):
    assert [text for text in problems(change) if text.startswith(expected)]


def test_what_names_a_kind_stays():
    found = problems(lambda spec: spec.update(scope="Cluster"), crd())
    assert found == ['spec.scope: Invalid value: "Cluster": field is immutable']


def test_int_or_string_needs_no_type():
    change = in_schema(
        a={
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
        }
    )
    assert problems(change) == []
