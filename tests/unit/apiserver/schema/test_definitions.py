"""The committed schema tables are whole and what their generator makes."""

import importlib.util
from pathlib import Path

import pytest

from shoal.apiserver.schema.definitions import (
    DefinitionFacts,
    definition_name,
    definitions,
    descriptions,
)

ROOT = Path(__file__).parents[4]


def test_the_committed_tables_are_what_the_generator_makes():
    pytest.importorskip("kubernetes_validate")
    spec = importlib.util.spec_from_file_location("make_schemas", ROOT / "scripts/make_schemas.py")
    assert spec is not None and spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)

    tables = generator.make_tables(generator.published_definitions())

    assert (generator.DATA / "definitions.json").read_bytes() == tables[0]
    assert (generator.DATA / "descriptions.json").read_bytes() == tables[1]


def test_every_reference_leads_somewhere():
    def references(schema):
        if "$ref" in schema:
            yield schema["$ref"]
        for key in ("items", "additionalProperties"):
            if key in schema:
                yield from references(schema[key])
        for inner in schema.get("properties", {}).values():
            yield from references(inner)

    for schema in definitions().values():
        assert set(references(schema)) <= set(definitions())


def test_descriptions_tell_of_fields_and_of_the_kind_itself():
    pod = descriptions()["io.k8s.api.core.v1.Pod"]
    assert pod[""].startswith("Pod is a collection of containers")
    assert "spec" in pod


def test_a_kind_is_found_by_group_version_and_kind():
    assert definition_name("", "v1", "Pod") == "io.k8s.api.core.v1.Pod"
    assert definition_name("apps", "v1", "Deployment") == "io.k8s.api.apps.v1.Deployment"
    assert definition_name("apps", "v1", "Unheard") is None


def test_merge_facts_know_keys_and_strategies():
    spec = DefinitionFacts({"$ref": "io.k8s.api.core.v1.Pod"}).field("spec")
    containers = spec.field("containers")
    assert containers.merge_key == "name"
    assert containers.strategies == {"merge"}
    assert containers.item.field("ports").merge_key == "containerPort"
    assert spec.field("volumes").strategies == {"merge", "retainKeys"}
    assert spec.field("tolerations").strategies == frozenset()
    assert containers.list_map_keys == ("name",)


def test_merge_facts_of_unknown_places_are_empty():
    nowhere = DefinitionFacts({"$ref": "io.k8s.api.core.v1.Pod"}).field("no").item.field("way")
    assert (nowhere.merge_key, nowhere.strategies, nowhere.list_type) == ("", frozenset(), "")
