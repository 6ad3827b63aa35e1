"""No file of a volume leads out of it: the node writes them as its own user."""

import pytest

from shoal.api.resource import JsonObject
from shoal.apiserver.schema.validation.volumes import validate_volumes

UPWARDS = "must not contain '..'"


def told(**source: JsonObject) -> list[tuple[str, str]]:
    """Field and message of each cause, of a volume of that source."""
    causes = validate_volumes([{"name": "v", **source}], "volumes")
    return [(each.field.removeprefix("volumes[0]."), each.message) for each in causes]


def item(path: str) -> JsonObject:
    return {"key": "k", "path": path}


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/x", "..data/x", "..x"])
def test_a_file_that_leads_out_of_its_volume_is_refused_whatever_it_is_made_of(path: str) -> None:
    field = {"path": path, "fieldRef": {"fieldPath": "metadata.name"}}
    parts: list[JsonObject] = [
        {"secret": {"name": "s", "items": [item(path)]}},
        {"configMap": {"name": "s", "items": [item(path)]}},
        {"downwardAPI": {"items": [field]}},
        {"serviceAccountToken": {"path": path}},
    ]
    assert told(secret={"secretName": "s", "items": [item(path)]})
    assert told(configMap={"name": "s", "items": [item(path)]})
    assert told(downwardAPI={"items": [field]})
    assert [bool(told(projected={"sources": [part]})) for part in parts] == [True] * 4


@pytest.mark.parametrize("path", ["x", "a/b", "a..b", ".x"])
def test_a_file_below_its_volume_is_fine(path: str) -> None:
    source = {"secret": {"name": "s", "items": [item(path)]}}
    assert told(projected={"sources": [source]}) == []
    assert told(projected={"sources": [{"serviceAccountToken": {"path": path}}]}) == []


def test_what_is_wrong_with_a_projection_is_said_where_it_is() -> None:
    token = {"path": "../t", "expirationSeconds": 599}
    sources = [
        {"secret": {"items": []}},
        {"serviceAccountToken": token, "configMap": {"name": "c"}},
    ]
    fields = [field for field, _ in told(projected={"sources": sources})]
    assert fields == [
        "projected.sources[0].secret.name",
        "projected.sources[1].serviceAccountToken.expirationSeconds",
        "projected.sources[1].serviceAccountToken.path",
        "projected.sources[1]",
    ]


CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def test_a_volume_that_a_pod_brings_along_says_what_claim_it_wants() -> None:
    at = "ephemeral.volumeClaimTemplate"
    assert [field for field, _ in told(ephemeral={})] == [at]
    fields = [field for field, _ in told(ephemeral={"volumeClaimTemplate": {"spec": {}}})]
    assert fields == [f"{at}.spec.accessModes", f"{at}.spec.resources[storage]"]
    marked: JsonObject = {"labels": {"a": "b"}, "creationTimestamp": None}
    template: JsonObject = {"metadata": marked, "spec": CLAIM}
    assert told(ephemeral={"volumeClaimTemplate": template}) == []
    marked["name"] = "mine"
    assert told(ephemeral={"volumeClaimTemplate": template}) == [
        (f"{at}.metadata.name", "Forbidden: cannot be set for an ephemeral volume")
    ]
